"""Which changes of price have to be written on an instance's bill.

A price that was paid is never changed afterwards. A new one counts from when its source stated it, but from no longer
ago than `MOST_BACK`, so that what people have been told of the past stays true.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from kyc.domain.instance import Instance
from kyc.domain.money import PriceChange
from kyc.domain.offer import Offer

MOST_BACK = timedelta(minutes=5)


def price_change(instance: Instance, listed: Offer | None, *, now: datetime) -> PriceChange | None:
    """Return what the instance costs from some time on, None if nothing changed.

    `listed` is its offer as the catalog has it now. One that is not listed any more, or whose price makes no sense
    (negative), leaves the price as it was.
    """
    if listed is None or listed.price_usd_per_hour < 0 or listed.on_demand_usd_per_hour < 0:
        return None
    before = instance.price_now
    price, list_price = listed.price_usd_per_hour, listed.on_demand_usd_per_hour
    if (price, list_price) == (before.usd_per_hour, before.on_demand_usd_per_hour):
        return None
    at = max(min(listed.priced_at, now), now - MOST_BACK, before.at)
    return PriceChange(at=at, usd_per_hour=price, on_demand_usd_per_hour=list_price)
