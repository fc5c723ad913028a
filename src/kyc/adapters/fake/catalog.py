"""A catalog that holds what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from kyc.adapters.fake.clock import START
from kyc.domain.alert import Market
from kyc.domain.offer import Offer, Purchase
from kyc.planning.coverage import Coverage, count_offers
from kyc.planning.offers import OfferQuery, SearchResult, search_offers
from kyc.ports.catalog import SpotPrice


class FakeCatalog:
    """A Catalog over a list; `listed` may be replaced between two calls, `failure` makes the next ones raise."""

    def __init__(self, listed: Iterable[Offer] = ()) -> None:
        self.listed: tuple[Offer, ...] = tuple(listed)
        self.failure: Exception | None = None

    async def search(self, query: OfferQuery) -> SearchResult:
        """Search what is listed now."""
        self._may_fail()
        return search_offers(self.listed, query)

    async def coverage(self) -> Sequence[Coverage]:
        """Count what is listed now."""
        self._may_fail()
        return count_offers(self.listed)

    async def history(self, market: Market, since: datetime) -> Sequence[SpotPrice]:
        """Return the present prices: what was listed before is not known any more."""
        self._may_fail()
        there = (offer for offer in self.listed if market.covers(offer) and offer.priced_at >= since)
        return [SpotPrice(at=o.priced_at, zone=o.zone, usd_per_hour=o.price_usd_per_hour) for o in there]

    def _may_fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def fake_offer(  # one place for the defaults: a keyword for each thing a test may care about
    *,
    cloud: str = "fake",
    zone: str = "fake-a",
    instance_type: str = "small",
    purchase: Purchase = Purchase.SPOT,
    price: str = "0.03",
    priced_at: datetime = START,
) -> Offer:
    """Return an offer of a machine with 1 vCPU and 1 GiB that costs 0.10 USD per hour on demand."""
    return Offer(
        cloud=cloud,
        region=cloud,
        zone=zone,
        instance_type=instance_type,
        purchase=purchase,
        vcpus=1,
        memory_mib=1024,
        price_usd_per_hour=Decimal(price),
        on_demand_usd_per_hour=Decimal("0.10"),
        source="fake",
        priced_at=priced_at,
    )
