"""The replicas of one simulated agent, as the real one runs them, and the traffic that an edge sends to all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.edge import FakeEdge
from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.domain.service import EndpointState
from kyc.ports.edge import EdgeLoad, EndpointLoad
from kyc.wire import replica as wire
from kyc.wire.agent import AnyFact

START_S = 1.0  # from its process to its first answer


@dataclass(slots=True)
class SimReplica:
    """One running copy: when it began, whether it answers, what it was told."""

    order: wire.ReplicaOrder
    begun_s: float
    port: int
    ready: bool = False
    deaths: int = 0
    over: bool = False


@dataclass(slots=True)
class SimReplicas:
    """Starts, tells, stops. `broken` says which revisions' folders never come up."""

    clock: FakeClock
    tell: Callable[[AnyFact], None]
    broken: set[str]
    figure: Callable[[], float | None] = lambda: None  # what each tells as its own, if that is asked for
    mine: dict[str, SimReplica] = field(default_factory=dict)
    _wanted: dict[str, wire.ReplicaOrder] = field(default_factory=dict)
    _ports: int = 20_000

    def want(self, orders: list[wire.ReplicaOrder]) -> None:
        self._wanted = {order.replica: order for order in orders}

    def answering(self) -> set[str]:
        """The replicas that would answer a request now."""
        return {name for name, one in self.mine.items() if one.ready and not one.over}

    def running(self) -> set[str]:
        return {name for name, one in self.mine.items() if not one.over}

    def live(self) -> None:
        """Do what half a second allows."""
        for name in [name for name in self.mine if name not in self._wanted]:
            del self.mine[name]
        for name, order in self._wanted.items():
            one = self.mine.get(name)
            if one is None:
                self._begin(order)
            elif not one.over:
                self._go_on(one, order)

    def crash(self, name: str) -> None:
        """Let its process die; it is started again."""
        one = self.mine[name]
        one.ready, one.begun_s = False, self.clock.monotonic_s() + 0.5
        one.deaths += 1
        self._tell(wire.ReplicaExited, name, code=137, reason="killed", again_in_s=0.5)

    def loads(self, in_flight: Callable[[str], float]) -> list[wire.ReplicaLoad]:
        return [
            wire.ReplicaLoad(
                replica=name,
                cpus=in_flight(name),
                memory_bytes=1 << 20,
                metric=None if one.order.metric is None else self.figure(),
            )
            for name, one in self.mine.items()
            if not one.over
        ]

    def _begin(self, order: wire.ReplicaOrder) -> None:
        if order.phase == "stop":
            self.mine[order.replica] = SimReplica(order, 0.0, 0, over=True)
            self._tell(wire.ReplicaStopped, order.replica, code=None)
            return
        self._ports += 1
        self.mine[order.replica] = SimReplica(order, self.clock.monotonic_s(), self._ports)
        self._tell(wire.ReplicaStarted, order.replica, port=self._ports)

    def _go_on(self, one: SimReplica, order: wire.ReplicaOrder) -> None:
        name = order.replica
        if order.phase == "stop":
            one.ready, one.over = False, True
            self._tell(wire.ReplicaStopped, name, code=0)
        elif not one.ready and self.clock.monotonic_s() - one.begun_s >= START_S:
            if order.files in self.broken:
                one.over = True
                self._tell(wire.ReplicaExited, name, code=1, reason="ended with code 1", again_in_s=None)
                return
            one.ready = True
            self._tell(wire.ReplicaReady, name, port=one.port, took_s=START_S)

    def _tell(self, kind: type[wire.ToldOfReplica], name: str, **more: object) -> None:
        self.tell(kind(at=self.clock.now(), replica=name, **more))


@dataclass(slots=True)
class SimTraffic:
    """Requests at a steady rate through the edge, each answered within its half second by an endpoint that is up."""

    edge: FakeEdge
    per_s: dict[WorkloadName, float] = field(default_factory=dict)
    backlog: float | None = None  # what the replicas hold together, by their own figure; None: they do not tell it
    served: int = 0
    failed: int = 0
    _totals: dict[WorkloadName, int] = field(default_factory=dict)
    _rest: dict[WorkloadName, float] = field(default_factory=dict)
    waiting: dict[WorkloadName, int] = field(default_factory=dict)

    def backlog_each(self) -> float | None:
        """Return the share of one replica that is up."""
        up = sum(e.state is EndpointState.UP for service in self.edge.services.values() for e in service.endpoints)
        return None if self.backlog is None else self.backlog / max(1, up)

    def flow(self, seconds: float, answering: set[str]) -> None:
        """Let so much time of requests pass; one that goes to who does not answer has failed."""
        for name in list(self.edge.services):
            due = self.per_s.get(name, 0.0) * seconds + self._rest.get(name, 0.0)
            count, self._rest[name] = int(due), due - int(due)
            count += self.waiting.pop(name, 0)
            endpoints: dict[ReplicaId, int] = {}
            for number in range(count):
                chosen = self.edge.route(name)
                if chosen is None:
                    self.waiting[name] = count - number
                    break
                endpoints[chosen.replica_id] = endpoints.get(chosen.replica_id, 0) + 1
                self._totals[name] = self._totals.get(name, 0) + 1
                self.served += chosen.replica_id in answering
                self.failed += chosen.replica_id not in answering
            waiting = self.waiting.get(name, 0)
            self.edge.loads[name] = EdgeLoad(
                requests=self._totals.get(name, 0),
                failed=0,
                in_flight=waiting,
                waiting=waiting,
                endpoints={
                    each.endpoint.replica_id: EndpointLoad(
                        requests=endpoints.get(each.endpoint.replica_id, 0), failed=0, in_flight=0
                    )
                    for each in self.edge.services[name].endpoints
                },
            )
