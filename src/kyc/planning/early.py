"""Whether an instance is replaced on its provider's mere recommendation, before any notice: only if that pays.

A recommendation is a hint, not an order: of 30 seen in 17 hours 21 came to nothing (aws-node-termination-handler #141).
Where it pays, the instance serves on until its replacement does (`planning.packing`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

COMES_TRUE = 0.3  # of all recommendations, where the pool's own risk says no more
LOOK_H = 1.0  # for how long a dearer replacement counts


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisedInstance:
    """What there is to weigh, of one instance.

    `notice_s`: how long before the end the provider says so. `replace_s`: until a new instance has ready replicas.
    `needed`: the share of the instance that nobody else could serve. `replacement_usd_per_hour`: of the best offer
    elsewhere, None if there is none. `refused_over_served`: how much dearer a refused request is than a served one.
    """

    interruptions_per_hour: float
    notice_s: float
    replace_s: float
    needed: float
    price_usd_per_hour: float
    replacement_usd_per_hour: float | None
    refused_over_served: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """The two sides in USD: what staying loses to be expected, and what going early costs."""

    goes: bool
    staying_usd: float
    going_usd: float
    chance: float
    unserved_s: float
    reason: str


def weigh_advice(advised: AdvisedInstance) -> Weighing:
    """Return whether to replace the instance early, with both sides.

    Staying loses, with the chance that the interruption comes, the seconds in which nothing stands in (the time to
    replace less the notice), each worth what the instance serves then and nobody else could. Going costs the
    replacement's price while it starts; and, if nothing would have come, what it is dearer for an hour.
    """
    chance = max(COMES_TRUE, -math.expm1(-max(0.0, advised.interruptions_per_hour)))
    unserved_s = max(0.0, advised.replace_s - advised.notice_s)
    served_usd_per_s = advised.price_usd_per_hour / 3600 * advised.needed * advised.refused_over_served
    staying_usd = chance * unserved_s * served_usd_per_s
    elsewhere = advised.replacement_usd_per_hour
    dearer = 0.0 if elsewhere is None else max(0.0, elsewhere - advised.price_usd_per_hour)
    going_usd = advised.replace_s / 3600 * (elsewhere or 0.0) + (1 - chance) * LOOK_H * dearer
    goes = elsewhere is not None and staying_usd > going_usd
    reason = (
        f"an interruption ({chance:.0%} likely) would leave {unserved_s:.0f} s unserved, {staying_usd:.6f} USD to be "
        f"expected; replacing it now costs {going_usd:.6f} USD, so it {'is replaced' if goes else 'stays'}"
    )
    return Weighing(
        goes=goes,
        staying_usd=staying_usd,
        going_usd=going_usd,
        chance=chance,
        unserved_s=unserved_s,
        reason=reason if elsewhere is not None else "no other pool has an offer that could replace it, so it stays",
    )


def needed_share(*, demand: float, elsewhere: int, here: int) -> float:
    """Return the share of an instance's `here` ready replicas that a demand needs beyond those ready elsewhere."""
    return 0.0 if here <= 0 else min(1.0, max(0.0, demand - elsewhere) / here)
