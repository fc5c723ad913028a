"""Where to buy a service's instances, and how many more than needed: what interruptions would take at once.

Instances of one pool (type x zone) are lost together: in over 92 % of the cases within three minutes (Spot-and-Scoot,
arXiv 2604.16457). So the loss to fear of a pool grows with the square of what is in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kyc.domain.offer import Pool
from kyc.domain.service import SpotRule

_UNKNOWN_PER_HOUR = 0.05  # AWS's middle frequency band is 10-15 % a month; a pool nobody knows is taken as much worse


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOffer:
    """A pool that can be bought from, at a price, with the interruptions expected in an hour (None: unknown)."""

    pool: Pool
    price_usd_per_hour: float
    interruptions_per_hour: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChoice:
    """So many instances from a pool, and why."""

    pool: Pool
    count: int
    reason: str


def plan_spread(
    offers: Sequence[PoolOffer], held: Mapping[Pool, int], *, count: int, loss_usd: float
) -> list[PoolChoice]:
    """Return from which pools to buy `count` instances, one after the other where price and risk together are least.

    `held` counts the service's instances in each pool. `loss_usd` is what it costs to lose one instance's service while
    another is started; losing n at once costs n squared of it, for the others are then short too.
    """
    if not offers or count <= 0:
        return []
    numbers = {offer.pool: held.get(offer.pool, 0) for offer in offers}
    bought: dict[Pool, int] = {}
    for _ in range(count):
        best = min(offers, key=lambda offer: (_price_with_risk(offer, numbers[offer.pool], loss_usd), _name(offer)))
        numbers[best.pool] += 1
        bought[best.pool] = bought.get(best.pool, 0) + 1
    by_pool = {offer.pool: offer for offer in offers}
    return [PoolChoice(pool=p, count=n, reason=_reason(by_pool[p], numbers[p])) for p, n in bought.items()]


def _price_with_risk(offer: PoolOffer, there: int, loss_usd: float) -> float:
    """The price, and the rate times what one more adds to the loss: (n + 1)^2 - n^2 = 2 n + 1."""
    return offer.price_usd_per_hour + _rate(offer) * loss_usd * (2 * there + 1)


def _rate(offer: PoolOffer) -> float:
    return _UNKNOWN_PER_HOUR if offer.interruptions_per_hour is None else offer.interruptions_per_hour


def _name(offer: PoolOffer) -> str:
    return f"{offer.pool.cloud}/{offer.pool.zone}/{offer.pool.instance_type}"


def _reason(offer: PoolOffer, number: int) -> str:
    return (
        f"{_name(offer)} at {offer.price_usd_per_hour:.4f} USD/h with {_rate(offer):.3f} interruptions/h is the best "
        f"place up to the service's instance number {number} there"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotMix:
    """How many instances to have of each kind, and why."""

    spot: int
    on_demand: int
    reason: str


def plan_spot_mix(rule: SpotRule, *, wanted: int, ready_spot: int) -> SpotMix:
    """Return SkyServe's mix (SpotHedge, EuroSys'25; sky/serve/autoscalers.py) for `wanted` instances.

    Spot is what is above the on-demand base, and `extra` more. With fallback on-demand stands in for each spot instance
    that is wanted and not ready, never for more than wanted in all; the extra ones are spot's own reserve.
    """
    if wanted <= 0:
        return SpotMix(spot=0, on_demand=0, reason="nothing is wanted")
    base = min(rule.on_demand_base, wanted)
    spot = wanted - base + rule.extra
    stand_in = max(0, min(wanted - base, spot - ready_spot)) if rule.fallback else 0
    reason = f"{wanted} wanted: {base} always on demand, {spot} on spot ({rule.extra} more than needed)"
    if rule.fallback:
        reason += f", {stand_in} on demand while {max(0, spot - ready_spot)} spot instances are not ready"
    return SpotMix(spot=spot, on_demand=base + stand_in, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSize:
    """What packing is to bring about: instances of each kind, and the replicas on all of them."""

    spot: int
    on_demand: int
    replicas: int
    reason: str

    @property
    def instances(self) -> int:
        """Both kinds together."""
        return self.spot + self.on_demand


def plan_fleet_size(rule: SpotRule, *, instances: int, replicas: int, per_instance: int, ready_spot: int) -> FleetSize:
    """Return the fleet for a scale decision: its instances as a spot mix, its replicas with those on the extra ones.

    Only what `extra` adds carries more replicas: a stand-in takes those that wait for its spot instance.
    """
    mix = plan_spot_mix(rule, wanted=instances, ready_spot=ready_spot)
    extra = rule.extra * per_instance if instances > 0 else 0
    return FleetSize(spot=mix.spot, on_demand=mix.on_demand, replicas=replicas + extra, reason=mix.reason)


def extra_for_risk(
    pools: Iterable[tuple[int, float]], *, replace_s: float, tolerance: float = 1e-3, most: int = 16
) -> int:
    """Return how many extra spot instances keep the chance to be short under `tolerance`, at any moment.

    `pools` are (instances, interruptions per hour); a pool is lost whole or not at all. `replace_s` is how long a lost
    instance is missing. The answer never exceeds `most`, nor what the largest pool loses.
    """
    missing = [1.0]  # chance of exactly n missing
    for count, per_hour in pools:
        gone = -math.expm1(-per_hour * replace_s / 3600)
        later = [chance * (1 - gone) for chance in missing] + [0.0] * count
        for number, chance in enumerate(missing):
            later[number + count] += chance * gone
        missing = later
    tail = 0.0
    for number in range(len(missing) - 1, 0, -1):
        tail += missing[number]
        if tail > tolerance:
            return min(most, number)
    return 0
