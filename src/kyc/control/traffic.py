"""What each service has to do, second by second: read from the edge and from the heartbeats, kept in memory.

After a restart of the master it is empty: `planning.autoscale` then gives nothing back until enough was seen again.
A figure that cannot be read is unknown, never 0.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean

import numpy as np

from kyc.control.pulse import Pulses
from kyc.domain.errors import KycError
from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.domain.replica import ReplicaState
from kyc.domain.service import Service, SignalKind, Target
from kyc.planning.demand import Floats, Reading, busiest, demand_of, demand_series, grain_of, is_missing
from kyc.planning.serving import ServiceRecords, fits_on
from kyc.ports.clock import Clock
from kyc.ports.edge import Edge, EdgeLoad, EndpointLoad
from kyc.wire.replica import ReplicaLoad

log = logging.getLogger(__name__)
MEMORY_S = 1800
DAY_MIN = 1600  # what a forecast looks back, and a little
READ_EVERY_S = 0.1  # however often something changes
STALE_S = 5.0  # a heartbeat older than this says nothing about now
_NOTHING = EndpointLoad(requests=0, failed=0, in_flight=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One second of a service's traffic; None where it could not be read."""

    at: datetime
    requests_per_s: float | None
    failed_per_s: float | None
    in_flight: int | None
    waiting: int | None
    p95_ms: float | None
    cpu_percent: float | None
    demand: float | None
    replicas_ready: int
    replicas: int
    instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Demand by the second, newest last; the grain of the strongest signal; whether one of them is missing now."""

    demand: Floats
    grain: float
    lacks_signal: bool


@dataclass(slots=True)
class TrafficHistory:
    """One service's: points of the last half hour, demands by target, minutes for the forecast."""

    points: deque[Point] = field(default_factory=lambda: deque(maxlen=MEMORY_S))
    readings: dict[Target, deque[Reading]] = field(default_factory=dict)
    signals: dict[Target, float | None] = field(default_factory=dict)  # as read last; None: could not be
    minutes: deque[float] = field(default_factory=lambda: deque(maxlen=DAY_MIN))
    last: tuple[float, EdgeLoad] | None = None  # monotonic seconds, and what the edge said then
    load: EdgeLoad | None = None  # the newest, None while the edge does not say
    _minute: tuple[int, list[float]] = (0, [])

    def note_minute(self, second: int, demand: float) -> None:
        """Add a second's demand to its minute."""
        minute, seen = self._minute
        if second // 60 != minute:
            if seen:
                self.minutes.append(fmean(seen))
                self.minutes.extend([math.nan] * min(DAY_MIN, second // 60 - minute - 1))
            self._minute = (second // 60, [])
        if not math.isnan(demand):
            self._minute[1].append(demand)

    @property
    def waiting(self) -> int:
        """How many requests wait because nothing is ready."""
        return 0 if self.load is None else self.load.waiting

    def in_flight(self) -> dict[ReplicaId, int]:
        """Return what each endpoint has in flight; empty if the edge does not say."""
        return {} if self.load is None else {name: each.in_flight for name, each in self.load.endpoints.items()}

    def endpoint(self, replica_id: ReplicaId) -> EndpointLoad:
        """Return what the edge says of one endpoint; zeros where it knows none."""
        return _NOTHING if self.load is None else self.load.endpoints.get(replica_id, _NOTHING)


@dataclass(slots=True)
class Traffic:
    """Reads all services at once, once a second."""

    clock: Clock
    pulses: Pulses
    edge: Edge
    _known: dict[WorkloadName, TrafficHistory] = field(default_factory=dict)
    _read: tuple[float, Mapping[WorkloadName, EdgeLoad] | None] | None = None

    def of(self, name: WorkloadName) -> TrafficHistory:
        """Return a service's history; an empty one if nothing is known yet."""
        return self._known.setdefault(name, TrafficHistory())

    def forget(self, names: set[WorkloadName]) -> None:
        """Drop the services that are over."""
        for name in names & self._known.keys():
            del self._known[name]

    async def read(self, *, since_s: float) -> Mapping[WorkloadName, EdgeLoad] | None:
        """Ask the edge, unless that was done since this time (monotonic) and just now; None if it does not answer."""
        now_s = self.clock.monotonic_s()
        if self._read is None or self._read[0] <= max(since_s, now_s - READ_EVERY_S):
            self._read = (now_s, await self._ask())
        return self._read[1]

    async def _ask(self) -> Mapping[WorkloadName, EdgeLoad] | None:
        try:
            return await self.edge.load()
        except KycError as error:
            log.warning("edge_silent", extra={"why": str(error)})
            return None

    def note(self, seen: ServiceRecords, loads: Mapping[WorkloadName, EdgeLoad] | None) -> TrafficHistory:
        """Take down what the edge and the heartbeats say of one service now."""
        service, history = seen.service, self.of(seen.service.name)
        now_s = self.clock.monotonic_s()
        history.load = None if loads is None else loads.get(service.name)
        rates = _rates(history, now_s)
        cpu = self._cpu(seen)
        ready = sum(replica.state is ReplicaState.READY for replica in seen.replicas)
        second = int(now_s)
        seen_now = _Signals(load=history.load, rates=rates, cpu=cpu, metric=self._metric(seen), ready=ready)
        demand = _demands(service, history, seen_now, second=second)
        history.note_minute(second, demand)
        load = history.load
        history.points.append(
            Point(
                at=self.clock.now(),
                requests_per_s=None if rates is None else round(rates[0], 3),
                failed_per_s=None if rates is None else round(rates[1], 3),
                in_flight=None if load is None else load.in_flight,
                waiting=None if load is None else load.waiting,
                p95_ms=None if load is None else load.p95_ms,
                cpu_percent=None if cpu is None else round(cpu, 2),
                demand=None if math.isnan(demand) else round(demand, 3),
                replicas_ready=ready,
                replicas=len(seen.replicas),
                instances=len(seen.held),
            )
        )
        return history

    def series(self, service: Service, *, span_s: int) -> Course:
        """Return the demand of the last seconds."""
        history, targets = self.of(service.name), service.spec.scaling.targets
        now = int(self.clock.monotonic_s()) + 1
        known = [demand_series(history.readings.get(t, ()), now=now, span_s=span_s) for t in targets]
        since = min((r[0].second for t in targets if (r := history.readings.get(t))), default=now)
        seen_s = max(1, min(span_s, now - since))
        grain = max((grain_of(t, each) for t, each in zip(targets, known, strict=True)), default=0.0)
        return Course(
            demand=busiest(known)[-seen_s:] if known else np.zeros(0),
            grain=grain,
            lacks_signal=any(is_missing(each[-seen_s:]) for each in known),
        )

    def replica_loads(self, seen: ServiceRecords) -> dict[ReplicaId, ReplicaLoad]:
        """Return what each replica uses, as far as its instance was heard lately."""
        found: dict[ReplicaId, ReplicaLoad] = {}
        for instance_id in seen.instances:
            pulse = self.pulses.newest(instance_id)
            if pulse is not None and self.pulses.silent_s(instance_id) <= STALE_S:
                found |= {ReplicaId(load.replica): load for load in pulse.replicas}
        return found

    def _cpu(self, seen: ServiceRecords) -> float | None:
        """Return the mean CPU of the ready replicas in percent of what each may use; None if none was heard."""
        loads, spec = self.replica_loads(seen), seen.service.spec
        shares = []
        for replica in seen.replicas:
            load, where = loads.get(replica.id), seen.instances.get(replica.instance_id)
            if replica.state is ReplicaState.READY and load is not None and where is not None:
                most = spec.size.cpus or where.offer.vcpus / max(1, fits_on(spec, where.offer))
                shares.append(100 * load.cpus / most if most > 0 else 0.0)
        return fmean(shares) if shares else None

    def _metric(self, seen: ServiceRecords) -> float | None:
        """Return the replicas' own figure, of all that are ready; None if one of them does not tell it."""
        if not seen.replicas:
            return 0.0  # what waits for a first replica is the edge's to say
        loads = self.replica_loads(seen)
        ready = [loads.get(replica.id) for replica in seen.replicas if replica.state is ReplicaState.READY]
        values = [None if load is None else load.metric for load in ready]
        known = [value for value in values if value is not None]
        return math.fsum(known) if known and len(known) == len(values) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signals:
    """What was seen in one second."""

    load: EdgeLoad | None
    rates: tuple[float, float] | None
    cpu: float | None
    metric: float | None
    ready: int

    def of(self, kind: SignalKind) -> float | None:  # noqa: PLR0911  # one for each kind
        """Return a signal's value, None where it could not be read."""
        load = self.load
        match kind:
            case SignalKind.REQUESTS:
                return None if self.rates is None else self.rates[0]
            case SignalKind.CONCURRENCY:
                return None if load is None else float(load.in_flight + load.waiting)
            case SignalKind.QUEUE:
                return None if load is None else float(load.waiting)
            case SignalKind.CPU:
                return 0.0 if self.cpu is None and self.ready == 0 else self.cpu
            case SignalKind.LATENCY:
                if load is None:
                    return None
                return 0.0 if load.p95_ms is None else load.p95_ms
            case SignalKind.CUSTOM:
                return self.metric


def _demands(service: Service, history: TrafficHistory, seen: _Signals, *, second: int) -> float:
    """Take down each target's demand; return the largest, NaN if none is known."""
    demands = []
    history.signals = {target: seen.of(target.kind) for target in service.spec.scaling.targets}
    for target, value in history.signals.items():
        demand = math.nan if value is None else demand_of(target, value, ready_replicas=seen.ready)
        kept = history.readings.setdefault(target, deque(maxlen=MEMORY_S))
        kept.append(Reading(second=second, value=None if math.isnan(demand) else demand))
        demands.append(demand)
    for target in history.readings.keys() - history.signals.keys():
        del history.readings[target]
    known = [demand for demand in demands if not math.isnan(demand)]
    return max(known, default=math.nan)


def _rates(history: TrafficHistory, now_s: float) -> tuple[float, float] | None:
    """Return requests and failures per second since the last look; None where that cannot be told."""
    load, last = history.load, history.last
    history.last = None if load is None else (now_s, load)
    if load is None or last is None or now_s <= last[0] or load.requests < last[1].requests:
        return None  # the edge counts from its own start
    span_s = now_s - last[0]
    return (load.requests - last[1].requests) / span_s, max(0, load.failed - last[1].failed) / span_s


def newest(points: Sequence[Point]) -> Point | None:
    """Return the last point, None before the first."""
    return points[-1] if points else None
