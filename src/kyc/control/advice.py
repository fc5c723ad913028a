"""Providers' recommendations to leave an instance: each is weighed once, and what came of it stored and told."""

from __future__ import annotations

from kyc.control.context import Context
from kyc.control.purchase import REFUSED_OVER_SERVED, ranked
from kyc.control.servicestep import ServiceStep
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.replica import ReplicaState
from kyc.domain.service import ScalingPolicy
from kyc.planning.autoscale import Pace, ScaleDecision
from kyc.planning.early import AdvisedInstance, needed_share, weigh_advice
from kyc.planning.release import NOTICE_S, SHORTEST_NOTICE_S
from kyc.planning.serving import early_pools


async def follow_advice(context: Context, step: ServiceStep, decision: ScaleDecision, pace: Pace) -> None:
    """Put into the step which of the advised instances with ready replicas are to be replaced early."""
    for instance in step.current().held:
        is_open = instance.advised_at is not None and instance.leaves_early is None
        if is_open and instance.state is InstanceState.READY and _ready_on(step, instance):
            step.weighed(instance, weigh_advice(await _advised(context, step, instance, decision, pace)))


async def _advised(
    context: Context, step: ServiceStep, instance: Instance, decision: ScaleDecision, pace: Pace
) -> AdvisedInstance:
    seen = step.current()
    going = early_pools(seen.instances.values()) | {instance.offer.pool}
    elsewhere = [offer for offer in await ranked(context, seen.service.spec, seen) if offer.pool not in going]
    here = _ready_on(step, instance)
    scaling = seen.service.spec.scaling
    is_measured = bool(scaling.targets) and scaling.policy is ScalingPolicy.WORTH
    demand = decision.demand if is_measured else float(decision.replicas)  # else each replica counts as needed
    staying = sum(_ready_on(step, one) for one in seen.held if one.id != instance.id and not one.leaves_early)
    return AdvisedInstance(
        interruptions_per_hour=(await context.risks()).rate(instance.offer),
        notice_s=NOTICE_S.get(instance.offer.cloud, SHORTEST_NOTICE_S),
        replace_s=pace.instance_start_s + pace.replica_start_s,
        needed=needed_share(demand=demand, elsewhere=staying, here=here),
        price_usd_per_hour=float(instance.price_now.usd_per_hour),
        replacement_usd_per_hour=float(elsewhere[0].price_usd_per_hour) if elsewhere else None,
        refused_over_served=REFUSED_OVER_SERVED,
    )


def _ready_on(step: ServiceStep, instance: Instance) -> int:
    return sum(replica.state is ReplicaState.READY for replica in step.current().on(instance.id))
