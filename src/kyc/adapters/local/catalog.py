"""The local cloud's price list. It needs no daemon: prices follow from the seed and the time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from kyc.adapters.local.price import STEP_S, spot_price_usd, step_at
from kyc.adapters.local.shape import CLOUD, REGION, SHAPES, ZONES, Shape
from kyc.domain.alert import Market
from kyc.domain.offer import Arch, Offer, Purchase
from kyc.planning.coverage import Coverage, count_offers
from kyc.planning.offers import OfferQuery, SearchResult, search_offers
from kyc.ports.catalog import SpotPrice
from kyc.ports.clock import Clock

SOURCE = "local cloud (simulated)"
_MOST_STEPS = 30 * 288  # a month


class LocalCatalog:
    """The Catalog port: every type in every zone, spot and on demand, on this machine's architecture."""

    def __init__(self, clock: Clock, *, seed: int = 0, arch: Arch = Arch.X86_64) -> None:
        self._clock = clock
        self._seed = seed
        self._arch = arch

    async def search(self, query: OfferQuery) -> SearchResult:
        """Search the offers at today's prices."""
        return search_offers(self.offers(), query)

    async def coverage(self) -> Sequence[Coverage]:
        """Count the offers."""
        return count_offers(self.offers())

    async def history(self, market: Market, since: datetime) -> Sequence[SpotPrice]:
        """Return the price of every step since: the simulated prices are the same whenever one looks."""
        shape = SHAPES.get(market.instance_type)
        if shape is None or (market.cloud, market.region) != (CLOUD, REGION):
            return []
        last = step_at(self._clock.now().timestamp())
        first = max(step_at(since.timestamp()), last - _MOST_STEPS)
        zones = [zone for zone in ZONES if market.zone in {"", zone}]
        on_demand = Decimal(shape.on_demand_usd_per_hour)
        return [
            SpotPrice(
                at=datetime.fromtimestamp(step * STEP_S, UTC),
                zone=zone,
                usd_per_hour=spot_price_usd(on_demand, seed=self._seed, pool=f"{zone}/{shape.name}", step=step),
            )
            for zone in zones
            for step in range(first, last + 1)
        ]

    def offers(self) -> Sequence[Offer]:
        """Return the offers at today's prices; a spot price holds for 5 minutes."""
        step = step_at(self._clock.now().timestamp())
        priced_at = datetime.fromtimestamp(step * STEP_S, UTC)
        return [
            self._offer(shape, zone, purchase, step=step, priced_at=priced_at)
            for shape in SHAPES.values()
            for zone in ZONES
            for purchase in Purchase
        ]

    def _offer(self, shape: Shape, zone: str, purchase: Purchase, *, step: int, priced_at: datetime) -> Offer:
        on_demand = Decimal(shape.on_demand_usd_per_hour)
        price = on_demand
        if purchase is Purchase.SPOT:
            price = spot_price_usd(on_demand, seed=self._seed, pool=f"{zone}/{shape.name}", step=step)
        return Offer(
            cloud=CLOUD,
            region=REGION,
            zone=zone,
            instance_type=shape.name,
            purchase=purchase,
            vcpus=shape.vcpus,
            memory_mib=shape.memory_mib,
            price_usd_per_hour=price,
            on_demand_usd_per_hour=on_demand,
            source=SOURCE,
            priced_at=priced_at,
            arch=self._arch,
        )
