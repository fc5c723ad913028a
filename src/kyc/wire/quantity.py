"""Amounts as people write them in workload files and options: `6h`, `12 USD`, `4+`, `16GB`. Pure text to values.

Every function raises ValueError whose text completes "X is ...", for the caller to name the place.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import Decimal

from kyc.domain.workload import Bound

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|min|[smhdw])")
_MONEY = re.compile(r"(\$?)\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(usd|\$)?", re.IGNORECASE)
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_BOUND = re.compile(rf"({_NUMBER})(\+)?|({_NUMBER})\.\.({_NUMBER})?|\.\.({_NUMBER})")
_MEMORY_UNIT = re.compile(rf"({_NUMBER})\s*(t|tb|tib|g|gb|gib|m|mb|mib)(?![a-z])", re.IGNORECASE)
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([kmg])b(?:/s)?", re.IGNORECASE)
_BYTES = {"k": 1e3, "m": 1e6, "g": 1e9}
_GIB = {"t": 1024.0, "g": 1.0, "m": 1 / 1024}
MAX_DURATION = timedelta(days=3660)


def duration(value: object) -> timedelta:
    """Return `6h`, `90m`, `1d 2h` or `500ms` as a timedelta, above zero and at most ten years."""
    if not isinstance(value, str):
        raise ValueError("not a time with its unit, such as 6h, 90m or 1d 2h")
    seconds, end = 0.0, 0
    text = value.strip().lower()
    while end < len(text):
        match = _DURATION.match(text, end)
        if match is None:
            raise ValueError("not a time with its unit, such as 6h, 90m or 1d 2h")
        seconds += float(match[1]) * _SECONDS[match[2]]
        end = match.end()
    if not 0 < seconds <= MAX_DURATION.total_seconds():
        raise ValueError("not a time above zero and below ten years")
    return timedelta(seconds=seconds)


def money_usd(value: object) -> Decimal:
    """Return `12 USD`, `$12`, `12.50` or 12 as USD, above zero."""
    text = str(value).strip() if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    match = _MONEY.fullmatch(text)
    if match is None or (match[1] and match[3]):
        raise ValueError("not an amount in US dollars, such as 12 USD or $12")
    amount = Decimal(match[2])
    if amount <= 0:
        raise ValueError("not an amount above zero")
    return amount


def bytes_per_s(value: object) -> float:
    """Return `20MB` or `500 kB/s` as bytes a second, above zero; kB, MB and GB are powers of 1000."""
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not (rate := float(match[1]) * _BYTES[match[2].lower()]):
        raise ValueError("not a speed above zero with its unit, such as 20MB (a second)")
    return rate


def bound(value: object) -> Bound:
    """Return `4+` (least 4), `4` (exactly 4), `4..8` or `..8` as a Bound; a plain number counts as its text."""
    match = _BOUND.fullmatch(_amount_text(value))
    if match is None:
        raise ValueError("not an amount such as 4+ (four or more), 4 (exactly) or 4..8")
    exact, plus, low, high, top = match.groups()
    if exact is not None:
        found = Bound(least=float(exact), most=None if plus else float(exact))
    else:
        most = high or top
        found = Bound(least=float(low or 0), most=None if most is None else float(most))
    if found.most is not None and not (0 < found.most >= found.least):
        raise ValueError("not an amount above zero, the smaller one first")
    return found


def memory_gib(value: object) -> Bound:
    """Return a bound of GiB; each number may have a unit (`16GB`, `512MB+`; GB and GiB both mean 2**30 bytes)."""
    return bound(_MEMORY_UNIT.sub(_in_gib, _amount_text(value)))


def _in_gib(match: re.Match[str]) -> str:
    gib = float(match[1]) * _GIB[match[2][0].lower()]
    return f"{gib:.6f}".rstrip("0").rstrip(".")


def _amount_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return ""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") if math.isfinite(value) else ""
    return re.sub(r"\s+", "", str(value)) if isinstance(value, str) or abs(value) < 10**9 else ""
