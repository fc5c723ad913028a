"""A service: replicas behind one address. What is asked for, how it goes, and a replica's place in the edge."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from kyc.domain.budget import BudgetStage
from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.launch import NO_OPTIONS, LaunchOptions
from kyc.domain.machine import advance
from kyc.domain.workload import Requirement


class SignalKind(StrEnum):
    """What load is measured by. A target says how much of it one replica takes."""

    REQUESTS = "requests"  # requests/s of the whole service
    CONCURRENCY = "concurrency"  # requests in flight, of the whole service
    QUEUE = "queue"  # requests that wait, of the whole service
    CUSTOM = "custom"  # a figure of the replicas' own that grows with the load, added up over them
    CPU = "cpu"  # mean of the ready replicas, in percent of what each may use
    LATENCY = "latency"  # 95th percentile, in milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaMetric:
    """A figure that each replica tells by HTTP at `path`, in Prometheus' text or JSON."""

    path: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How much of a signal one replica takes and still serves well (percent for CPU, milliseconds for latency).

    `metric`: what is read for a custom one.
    """

    kind: SignalKind
    per_replica: float
    metric: ReplicaMetric | None = None

    @property
    def signal(self) -> str:
        """What people call the signal."""
        return self.kind.value if self.metric is None else self.metric.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A floor under the number of replicas at known times, in UTC. `days`: 0 is Monday. An end before the start is of
    the next day.
    """

    min_replicas: int
    starts: time
    ends: time
    days: frozenset[int] = frozenset(range(7))


