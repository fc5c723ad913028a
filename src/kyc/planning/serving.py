"""What a service needs next, beyond its numbers: which replicas are over, drained, outdated, or beyond hope.

Between the records as they are stored and the planners of numbers (`planning.autoscale`) and places
(`planning.packing`). Pure, as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from statistics import median

from kyc.domain.ids import InstanceId, ReplicaId
from kyc.domain.instance import LIVING, Instance, InstanceState
from kyc.domain.offer import Offer, Pool, Purchase
from kyc.domain.replica import COMING, Replica, ReplicaState
from kyc.domain.service import ReplicaSize, ScalingRule, Service, ServiceSpec
from kyc.planning.autoscale import Pace
from kyc.planning.market import STARTUP_S, UNKNOWN_STARTUP_S
from kyc.planning.packing import (
    DrainReplica,
    PackInstance,
    PackReplica,
    PackRule,
    Standing,
    StartReplica,
    fits_per_instance,
)
from kyc.planning.risk import RiskBook
from kyc.planning.spread import FleetSize

AVOID_POOL_FOR = timedelta(minutes=10)
FIRST_BACK_OFF, LONGEST_BACK_OFF = timedelta(seconds=1), timedelta(minutes=1)
HOPELESS_AFTER = 3  # replicas in a row that their agents gave up, before any was ready
USUAL_REPLICA_START_S = 2.0
_STARTS_LOOKED_AT = 9
_LEAVE_BEFORE_DEADLINE = timedelta(seconds=2)
GONE = frozenset({InstanceState.LOST, InstanceState.TERMINATING, InstanceState.TERMINATED, InstanceState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecords:
    """All that is stored of one service: the replicas that are not over, those ended last, and its instances."""

    service: Service
    replicas: Sequence[Replica]
    ended: Sequence[Replica]
    instances: Mapping[InstanceId, Instance]

    @property
    def held(self) -> list[Instance]:
        """The instances that can be relied on, or will be."""
        return [instance for instance in self.instances.values() if instance.state in LIVING]

    def on(self, instance_id: InstanceId) -> list[Replica]:
        """The replicas on an instance that are not over."""
        return [replica for replica in self.replicas if replica.instance_id == instance_id]


def room_of(offer: Offer) -> ReplicaSize:
    """Return what an instance of the offer has for replicas."""
    return ReplicaSize(cpus=offer.vcpus, memory_mib=offer.memory_mib, gpus=offer.gpu_count)


def fits_on(spec: ServiceSpec, offer: Offer) -> int:
    """Return how many replicas fit on an instance of the offer."""
    return fits_per_instance(spec.size, room_of(offer), spec.max_per_instance)


def per_instance(spec: ServiceSpec, held: Iterable[Instance], best: Offer | None) -> int:
    """Return how many replicas share an instance: what the smallest one takes, of the best offer without any; >= 1."""
    numbers = [fits_on(spec, instance.offer) for instance in held]
    if not numbers and best is not None:
        numbers = [fits_on(spec, best)]
    return max(1, min(numbers, default=spec.max_per_instance or 1))


def scaling_rule(service: Service) -> ScalingRule:
    """Return the rule by which it scales; where a budget is nearly spent, one that keeps to its fewest replicas."""
    rule = service.spec.scaling
    if not service.frugal:
        return rule
    return replace(rule, max_replicas=max(1, rule.min_replicas), schedules=(), spot=replace(rule.spot, extra=0))


def pack_rule(spec: ServiceSpec) -> PackRule:
    """Return the rule by which the service's replicas are packed."""
    return PackRule(size=spec.size, max_per_instance=spec.max_per_instance, min_ready=spec.scaling.min_replicas)


