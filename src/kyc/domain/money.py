"""Money: US dollars as Decimal, never float; rounded only where a person sees it."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

SECONDS_PER_HOUR = Decimal(3600)
_CENT_HUNDREDTH = Decimal("0.000001")


def cost_usd(price_usd_per_hour: Decimal, used: timedelta) -> Decimal:
    """Return what `used` costs at the price, in USD, rounded half-even to a millionth; never negative."""
    seconds = max(Decimal(0), Decimal(str(used.total_seconds())))
    return (price_usd_per_hour * seconds / SECONDS_PER_HOUR).quantize(_CENT_HUNDREDTH, ROUND_HALF_EVEN)
