"""Amounts in words for people: ages, sizes, money. `-` stands for what is not known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

NONE = "-"
_SIZES = ("B", "kB", "MB", "GB", "TB")


def span(seconds: float | None) -> str:
    """Return `0.4 s`, `12 s`, `3 min`, `2 h 5 min` or `3 d 4 h`."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def ago(at: datetime | None, *, now: datetime) -> str:
    """Return how long ago it was."""
    return NONE if at is None else f"{span(max(0.0, (now - at).total_seconds()))} ago"


def until(at: datetime | None, *, now: datetime) -> str:
    """Return how long it is until then."""
    if at is None:
        return NONE
    left_s = (at - now).total_seconds()
    return f"in {span(left_s)}" if left_s >= 0 else f"{span(-left_s)} over"


def size(count: float) -> str:
    """Return a count of bytes as `512 B`, `1.2 MB` and so on, by thousands."""
    amount, unit = float(count), 0
    while amount >= 999.5 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_SIZES[unit]}" if unit == 0 or amount >= 99.5 else f"{amount:.1f} {_SIZES[unit]}"


def usd(amount: float | None) -> str:
    """Return `$12.30`, and small amounts with what they need of digits: `$0.0123`."""
    if amount is None:
        return NONE
    sign = "-" if amount < 0 else ""
    amount = abs(amount)
    return f"{sign}${amount:.{_digits(amount)}f}"


def usd_column(amounts: Iterable[float | None]) -> list[str]:
    """Return the amounts of one column, all with as many digits as the smallest one needs."""
    rows = list(amounts)
    known = [abs(amount) for amount in rows if amount]
    digits = max((_digits(amount) for amount in known), default=2)
    if known and max(known) >= 1:  # beside dollars nobody reads the millionths
        digits = min(digits, 4)
    return [_in_digits(amount, digits) for amount in rows]


def _in_digits(amount: float | None, digits: int) -> str:
    if amount is None:
        return NONE
    least = 10.0**-digits
    if 0 < amount < least / 2:
        return f"<${least:.{digits}f}"
    return f"{'-' if amount < 0 else ''}${abs(amount):.{digits}f}"


def _digits(amount: float) -> int:
    return 2 if amount >= 1 or amount == 0 else 4 if amount >= 0.001 else 6


def clock(at: datetime) -> str:
    """Return the local time of day."""
    return at.astimezone().strftime("%H:%M:%S")


def moment(at: datetime | None) -> str:
    """Return local date and time."""
    return NONE if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def number(value: float) -> str:
    """Return a number without needless zeros."""
    return f"{value:g}"


def plural(count: int, thing: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
