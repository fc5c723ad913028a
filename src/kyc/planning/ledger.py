"""What was spent and what it would have cost on demand, from the instances' own times and prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from kyc.domain.instance import BILLED, Instance
from kyc.domain.money import cost_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money in USD; `used` sums the billed time of all instances; `per_hour_now` is what runs now."""

    spent: Decimal
    on_demand: Decimal
    used: timedelta
    per_hour_now: Decimal

    @property
    def saved(self) -> Decimal:
        """What the same time on demand would have cost more; negative where on-demand would have been cheaper."""
        return self.on_demand - self.spent


def cost_of(instances: Iterable[Instance], *, now: datetime) -> Cost:
    """Return what the instances cost from their start to their end, or to `now` for those that still bill."""
    spent = on_demand = per_hour = Decimal(0)
    used = timedelta()
    for instance in instances:
        span = billed_time(instance, now=now)
        used += span
        spent += cost_usd(instance.offer.price_usd_per_hour, span)
        on_demand += cost_usd(instance.offer.on_demand_usd_per_hour, span)
        if instance.state in BILLED:
            per_hour += instance.offer.price_usd_per_hour
    return Cost(spent=spent, on_demand=on_demand, used=used, per_hour_now=per_hour)


def billed_time(instance: Instance, *, now: datetime) -> timedelta:
    """Return how long the cloud has billed the instance; zero for one that never started."""
    if instance.started_at is None:
        return timedelta()
    return max(timedelta(), (instance.ended_at or now) - instance.started_at)
