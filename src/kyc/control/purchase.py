"""Buys instances for a service: which offers, spread over which pools, and whether the budgets allow it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kyc.control.context import Context
from kyc.control.gate import refusal_of
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.ids import new_deployment_id, new_instance_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.offer import Offer, Purchase
from kyc.domain.service import ServiceSpec
from kyc.planning.autoscale import Pace
from kyc.planning.market import WorkAhead
from kyc.planning.match import options_of
from kyc.planning.serving import ServiceRecords, early_pools, failed_pools, fits_on
from kyc.planning.spread import PoolOffer, plan_spread

REFUSED_OVER_SERVED = 80  # a refused request weighs as much as so many served ones (WorthRule.buy_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """One deployment of the purchase, with its instances and what to tell of the choice."""

    deployment: Deployment
    instances: Sequence[Instance]
    story: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How many to buy of each kind. `per_instance`: what each must take at least."""

    spot: int
    on_demand: int
    per_instance: int
    reason: str


async def ranked(context: Context, spec: ServiceSpec, seen: ServiceRecords | None = None) -> list[Offer]:
    """Return the offers on which a replica fits, the least expected cost for each replica first."""
    instances = () if seen is None else seen.instances.values()
    avoid = failed_pools(instances, now=context.clock.now())
    ranking = await context.rank(spec.any_of, WorkAhead(data_at=context.data_at), avoid=avoid)
    fitting = [one for one in ranking.best_first if fits_on(spec, one.offer) > 0]
    fitting.sort(key=lambda one: (one.avoided, one.usd / fits_on(spec, one.offer)))
    return [one.offer for one in fitting]


async def purchase(context: Context, seen: ServiceRecords, wanted: Wanted, pace: Pace) -> tuple[list[Bought], str]:
    """Return what to buy, and why not all of it can be bought (empty if it can)."""
    spec = seen.service.spec
    offers = await ranked(context, spec, seen)
    if not offers:
        return [], "no offer meets the requirements now"
    left = early_pools(seen.instances.values())
    offers = [offer for offer in offers if offer.pool not in left] or offers
    bought: list[Bought] = []
    number = len(seen.instances)
    held = Counter(instance.offer.pool for instance in seen.held)
    risks = await context.risks()
    for kind, count in ((Purchase.ON_DEMAND, wanted.on_demand), (Purchase.SPOT, wanted.spot)):
        chosen = _of_kind(offers, kind, spec, wanted.per_instance)
        if count <= 0 or not chosen:
            continue
        pools = {offer.pool: offer for offer in reversed(chosen)}
        replace_s = pace.instance_start_s + pace.replica_start_s
        loss_usd = float(chosen[0].price_usd_per_hour) / 3600 * replace_s * REFUSED_OVER_SERVED
        spread = plan_spread(
            [_pool_offer(offer, risks.rate(offer)) for offer in pools.values()], held, count=count, loss_usd=loss_usd
        )
        for choice in spread:
            offer = pools[choice.pool]
            refused = await refusal_of(context, offer, seen.service, count=choice.count)
            if refused:
                return bought, refused
            bought.append(_deployment(context, spec, offer, choice.count, wanted.reason, number))
            bought[-1].story["where"] = choice.reason
            number += choice.count
            held[choice.pool] += choice.count
    return bought, "" if bought else "no offer of the wanted kind meets the requirements now"


def _of_kind(offers: Sequence[Offer], kind: Purchase, spec: ServiceSpec, per_instance: int) -> list[Offer]:
    """Return the offers of the kind that take as many replicas as the others; of any kind if there is none."""
    roomy = [offer for offer in offers if fits_on(spec, offer) >= per_instance] or list(offers)
    return [offer for offer in roomy if offer.purchase is kind] or roomy


def _pool_offer(offer: Offer, rate: float) -> PoolOffer:
    return PoolOffer(pool=offer.pool, price_usd_per_hour=float(offer.price_usd_per_hour), interruptions_per_hour=rate)


def _deployment(context: Context, spec: ServiceSpec, offer: Offer, count: int, reason: str, number: int) -> Bought:
    now, rng = context.clock.now(), context.rng
    deployment_id = new_deployment_id(rng)
    instances = [
        Instance(
            id=new_instance_id(rng),
            deployment_id=deployment_id,
            offer=offer,
            state=InstanceState.REQUESTED,
            requested_at=now,
            name=f"{spec.name}-{number + 1 + index}",
            workload=spec.name,
        )
        for index in range(count)
    ]
    deployment = Deployment(
        id=deployment_id,
        offer=offer,
        instance_ids=tuple(instance.id for instance in instances),
        state=DeploymentState.REQUESTED,
        requested_at=now,
        reason=reason,
        options=options_of(offer, spec.any_of, spec.machine),
    )
    return Bought(deployment=deployment, instances=instances, story={})
