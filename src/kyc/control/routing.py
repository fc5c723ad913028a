"""The routing loop: who gets requests, told to the edge as soon as anything changes.

It runs beside the services loop and writes no records, so that an endpoint leaves the edge within milliseconds of the
notice, whatever else there is to decide. What an agent has just said is acted upon before it is stored: `hurry` works
on what was read last, the next tick on what is stored. Whoever heard it waits for that a moment, so that the database
and all that a stored fact sets going come after the edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from kyc.control.context import Context
from kyc.control.pulse import Pulses
from kyc.control.signal import Signal
from kyc.control.trust import secured
from kyc.domain.errors import InvalidInputError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import Notice
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import EndpointState, ScalingPolicy, Service
from kyc.planning.routing import Fleet, Route, Routes, RoutingRule, plan_routes, weights_by_cpu
from kyc.ports.authority import Authority
from kyc.ports.edge import Certificate, Edge, EdgeEndpoint, EdgeRefusedError, EdgeService

CPU_SAMPLES = 5
WEIGHT_STEP = 10  # coarse, so that the edge is not told something new every second
ENSURE_EVERY_S = 1.0
HEARD_FOR_S = 2.0  # until then what was only heard is stored
EDGE_FIRST_S = 0.25  # an edge that takes longer is not waited for: the fact has to be stored


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What one look at the store found: the services, their replicas that are not drained, and their instances."""

    services: Sequence[Service] = ()
    replicas: Mapping[WorkloadName, Sequence[Replica]] = field(default_factory=dict)
    instances: Mapping[InstanceId, Instance] = field(default_factory=dict)