def pack_fleet(state: ServiceRecords, fleet: FleetSize, risks: RiskBook) -> list[PackInstance]:
    """Return the fleet as packing sees it."""
    by_instance: dict[InstanceId, list[PackReplica]] = {}
    for replica in state.replicas:
        seen = PackReplica(
            id=replica.id,
            is_ready=replica.state is ReplicaState.READY,
            is_draining=replica.state is ReplicaState.DRAINING,
            replaces=replica.replaces,
        )
        by_instance.setdefault(replica.instance_id, []).append(seen)
    stand_ins = _stand_ins(state, fleet)
    return [
        PackInstance(
            id=instance.id,
            standing=standing_of(instance),
            room=room_of(instance.offer),
            replicas=tuple(by_instance.get(instance.id, ())),
            pool=instance.offer.pool,
            price_usd_per_hour=float(instance.price_now.usd_per_hour),
            interruptions_per_hour=risks.rate(instance.offer),
            is_stand_in=instance.id in stand_ins,
            leaves_early=bool(instance.leaves_early),
        )
        for instance in state.instances.values()
        if not instance.is_over and instance.state is not InstanceState.TERMINATING
    ]


def _stand_ins(state: ServiceRecords, fleet: FleetSize) -> set[InstanceId]:
    if not any(wish.use_spot for wish in state.service.spec.any_of):
        return set()
    on_demand = [i for i in state.held if i.offer.purchase is Purchase.ON_DEMAND]
    newest_first = sorted(on_demand, key=lambda i: i.requested_at, reverse=True)
    return {instance.id for instance in newest_first[: max(0, len(on_demand) - fleet.on_demand)]}


def standing_of(instance: Instance) -> Standing:
    """Return what the instance is good for."""
    if instance.state is InstanceState.READY:
        return Standing.READY
    return Standing.COMING if instance.state in LIVING else Standing.GOING


def gone_replicas(state: ServiceRecords) -> list[tuple[Replica, str]]:
    """Return the replicas whose instance is gone, each with the reason."""
    found = []
    for replica in state.replicas:
        instance = state.instances.get(replica.instance_id)
        if instance is None:
            found.append((replica, f"instance {replica.instance_id} is not known any more"))
        elif instance.state in GONE:
            found.append((replica, instance.end_reason or f"instance {instance.id} is {instance.state}"))
    return found


def drained_replicas(
    state: ServiceRecords, in_flight: Mapping[ReplicaId, int], out: Collection[ReplicaId], *, now: datetime
) -> list[tuple[Replica, str]]:
    """Return the draining replicas that may be stopped now.

    `out` holds those that the edge gives no new request, `in_flight` what it still has there. One that the edge cannot
    take out (it may be the last one left) goes on until its grace, or its instance, is about to end.
    """
    found = []
    for replica in state.replicas:
        if replica.state is not ReplicaState.DRAINING or replica.drained_at is not None:
            continue
        since = replica.draining_at or now
        if replica.id in out and in_flight.get(replica.id, 0) == 0:
            found.append((replica, f"nothing was in flight after {(now - since).total_seconds():.2f} s"))
        elif replica.id in out and now - since >= state.service.spec.drain_grace:
            left = in_flight.get(replica.id, 0)
            found.append((replica, f"{left} in flight after the whole {state.service.spec.drain_grace}"))
        elif _must_end(state.instances.get(replica.instance_id), now=now):
            found.append((replica, "its instance is about to end"))
    return found


def _must_end(instance: Instance | None, *, now: datetime) -> bool:
    if instance is None or instance.notice is None or instance.notice.deadline_at is None:
        return instance is None
    return now >= instance.notice.deadline_at - _LEAVE_BEFORE_DEADLINE


def is_last_resort(state: ServiceRecords, action: DrainReplica, *, now: datetime) -> bool:
    """Say whether the replica has to serve on although its instance goes away: no other one is ready, and it has time.

    The edge keeps it for as long (`planning.routing`); its successor is requested all the same.
    """
    instance = state.instances.get(action.instance_id)
    replica = next((replica for replica in state.replicas if replica.id == action.replica_id), None)
    if instance is None or replica is None or replica.state is not ReplicaState.READY:
        return False
    if instance.state is not InstanceState.NOTICED or instance.notice is None or instance.notice.deadline_at is None:
        return False
    if now >= instance.notice.deadline_at - state.service.spec.drain_grace:
        return False
    living = {held.id for held in state.held}
    return not any(r.state is ReplicaState.READY and r.instance_id in living for r in state.replicas)


