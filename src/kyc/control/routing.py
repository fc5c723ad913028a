"""The routing loop: who gets requests, told to the edge as soon as anything changes.

It runs beside the services loop and writes no records, so that an endpoint leaves the edge within milliseconds of the
notice, whatever else there is to decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from kyc.control.context import Context
from kyc.control.pulse import Pulses
from kyc.domain.errors import InvalidInputError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.instance import Instance
from kyc.domain.replica import Replica
from kyc.domain.service import EndpointState, ScalingPolicy, Service
from kyc.planning.routing import Fleet, Route, RoutingRule, plan_routes, weights_by_cpu
from kyc.ports.edge import Certificate, Edge, EdgeEndpoint, EdgeService

CPU_SAMPLES = 5
_NO_SILENCE = timedelta(0)


@dataclass(slots=True)
class Routing:
    """Keeps the edge at what the store says. `host` is where services are reached."""

    context: Context
    pulses: Pulses
    edge: Edge
    host: str = "127.0.0.1"
    _routes: dict[WorkloadName, tuple[Route, ...]] = field(default_factory=dict)
    _applied: list[EdgeService] | None = None
    _out: dict[WorkloadName, frozenset[ReplicaId]] = field(default_factory=dict)
    _refused: str = ""
    _noticed: set[InstanceId] = field(default_factory=set)

    def out(self, name: WorkloadName) -> frozenset[ReplicaId]:
        """Return the replicas to which the edge sends nothing new, as of its last change."""
        return self._out.get(name, frozenset())

    async def tick(self) -> None:
        """Have the edge run, and tell it what is wanted if that has changed."""
        store = self.context.store
        services = await store.services(live_only=True)
        if not services and not self._applied:
            return
        started = await self.edge.ensure()
        replicas = await store.replicas(live_only=True)
        owned = [i for i in await store.instances(live_only=True) if i.workload is not None]
        instances = {instance.id: instance for instance in owned}
        by_service: dict[WorkloadName, list[Replica]] = {service.name: [] for service in services}
        for replica in replicas:
            if replica.drained_at is None and replica.workload in by_service:
                by_service[replica.workload].append(replica)
        await self._apply(services, by_service, instances, anew=started)

    async def _apply(
        self,
        services: list[Service],
        by_service: dict[WorkloadName, list[Replica]],
        instances: dict[InstanceId, Instance],
        *,
        anew: bool,
    ) -> None:
        now, begun_s = self.context.clock.now(), self.context.clock.monotonic_s()
        events: list[Event] = []
        routes: dict[WorkloadName, tuple[Route, ...]] = {}
        silent = {name: timedelta(seconds=self.pulses.silent_s(name)) for name in instances}
        for service in services:
            rule = RoutingRule(drain_grace=service.spec.drain_grace)
            weights = self._weights(service, by_service[service.name])
            planned = plan_routes(
                by_service[service.name],
                Fleet(instances=instances, silent=silent, weights=weights),
                before=self._routes.get(service.name, ()),
                rule=rule,
                now=now,
            )
            routes[service.name] = planned.routes
            if planned.changes:
                data = _counts(planned.routes)
                changes = {change.replica_id: change.reason for change in planned.changes}
                events.append(_event(service.name, now, **data, changes=changes))
        wanted = [edge_service(service, routes[service.name], self.host) for service in services]
        if wanted == self._applied and not anew:
            return
        await self._tell_edge(wanted)
        self._applied, self._routes = wanted, routes
        self._out = {
            service.name: frozenset(r.id for r in by_service[service.name]) - _up(routes[service.name])
            for service in services
        }
        took_ms = round((self.context.clock.monotonic_s() - begun_s) * 1000, 1)
        if events:
            noticed = self._newly_noticed(instances)
            told = [_with(event, took_ms=took_ms, **noticed) for event in events]
            await self.context.store.save(events=told)
        self.context.signal.notify()

    async def _tell_edge(self, wanted: list[EdgeService]) -> None:
        """Apply; what the edge refuses of one service must not hold up the others, and is told once."""
        try:
            await self.edge.apply(wanted)
            self._refused = ""
        except InvalidInputError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                now = self.context.clock.now()
                event = Event(
                    kind=EventKind.EDGE_UPDATED,
                    subject=self.edge.name,
                    at=now,
                    data={"next_step": error.next_step, "refused": True},
                    reason=str(error),
                )
                await self.context.store.save(events=[event])

    def _weights(self, service: Service, replicas: list[Replica]) -> dict[InstanceId, int]:
        """The original's rule sends most to the instance with the least CPU; else every replica weighs the same."""
        if service.spec.scaling.policy is not ScalingPolicy.THRESHOLD:
            return {}
        used = {replica.instance_id for replica in replicas}
        samples = {name: self.pulses.cpu_samples(name) for name in used}
        return weights_by_cpu(samples, last=CPU_SAMPLES)

    def _newly_noticed(self, instances: dict[InstanceId, Instance]) -> dict[str, object]:
        """Return how long after their notices instances left the edge, each told once."""
        now = self.context.clock.now()
        new = [i for i in instances.values() if i.notice is not None and i.id not in self._noticed]
        self._noticed = {i.id for i in instances.values() if i.notice is not None}
        if not new:
            return {}
        delays = {i.id: round((now - i.notice.noticed_at).total_seconds() * 1000, 1) for i in new if i.notice}
        return {"after_notice_ms": delays}


def edge_service(service: Service, routes: tuple[Route, ...], host: str) -> EdgeService:
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
    )


def _up(routes: tuple[Route, ...]) -> frozenset[ReplicaId]:
    return frozenset(route.endpoint.replica_id for route in routes if route.state is EndpointState.UP)


def _counts(routes: tuple[Route, ...]) -> dict[str, object]:
    up = sum(route.state is EndpointState.UP for route in routes)
    return {"up": up, "draining": len(routes) - up}


def _event(name: WorkloadName, now: object, **data: object) -> Event:
    return Event(kind=EventKind.EDGE_UPDATED, subject=name, at=now, data=data)  # type: ignore[arg-type]


def _with(event: Event, **data: object) -> Event:
    return Event(kind=event.kind, subject=event.subject, at=event.at, data={**event.data, **data}, reason=event.reason)
