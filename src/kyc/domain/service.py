"""A service: replicas behind one address. What is asked for, one running copy, and its place in the edge."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum

from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.machine import advance, is_final
from kyc.domain.workload import Requirement


class ReplicaState(StrEnum):
    """Where a replica is in its life."""

    PENDING = "pending"  # stored and placed; its instance may still be starting
    STARTING = "starting"  # its process or container runs; its probe has not succeeded
    READY = "ready"  # gets requests
    DRAINING = "draining"  # out of the edge; the requests in flight end
    STOPPED = "stopped"
    FAILED = "failed"  # it died, never got ready, or its instance is gone


_R = ReplicaState
REPLICA_EDGES: dict[ReplicaState, frozenset[ReplicaState]] = {
    _R.PENDING: frozenset({_R.STARTING, _R.STOPPED, _R.FAILED}),
    _R.STARTING: frozenset({_R.READY, _R.DRAINING, _R.STOPPED, _R.FAILED}),
    _R.READY: frozenset({_R.DRAINING, _R.FAILED}),
    _R.DRAINING: frozenset({_R.STOPPED, _R.FAILED}),
    _R.STOPPED: frozenset(),
    _R.FAILED: frozenset(),
}
COMING = frozenset({_R.PENDING, _R.STARTING})
LIVE = frozenset({_R.PENDING, _R.STARTING, _R.READY})


class SignalKind(StrEnum):
    """What load is measured by. A target says how much of it one replica takes."""

    REQUESTS = "requests"  # requests/s of the whole service
    CONCURRENCY = "concurrency"  # requests in flight, of the whole service
    QUEUE = "queue"  # requests that wait, of the whole service
    CUSTOM = "custom"  # any number of the whole service that grows with its load
    CPU = "cpu"  # mean of the ready replicas, in percent of what each may use
    LATENCY = "latency"  # 95th percentile, in milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How much of a signal one replica takes and still serves well (percent for CPU, milliseconds for latency)."""

    kind: SignalKind
    per_replica: float


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


class Balance(StrEnum):
    """How the edge chooses among ready replicas."""

    LEAST_REQUEST = "least_request"
    ROUND_ROBIN = "round_robin"
    STICKY = "sticky"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """A service as asked for. `port` is what each replica listens on (it gets it as PORT; 0: one is given to it).

    `any_of` holds the alternatives for its instances, one at least; `size` is what one replica takes of them and
    `max_per_instance` how many share one at most (None: as many as fit).
    """

    name: WorkloadName
    run: str
    port: int
    probe: Probe = Probe()
    scaling: ScalingRule = ScalingRule()
    size: ReplicaSize = ReplicaSize()
    max_per_instance: int | None = None
    any_of: tuple[Requirement, ...] = (Requirement(),)
    image: str = ""
    setup: str = ""
    workdir: str | None = None
    envs: dict[str, str] = field(default_factory=dict)
    balance: Balance = Balance.LEAST_REQUEST
    drain_grace: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One running copy of a service on an instance. `replaces` names the one it takes over from, in a move."""

    id: ReplicaId
    workload: WorkloadName
    instance_id: InstanceId
    state: ReplicaState
    created_at: datetime
    port: int = 0
    replaces: ReplicaId | None = None
    restarts: int = 0
    ready_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    version: int = 0

    def to(self, state: ReplicaState, **changes: object) -> Replica:
        """Return the replica in the new state with the changes applied; raise TransitionError if it cannot."""
        advance(REPLICA_EDGES, self.state, state, story=f"replica {self.id}")
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # names are the fields'

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more."""
        return is_final(REPLICA_EDGES, self.state)


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