def plan_rollout(state: ServiceRecords, rule: PackRule) -> list[StartReplica]:
    """Return successors for replicas of an older revision: on the instance itself, one more than fit while it lasts.

    Asked only when packing has nothing to do. One instance at a time more than `max_moves`, never while something
    starts: a revision that does not come up replaces nobody.
    """
    if any(replica.state in COMING for replica in state.replicas):
        return []
    living = {instance.id for instance in state.held}
    old = [r for r in state.replicas if r.revision < state.service.revision and r.state is ReplicaState.READY]
    found: dict[InstanceId, StartReplica] = {}
    for replica in old:
        if replica.instance_id in living and len(found) < rule.max_moves:
            reason = f"takes over from {replica.id}, which is of revision {replica.revision}"
            found.setdefault(
                replica.instance_id,
                StartReplica(instance_id=replica.instance_id, reason=reason, replaces=replica.id),
            )
    return list(found.values())


def hopeless_because(state: ServiceRecords) -> str:
    """Return why no further replica of this revision should be started while none was ever ready; empty if one may."""
    mine = [replica for replica in state.ended if replica.revision == state.service.revision]
    barren = list(takewhile(lambda r: r.gave_up and r.ready_at is None, reversed(mine)))
    if len(barren) < HOPELESS_AFTER or any(
        r.revision == state.service.revision and r.ready_at is not None for r in state.replicas
    ):
        return ""
    return f"{len(barren)} replicas in a row never got ready; the last: {barren[0].reason}"


def next_start_at(state: ServiceRecords) -> datetime | None:
    """Return when another replica may be started after some that their agents gave up; None: at any time."""
    barren = list(takewhile(lambda r: r.gave_up and r.revision == state.service.revision, reversed(state.ended)))
    return _after(barren[0].ended_at, len(barren)) if barren else None


def next_purchase_at(state: ServiceRecords) -> datetime | None:
    """Return when another instance may be bought after some that never came; None: at any time."""
    newest_first = sorted(state.instances.values(), key=lambda i: i.requested_at, reverse=True)
    barren = list(takewhile(lambda i: i.state is InstanceState.FAILED or i.crashed, newest_first))
    return _after(barren[0].ended_at, len(barren)) if barren else None


def _after(ended_at: datetime | None, failures: int) -> datetime | None:
    wait = min(FIRST_BACK_OFF * (1 << min(failures - 1, 10)), LONGEST_BACK_OFF)
    return None if ended_at is None else ended_at + wait


def early_pools(instances: Iterable[Instance]) -> frozenset[Pool]:
    """Return the pools that are being left on their providers' recommendation."""
    return frozenset(i.offer.pool for i in instances if i.leaves_early and not i.is_over)


def failed_pools(instances: Iterable[Instance], *, now: datetime) -> frozenset[Pool]:
    """Return the pools that took one of the instances away, or refused one, a short while ago."""
    return frozenset(
        i.offer.pool for i in instances if i.interrupted_at is not None and now - i.interrupted_at < AVOID_POOL_FOR
    )


def pace_of(state: ServiceRecords, offer: Offer | None) -> Pace:
    """Return how long instances and replicas of the service take to start: as measured lately, else as usual."""
    boots = [
        (instance.ready_at - instance.requested_at).total_seconds()
        for instance in list(state.instances.values())[-_STARTS_LOOKED_AT:]
        if instance.ready_at is not None
    ]
    known = [*state.ended[-_STARTS_LOOKED_AT:], *state.replicas]
    starts = [
        (replica.ready_at - replica.started_at).total_seconds()
        for replica in known[-_STARTS_LOOKED_AT:]
        if replica.ready_at is not None and replica.started_at is not None and replica.ready_at >= replica.started_at
    ]
    cloud = offer.cloud if offer is not None else next((i.offer.cloud for i in state.instances.values()), "")
    usual_s = STARTUP_S.get(cloud, UNKNOWN_STARTUP_S)
    return Pace(
        replica_start_s=max(0.0, median(starts)) if starts else USUAL_REPLICA_START_S,
        instance_start_s=max(0.0, median(boots)) if boots else usual_s,
    )
