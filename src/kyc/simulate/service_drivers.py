"""The bridges from the live planning code to the simulated world: what it sees, and what its actions do there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from kyc.domain.ids import InstanceId, ReplicaId
from kyc.domain.service import ReplicaSize, ScalingRule, ThresholdRule
from kyc.planning.autoscale import Pace, ScaleDecision, ServiceView, memory_of, plan_scale
from kyc.planning.forecast import Floats, Forecast, forecast_demand
from kyc.planning.packing import (
    BuyInstances,
    DrainReplica,
    PackAction,
    PackInstance,
    PackReplica,
    PackRule,
    ReleaseInstance,
    Standing,
    StartReplica,
    plan_packing,
)
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
from kyc.simulate.service_trace import Arrivals
from kyc.simulate.service_world import Physics, SimInstance, World

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_MOST_REPLICAS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A decision that changed something, at a second of the trace."""

    second: int
    instances: int
    replicas: int
    reason: str


class WorthDriver:
    """Runs `plan_scale` and `plan_packing`, the way the control loops do, on the world."""

    tick_s = 5

    def __init__(self, arrivals: Arrivals, physics: Physics, rule: ScalingRule | None = None) -> None:
        self.changes: list[Change] = []
        self._rule = rule or ScalingRule(min_replicas=physics.min_replicas, max_replicas=_MOST_REPLICAS)
        self._pace = Pace(replica_start_s=physics.replica_start_s, instance_start_s=physics.instance_start_s)
        self._pack = PackRule(max_per_instance=physics.replicas_per_instance, min_ready=physics.min_replicas)
        self._demand = arrivals.per_second / physics.capacity_rps
        whole = len(self._demand) // 60 * 60
        self._minutes: Floats = self._demand[:whole].reshape(-1, 60).mean(axis=1)
        self._memory_s = memory_of(self._rule.worth, physics.instance_start_s)
        self._forecast: tuple[int, Forecast | None] = (-1, None)
        self._settled: tuple[int, int, int] | None = None
        self._moves: dict[int, int] = {}  # successor -> the replica it takes over from

    def step(self, world: World) -> None:
        """Decide and act once."""
        decision = plan_scale(self._rule, self._view(world), self._pace, now=_EPOCH + timedelta(seconds=world.now))
        state = (decision.instances, decision.replicas, world.version)
        if state == self._settled:
            return  # the same question as before, which had the answer: nothing to do
        if decision.is_change:
            self._remember(world.now, decision)
        fleet = [_pack_instance(world, instance, self._moves) for instance in world.instances]
        actions = plan_packing(fleet, self._pack, replicas=decision.replicas, instances=decision.instances)
        self._settled = None if actions else state
        for action in actions:
            self._apply(world, action)

    def _view(self, world: World) -> ServiceView:
        now = world.now
        return ServiceView(
            demand=self._demand[max(0, now - self._memory_s) : now],
            grain=1 / world.physics.capacity_rps,
            instances=len(world.instances),
            replicas=world.total,
            per_instance=world.physics.replicas_per_instance,
            forecast=self._forecast_at(now),
        )

    def _forecast_at(self, now: int) -> Forecast | None:
        minute = now // 60
        if self._forecast[0] != minute:
            ahead = round((self._pace.instance_start_s + self._pace.replica_start_s) / 60)
            self._forecast = (minute, forecast_demand(self._minutes[:minute][-1600:], ahead_min=ahead))
        return self._forecast[1]

    def _remember(self, now: int, decision: ScaleDecision) -> None:
        if self.changes and self.changes[-1].instances == decision.instances:
            return
        change = Change(second=now, instances=decision.instances, replicas=decision.replicas, reason=decision.reason)
        self.changes.append(change)

    def _apply(self, world: World, action: PackAction) -> None:
        match action:
            case StartReplica(instance_id=where, replaces=old):
                number = world.start(_find(world, where))
                if old is not None:
                    self._moves[number] = int(old)
            case DrainReplica(instance_id=where, replica_id=which):
                world.stop(_find(world, where), int(which))
            case BuyInstances(count=count):
                for _ in range(count):
                    world.launch()
            case ReleaseInstance(instance_id=where):
                world.release(_find(world, where))


def _find(world: World, instance_id: str) -> SimInstance:
    return next(instance for instance in world.instances if str(instance.number) == instance_id)


def _pack_instance(world: World, instance: SimInstance, moves: dict[int, int]) -> PackInstance:
    return PackInstance(
        id=InstanceId(str(instance.number)),
        standing=Standing.READY if instance.ready <= world.now else Standing.COMING,
        room=ReplicaSize(),
        replicas=tuple(
            PackReplica(
                id=ReplicaId(str(number)),
                is_ready=ready <= world.now,
                replaces=ReplicaId(str(moves[number])) if number in moves else None,
            )
            for number, ready in instance.replicas.items()
        ),
    )


class ThresholdDriver:
    """Runs `plan_threshold`. An instance's CPU is the load of its ready replicas as a share of what it can serve.

    The original's 30 and 60 % are 0.9 of what one and two of three replicas use; kept so for any number of them.
    """

    tick_s = 5

    def __init__(self, arrivals: Arrivals, physics: Physics) -> None:
        self.changes: list[Change] = []
        self._load = arrivals.per_second
        per = physics.replicas_per_instance
        self._rule = ThresholdRule(add_replica_above=tuple(0.9 * n / per for n in range(1, max(2, per))))
        self._limits = Limits(max_per_instance=per, max_instances=_MOST_REPLICAS, min_replicas=physics.min_replicas)
        self._memory_s = max(60, round(self._rule.sustain_down.total_seconds()))

    def step(self, world: World) -> None:
        """Decide and act once."""
        for action in plan_threshold(self._loads(world), self._rule, self._limits):
            match action:
                case AddReplica(instance_id=where):
                    world.start(_find(world, where))
                case RemoveReplica(instance_id=where):
                    instance = _find(world, where)
                    world.stop(instance, max(instance.replicas))
                case AddInstance():
                    world.start(world.launch())
                case RemoveInstance(instance_id=where):
                    world.release(_find(world, where))
            if isinstance(action, AddInstance | RemoveInstance):
                change = Change(
                    second=world.now, instances=len(world.instances), replicas=world.total, reason=describe(action)
                )
                self.changes.append(change)

    def _loads(self, world: World) -> list[InstanceLoad]:
        now, physics = world.now, world.physics
        span = slice(max(0, now - self._memory_s), now)
        capacity = np.maximum(world.ready_per_second[span], 1) * physics.capacity_rps
        busy = np.minimum(1.0, self._load[span] / capacity)
        return [
            InstanceLoad(
                id=InstanceId(str(i.number)),
                samples=_samples(busy, sum(ready <= now for ready in i.replicas.values()), i, world),
                replicas=len(i.replicas),
                age_s=now - i.ready,
            )
            for i in world.instances
        ]


def _samples(busy: Floats, ready: int, instance: SimInstance, world: World) -> list[float]:
    joined_s = world.now - instance.ready
    if joined_s <= 0:
        return []
    share: list[float] = (busy[-joined_s:] * (ready / world.physics.replicas_per_instance)).tolist()
    return share