@dataclass(slots=True)
class Routing:
    """Keeps the edge at what the store says. `host` is where services are reached."""

    context: Context
    pulses: Pulses
    edge: Edge
    host: str = "127.0.0.1"
    authority: Authority | None = None
    hurried: Signal = field(default_factory=Signal)
    acted: Signal = field(default_factory=Signal)  # the edge knows what was heard, or could not be told
    applied_s: float = 0.0  # when the edge was told something new last (monotonic)
    _scene: _Scene = field(default_factory=_Scene)
    _routes: dict[WorkloadName, tuple[Route, ...]] = field(default_factory=dict)
    _applied: list[EdgeService] | None = None
    _shown: frozenset[tuple[Path, int]] = frozenset()
    _out: dict[WorkloadName, frozenset[ReplicaId]] = field(default_factory=dict)
    _refused: dict[WorkloadName, str] = field(default_factory=dict)
    _told: set[InstanceId] = field(default_factory=set)  # whose notice was told of in an event
    _ensured_s: float | None = None
    _noticed: dict[InstanceId, tuple[float, Notice]] = field(default_factory=dict)  # heard (when), perhaps not stored
    _down: dict[ReplicaId, float] = field(default_factory=dict)
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def out(self, name: WorkloadName) -> frozenset[ReplicaId]:
        """Return the replicas to which the edge sends nothing new, as of its last change."""
        return self._out.get(name, frozenset())

    def accepted(self, name: WorkloadName) -> bool:
        """Say whether the edge takes the service's requests, as of what it was told last."""
        return name not in self._refused and any(service.name == name for service in self._applied or ())

    def refused_because(self, name: WorkloadName) -> str:
        """Return why the edge cannot have the service; empty if it can, or was not told of it yet."""
        return self._refused.get(name, "")

    async def notice(self, instance_id: InstanceId, notice: Notice) -> None:
        """Take the instance's replicas out now: it has just said that it is going to be taken away."""
        self._noticed[instance_id] = (self.context.clock.monotonic_s(), notice)
        await self._at_once(instance_id in self._scene.instances)

    async def down(self, replica_id: ReplicaId) -> None:
        """Take the replica out now: its agent has just said that it does not answer any more."""
        self._down[replica_id] = self.context.clock.monotonic_s()
        routed = (route.endpoint.replica_id for routes in self._routes.values() for route in routes)
        await self._at_once(replica_id in routed)

    async def _at_once(self, concerns_edge: bool) -> None:
        """Have `hurry` run; return when it has, or after a moment."""
        mark = self.acted.mark
        self.hurried.notify()
        if concerns_edge and self._applied is not None:
            await self.acted.wait(mark, timeout_s=EDGE_FIRST_S)

    async def hurry(self) -> None:
        """Tell the edge what was heard since the last tick; returns without a look at the store."""
        try:
            if (self._noticed or self._down) and self._applied is not None:
                async with self._busy:
                    await self._apply(anew=False)
        finally:
            self.acted.notify()

    async def tick(self) -> None:
        """Have the edge run, and tell it what is wanted if that has changed."""
        scene = await self._look()
        if not scene.services and not self._applied:
            return
        async with self._busy:  # not before: what is heard now shall not wait for the database
            anew = await self._ensure()
            self._scene = scene
            self._forget_what_is_stored()
            await self._apply(anew=anew)

    async def _look(self) -> _Scene:
        store = self.context.store
        services = await store.services(live_only=True)
        if not services:
            return _Scene()
        owned = [i for i in await store.instances(live_only=True) if i.workload is not None]
        by_service: dict[WorkloadName, list[Replica]] = {service.name: [] for service in services}
        for replica in await store.replicas(live_only=True):
            if replica.drained_at is None and replica.workload in by_service:
                by_service[replica.workload].append(replica)
        return _Scene(services=services, replicas=by_service, instances={i.id: i for i in owned})

    async def _ensure(self) -> bool:
        """Look now and then whether the edge runs; True if it had to be started, so that it has to be told all."""
        now_s = self.context.clock.monotonic_s()
        if self._ensured_s is not None and now_s - self._ensured_s < ENSURE_EVERY_S:
            return False
        self._ensured_s = None  # if this fails, the next tick asks again
        started = await self.edge.ensure()
        self._ensured_s = now_s
        return started

    def _forget_what_is_stored(self) -> None:
        old_s = self.context.clock.monotonic_s() - HEARD_FOR_S
        self._noticed = {name: heard for name, heard in self._noticed.items() if heard[0] > old_s}
        self._down = {name: at_s for name, at_s in self._down.items() if at_s > old_s}

    async def _apply(self, *, anew: bool) -> None:
        begun_s = self.context.clock.monotonic_s()
        instances = self._instances()
        silent = {name: timedelta(seconds=self.pulses.silent_s(name)) for name in instances}
        scene, planned = self._scene, {}
        for service in scene.services:
            planned[service.name] = self._plan(service, instances, silent)
        wanted = [
            secured(edge_service(service, planned[service.name].routes, self.host), instances, self.authority)
            for service in scene.services
        ]
        shown = _shown(wanted)
        changed = wanted != self._applied
        if not (changed or anew or self._refused or shown != self._shown):  # what was refused may be had now
            return
        refused_before = self._refused
        await self._tell_edge(wanted)
        self._shown = shown
        self._applied, self.applied_s = wanted, self.context.clock.monotonic_s()
        self._routes = {name: plan.routes for name, plan in planned.items()}
        self._out = {
            name: frozenset(r.id for r in scene.replicas[name]) - _up(plan.routes) for name, plan in planned.items()
        }
        took_ms = round((self.context.clock.monotonic_s() - begun_s) * 1000, 1)
        await self._tell(planned, instances, took_ms)
        if changed or self._refused != refused_before:
            self.context.signal.notify()

    def _instances(self) -> dict[InstanceId, Instance]:
        """Return the instances, those just noticed as noticed."""
        found = dict(self._scene.instances)
        for instance_id, (_, notice) in self._noticed.items():
            instance = found.get(instance_id)
            if instance is not None and instance.state is InstanceState.READY:
                found[instance_id] = instance.to(InstanceState.NOTICED, notice=notice)
        return found

    def _plan(
        self, service: Service, instances: Mapping[InstanceId, Instance], silent: Mapping[InstanceId, timedelta]
    ) -> Routes:
        replicas = [
            replace(replica, state=ReplicaState.STARTING) if self._is_down(replica) else replica
            for replica in self._scene.replicas[service.name]
        ]
        return plan_routes(
            replicas,
            Fleet(instances=instances, silent=silent, weights=self._weights(service, replicas)),
            before=self._routes.get(service.name, ()),
            rule=RoutingRule(drain_grace=service.spec.drain_grace),
            now=self.context.clock.now(),
        )

    def _is_down(self, replica: Replica) -> bool:
        return replica.id in self._down and replica.state is ReplicaState.READY

    async def _tell_edge(self, wanted: list[EdgeService]) -> None:
        """Apply; what the edge refuses of one service does not hold up the others, and is told once."""
        refused: Mapping[WorkloadName, InvalidInputError] = {}
        try:
            await self.edge.apply(wanted)
        except EdgeRefusedError as error:
            refused = error.refused
        except InvalidInputError as error:
            refused = dict.fromkeys((service.name for service in wanted), error)
        before, self._refused = self._refused, {name: str(error) for name, error in refused.items()}
        events = [
            Event(
                kind=EventKind.EDGE_UPDATED,
                subject=name,
                at=self.context.clock.now(),
                data={"next_step": error.next_step, "refused": True},
                reason=f"the edge cannot have the service: {error}",
            )
            for name, error in refused.items()
            if before.get(name) != str(error)
        ]
        if events:
            await self.context.store.save(events=events)

    async def _tell(
        self, planned: Mapping[WorkloadName, Routes], instances: Mapping[InstanceId, Instance], took_ms: float
    ) -> None:
        """Tell of endpoints that came, went or drain; how much each weighs changes too often to be told."""
        now = self.context.clock.now()
        noticed = self._newly_noticed(instances)
        events = []
        for name, plan in planned.items():
            changes = {c.replica_id: c.reason for c in plan.changes if not c.reason.startswith("its weight")}
            if changes:
                up = len(_up(plan.routes))
                data = {"up": up, "draining": len(plan.routes) - up, "changes": changes, "took_ms": took_ms, **noticed}
                events.append(Event(kind=EventKind.EDGE_UPDATED, subject=name, at=now, data=data))
        if events:
            await self.context.store.save(events=events)

    def _weights(self, service: Service, replicas: Sequence[Replica]) -> dict[InstanceId, int]:
        """The original's rule sends most to the instance with the least CPU; else every replica weighs the same."""
        if service.spec.scaling.policy is not ScalingPolicy.THRESHOLD:
            return {}
        used = {replica.instance_id for replica in replicas}
        exact = weights_by_cpu({name: self.pulses.cpu_samples(name) for name in used}, last=CPU_SAMPLES)
        return {name: max(1, weight // WEIGHT_STEP * WEIGHT_STEP) for name, weight in exact.items()}

    def _newly_noticed(self, instances: Mapping[InstanceId, Instance]) -> dict[str, object]:
        """Return how long after their notices instances left the edge, each told once."""
        now = self.context.clock.now()
        delays = {
            i.id: round((now - i.notice.noticed_at).total_seconds() * 1000, 1)
            for i in instances.values()
            if i.notice is not None and i.id not in self._told
        }
        self._told = {i.id for i in instances.values() if i.notice is not None}
        return {"after_notice_ms": delays} if delays else {}


def edge_service(service: Service, routes: Sequence[Route], host: str) -> EdgeService:
    """Return what the edge has to know of the service."""
    spec = service.spec
    tls = None if spec.tls is None else Certificate(chain=Path(spec.tls.chain), key=Path(spec.tls.key))
    return EdgeService(
        name=service.name,
        host=host,
        port=service.edge_port,
        endpoints=tuple(
            EdgeEndpoint(endpoint=route.endpoint, state=route.state) for route in routes if route.state is not None
        ),
        balance=spec.balance,
        certificate=tls,
        names_replica=spec.names_replica,
        wait=spec.wait,
        most_waiting=spec.most_waiting,
        most_in_flight=spec.most_in_flight,
    )


def _shown(wanted: Sequence[EdgeService]) -> frozenset[tuple[Path, int]]:
    """Return the edge's own certificates, and when they were made: a new one in the same file has to be told, too."""
    chains = {service.upstream_tls.chain for service in wanted if service.upstream_tls is not None}
    return frozenset((chain, chain.stat().st_mtime_ns) for chain in chains)


def _up(routes: Sequence[Route]) -> frozenset[ReplicaId]:
    return frozenset(route.endpoint.replica_id for route in routes if route.state is EndpointState.UP)
