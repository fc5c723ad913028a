"""The policy `threshold`, live: what its rules say of each instance, as actions of packing and as numbers.

An instance starts with one replica, as the original's did. Its other actions name the instance that they are about, so
they are done as they are; the numbers that come of them are what packing then keeps up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

from kyc.domain.ids import InstanceId
from kyc.domain.replica import ReplicaState
from kyc.domain.service import ScalingRule
from kyc.planning.autoscale import Cause, ScaleDecision
from kyc.planning.packing import DrainReplica, PackAction, StartReplica
from kyc.planning.serving import ServiceRecords
from kyc.planning.threshold import (
    AddInstance,
    AddReplica,
    InstanceLoad,
    Limits,
    RemoveInstance,
    RemoveReplica,
    describe,
    plan_threshold,
)

_MANY = 1_000_000


def plan_by_threshold(
    seen: ServiceRecords, cpu: Mapping[InstanceId, Sequence[float]], each: int, *, now: datetime
) -> tuple[ScaleDecision, list[PackAction], str]:
    """Return the numbers, the actions that make them true, and the reason; `each`: replicas that fit an instance."""
    service, rule = seen.service, seen.service.spec.scaling
    limits = _limits(rule, each)
    instances = min(max(service.wanted_instances, limits.min_instances), limits.max_instances)
    replicas = min(max(service.wanted_replicas, rule.min_replicas), rule.max_replicas)
    at_limit = (instances, replicas) != (service.wanted_instances, service.wanted_replicas)
    said: list[str] = ["the limits of the service decide"] if at_limit else []
    actions: list[PackAction] = []
    if not at_limit:
        for action in plan_threshold(_loads(seen, cpu, now=now), rule.threshold, limits):
            said.append(describe(action))
            match action:
                case AddReplica(instance_id=where, reason=reason):
                    actions.append(StartReplica(instance_id=where, reason=reason))
                    replicas += 1
                case RemoveReplica(instance_id=where, reason=reason):
                    gone = _drains(seen, where, reason, most=1)
                    actions += gone
                    replicas -= len(gone)
                case AddInstance():
                    instances += 1
                    replicas += 1
                case RemoveInstance(instance_id=where, reason=reason):
                    gone = _drains(seen, where, reason, most=_MANY)
                    actions += gone
                    instances -= 1
                    replicas -= len(gone)
                case _:
                    assert_never(action)
    decision = ScaleDecision(
        instances=instances,
        replicas=replicas,
        was_instances=service.wanted_instances,
        was_replicas=service.wanted_replicas,
        cause=Cause.LIMIT if at_limit else Cause.NOW if said else Cause.STEADY,
    )
    return decision, actions, "; ".join(said)


def _limits(rule: ScalingRule, each: int) -> Limits:
    return Limits(
        max_per_instance=each,
        max_instances=_MANY if rule.max_instances is None else rule.max_instances,
        min_instances=max(1, math.ceil(rule.min_replicas / each)),
        min_replicas=max(1, rule.min_replicas),
        max_replicas=rule.max_replicas,
    )


def _loads(seen: ServiceRecords, cpu: Mapping[InstanceId, Sequence[float]], *, now: datetime) -> list[InstanceLoad]:
    return [
        InstanceLoad(
            id=instance.id,
            samples=list(cpu.get(instance.id, ())) if instance.ready_at is not None else [],
            replicas=sum(replica.state is not ReplicaState.DRAINING for replica in seen.on(instance.id)),
            age_s=0.0 if instance.ready_at is None else (now - instance.ready_at).total_seconds(),
        )
        for instance in seen.held
    ]


def _drains(seen: ServiceRecords, where: InstanceId, reason: str, *, most: int) -> list[PackAction]:
    mine = [replica for replica in seen.on(where) if replica.state is not ReplicaState.DRAINING]
    newest_first = sorted(mine, key=lambda replica: replica.created_at, reverse=True)[:most]
    return [DrainReplica(instance_id=where, replica_id=replica.id, reason=reason) for replica in newest_first]
