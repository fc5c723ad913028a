"""What a catalog holds, counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from kyc.domain.offer import Offer, Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many prices of one kind one source gave for one region, and when they were read."""

    cloud: str
    region: str
    source: str
    purchase: Purchase
    rows: int
    oldest_at: datetime
    newest_at: datetime


def count_offers(offers: Iterable[Offer]) -> list[Coverage]:
    """Return the coverage of a list of offers, by cloud, region, source and kind."""
    found: dict[tuple[str, str, str, str], Coverage] = {}
    for offer in offers:
        key = (offer.cloud, offer.region, offer.source, offer.purchase.value)
        one = Coverage(
            cloud=offer.cloud,
            region=offer.region,
            source=offer.source,
            purchase=offer.purchase,
            rows=1,
            oldest_at=offer.priced_at,
            newest_at=offer.priced_at,
        )
        seen = found.get(key)
        if seen is not None:
            one = replace(
                one,
                rows=seen.rows + 1,
                oldest_at=min(seen.oldest_at, one.oldest_at),
                newest_at=max(seen.newest_at, one.newest_at),
            )
        found[key] = one
    return [found[key] for key in sorted(found)]
