"""What if: jobs and services on recordings, with the code that decides live."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRow:
    """A recording under KYC_HOME/traces. `kind` is job (spot availability), service (requests) or unknown."""

    name: str
    kind: str
    bytes: int
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateJobRequest:
    """`POST /simulate/job`: times in seconds. `zone` None: every recording of the trace is run, and the first shown."""

    trace: str
    work_s: float
    deadline_s: float
    overhead_s: float = 600
    policies: list[str] = field(default_factory=lambda: ["ours", "greedy", "uniform", "on-demand"])
    zone: str | None = None
    spot_usd_per_hour: float | None = None
    on_demand_usd_per_hour: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """What held from one second of the recording to another."""

    since_s: float
    until_s: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPolicyResult:
    """What a policy did: means over all runs, and what it ran when in the run that is shown (spot, on_demand, wait).

    `bound_usd` is the least that it could have cost, knowing everything ahead; None where it cannot be done in time.
    """

    policy: str
    runs: int
    late: int
    cost_usd: float
    cost_over_on_demand: float | None
    bound_usd: float | None
    interruptions: float
    finished_s: float | None
    spans: list[TimeSpan]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSimulation:
    """The policies beside each other; `available` is when spot could be had in the zone that is shown."""

    zone: str
    tick_s: float
    deadline_s: float
    available: list[TimeSpan]
    policies: list[JobPolicyResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateServiceRequest:
    """`POST /simulate/service`: `capacity_rps` is what one replica serves; the first policy is shown over time."""

    trace: str
    capacity_rps: float
    scale: float = 1
    replicas_per_instance: int = 4
    replica_start_s: int = 2
    instance_start_s: int = 60
    policies: list[str] = field(default_factory=lambda: ["ours", "hpa70", "kpa70", "static"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePolicyResult:
    """What a policy did. Shares are of all requests: above the ready capacity, and waiting for over a second."""

    policy: str
    over_share: float
    late_share: float
    instance_hours: float
    replica_hours: float
    launches: int
    max_replicas: int
    max_instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePoint:
    """Means of a stretch of the recording that begins at `t_s`."""

    t_s: int
    requests_per_s: float
    ready_replicas: float
    instances: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChange:
    """A decision of the policy that is shown."""

    t_s: int
    instances: int
    replicas: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSimulation:
    """The policies beside each other, the least instance hours (knowing everything ahead), and the first over time."""

    requests: float
    seconds: int
    oracle_instance_hours: float
    policies: list[ServicePolicyResult]
    points: list[ServicePoint]
    changes: list[ServiceChange]
