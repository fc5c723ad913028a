"""When a price is too old to be relied upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kyc.domain.offer import Offer, Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How long prices hold: by source where one is named, else by how they are bought (list prices change seldom)."""

    spot: timedelta = timedelta(hours=6)
    on_demand: timedelta = timedelta(days=30)
    by_source: Mapping[str, timedelta] = field(default_factory=dict)

    def longest(self, source: str, purchase: Purchase) -> timedelta:
        """Return the age from which on a price of this source is stale."""
        usual = self.spot if purchase is Purchase.SPOT else self.on_demand
        return self.by_source.get(source, usual)

    def is_stale(self, offer: Offer, *, now: datetime) -> bool:
        """Say whether the offer's price is older than it may be."""
        return now - offer.priced_at > self.longest(offer.source, offer.purchase)


def age_s(offer: Offer, *, now: datetime) -> float:
    """Return the age of the offer's price in seconds; 0 for one from the future (a clock that differs)."""
    return max(0.0, (now - offer.priced_at).total_seconds())