class ScalingPolicy(StrEnum):
    """How the number of instances and replicas is decided."""

    WORTH = "worth"  # each instance has to be worth its price (planning.autoscale)
    THRESHOLD = "threshold"  # the CPU thresholds of the Auto Cloud Scaler (planning.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthRule:
    """The numbers of the policy `worth`. Shares are of what an instance can serve.

    `buy_share`: an instance is bought when it would serve more than this that nobody else can. 1/80 says that a
    refused request weighs as much as 80 served ones. `keep_ratio`: it is kept down to this part of `buy_share`; the
    gap is what keeps a constant load from moving anything. `recurrence`: how far what was seen is trusted to come
    again. `memory`: how long a peak is remembered, None for ten times the start-up time of an instance (rent or buy).
    `fill_instances`: replicas fill the instances that are paid for anyway, instead of following the load.
    """

    buy_share: float = 1 / 80
    keep_ratio: float = 0.25
    recurrence: float = 0.6
    memory: timedelta | None = None
    fill_instances: bool = True
    forecast: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRule:
    """The numbers of the policy `threshold`: CPU shares of an instance, from 0 to 1.

    An instance gets one more replica when its CPU stays above `add_replica_above[n]` (n extra replicas so far, the
    last number for all further ones) for `sustain`; one more instance starts when the mean of the last `samples`
    of the least loaded reaches `add_instance_at`. Down, which the original lacked: all below `remove_below` for
    `sustain_down`. `boot_grace` after its start an instance's load does not count.
    """

    add_instance_at: float = 0.8
    add_replica_above: tuple[float, ...] = (0.3, 0.6)
    remove_below: float = 0.2
    samples: int = 5
    sustain: timedelta = timedelta(seconds=5)
    sustain_down: timedelta = timedelta(seconds=60)
    boot_grace: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRule:
    """How a service survives on spot. `extra` spot instances more than wanted; `on_demand_base` never on spot.

    With `fallback`, on-demand instances stand in for spot ones that are wanted but not ready (SkyServe, EuroSys'25).
    """

    extra: int = 0
    on_demand_base: int = 0
    fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRule:
    """Within which bounds and by which policy a service scales; several targets: the one that asks for most counts."""

    min_replicas: int = 1
    max_replicas: int = 1
    max_instances: int | None = None
    targets: tuple[Target, ...] = ()
    policy: ScalingPolicy = ScalingPolicy.WORTH
    worth: WorthRule = WorthRule()
    threshold: ThresholdRule = ThresholdRule()
    spot: SpotRule = SpotRule()
    schedules: tuple[Schedule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSize:
    """What one replica takes of its instance. Nothing set: as much as it wants, alone by `max_per_instance`."""

    cpus: float = 0
    memory_mib: int = 0
    gpus: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How a replica shows that it can serve: a GET of `path` answers 2xx, or its port accepts where `path` is empty.

    It may fail for `initial_delay` after the start; later, failing for `fail_after` makes it failed.
    """

    path: str = ""
    initial_delay: timedelta = timedelta(seconds=60)
    timeout: timedelta = timedelta(seconds=5)
    fail_after: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files on the edge's machine: a certificate chain and its key."""

    chain: str
    key: str


class Balance(StrEnum):
    """How the edge chooses among ready replicas."""

    LEAST_REQUEST = "least_request"
    ROUND_ROBIN = "round_robin"
    STICKY = "sticky"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """A service as asked for. `port` is what each replica listens on (it gets it as PORT; 0: one is given to it).

    `any_of` holds the alternatives for its instances, one at least, `machine` what else they are to be; `size` is
    what one replica takes of them and `max_per_instance` how many share one at most (None: as many as fit). A
    replica that leaves gets `drain_grace` for its requests in flight, then `stop_grace` from SIGTERM to SIGKILL. A
    request waits up to `wait` for a first replica, `most_waiting` of them at once; so does one that would be more than
    `most_in_flight` on each (None: no limit). Replies name instance and
    replica if `names_replica`. The edge answers at `address_port` (0: at a free one, kept for the service's life),
    with TLS if `tls` names certificates.
    """

    name: WorkloadName
    run: str
    port: int
    probe: Probe = Probe()
    scaling: ScalingRule = ScalingRule()
    size: ReplicaSize = ReplicaSize()
    max_per_instance: int | None = None
    any_of: tuple[Requirement, ...] = (Requirement(),)
    machine: LaunchOptions = NO_OPTIONS
    image: str = ""
    setup: str = ""
    workdir: str | None = None
    envs: dict[str, str] = field(default_factory=dict)
    balance: Balance = Balance.LEAST_REQUEST
    drain_grace: timedelta = timedelta(seconds=30)
    stop_grace: timedelta = timedelta(seconds=10)
    wait: timedelta = timedelta(seconds=60)
    most_waiting: int = 1000
    most_in_flight: int | None = None
    names_replica: bool = False
    address_port: int = 0
    tls: TlsFiles | None = None
    budget_usd: Decimal | None = None


class ServiceState(StrEnum):
    """Where a service is in its life."""

    STARTING = "starting"  # no replica of it has been ready yet
    RUNNING = "running"  # it answers, if only after a wait where it has scaled to zero
    STOPPING = "stopping"  # its replicas drain, its instances are given back
    STOPPED = "stopped"
    FAILED = "failed"  # its replicas die again and again; nothing of it is left


_V = ServiceState
SERVICE_EDGES: dict[ServiceState, frozenset[ServiceState]] = {
    _V.STARTING: frozenset({_V.RUNNING, _V.STOPPING}),
    _V.RUNNING: frozenset({_V.STOPPING}),
    _V.STOPPING: frozenset({_V.STOPPED, _V.FAILED}),
    _V.STOPPED: frozenset({_V.STARTING}),  # served again
    _V.FAILED: frozenset({_V.STARTING}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as kyc knows it.

    `revision` counts its files: a replica of an older one is replaced. `replicas` counts all that there ever were.
    `wanted_*` are the last decision, with those on extra spot instances; they hold where nothing can be seen.
    """

    name: WorkloadName
    spec: ServiceSpec
    state: ServiceState
    requested_at: datetime
    edge_port: int
    revision: int = 1
    replicas: int = 0
    wanted_replicas: int = 0
    wanted_instances: int = 0
    stop_requested: bool = False
    stop_reason: str = ""  # empty: a person asked for it
    failed: bool = False  # it stops because it cannot be kept up
    budget_stage: BudgetStage = BudgetStage.OPEN  # of its own budget
    frugal: str = ""  # which budget has it keep to its fewest replicas; empty: none
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    user: str = ""  # who asked for it; empty: nobody knows
    version: int = 0

    def to(self, state: ServiceState, **changes: object) -> Service:
        """Return the service in the new state with the changes applied; raise TransitionError if it cannot."""
        advance(SERVICE_EDGES, self.state, state, story=f"service {self.name}")
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # names are the fields'

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state in {_V.STOPPED, _V.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A ready replica's place in the edge: where it answers, and what is lost with it (`instance_id`, `zone`)."""

    replica_id: ReplicaId
    instance_id: InstanceId
    host: str
    port: int
    zone: str = ""
    weight: int = 1


class EndpointState(StrEnum):
    """Whether an endpoint gets new requests."""

    UP = "up"
    DRAINING = "draining"  # no new request or connection; those in flight end by themselves
