"""Money: US dollars as Decimal, never float; rounded only where a person sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_HOUR = Decimal(3_600_000_000)
_MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """From `at` on an instance costs this, until the next change. Past ones are never changed."""

    at: datetime
    usd_per_hour: Decimal
    on_demand_usd_per_hour: Decimal


def cost_usd(price_usd_per_hour: Decimal, used: timedelta) -> Decimal:
    """Return what `used` costs at the price, in USD, rounded half-even to a millionth; never negative."""
    return total_usd([(price_usd_per_hour, used)])


def total_usd(uses: Iterable[tuple[Decimal, timedelta]]) -> Decimal:
    """Return what the uses (price per hour, time) cost together, in USD: summed exactly, then rounded once, half-even
    to a millionth. A negative price or time counts as nought.
    """
    exact = sum((max(price, Decimal(0)) * max(used // _MICROSECOND, 0) for price, used in uses), Decimal(0))
    return (exact / _MICROSECONDS_PER_HOUR).quantize(_MILLIONTH, ROUND_HALF_EVEN)
