"""Services: their address, their numbers, what runs where, and how they are doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kyc.wire.api.instance import InstanceRow
from kyc.wire.api.offer import OfferRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """One service, as of now. Rates and times are of the last second; None where they cannot be read.

    `replicas` counts those that are not over, `*_wanted` is the last decision about the numbers. `requests` and
    `failed` (5xx that clients saw) are counted since the edge was started; `in_flight` counts those that wait, too.
    """

    name: str
    state: str
    url: str
    revision: int
    replicas_ready: int
    replicas: int
    replicas_wanted: int
    instances_ready: int
    instances: int
    instances_wanted: int
    requests_per_s: float | None
    failed_per_s: float | None
    in_flight: int | None
    waiting: int | None
    p95_ms: float | None
    cpu_percent: float | None
    requests: int | None
    failed: int | None
    policy: str
    min_replicas: int
    max_replicas: int
    interruptions: int
    cost_usd: float
    saved_usd: float
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRow:
    """One copy of a service. `in_edge`: it gets new requests now; `cpu_percent` is of what it may use."""

    id: str
    instance: str
    state: str
    revision: int
    port: int
    in_edge: bool
    in_flight: int | None
    requests: int | None
    failed: int | None
    cpu_percent: float | None
    memory_bytes: int | None
    restarts: int
    created_at: datetime
    started_at: datetime | None
    ready_at: datetime | None
    draining_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    replaces: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceInstanceRow:
    """One of a service's instances with its replicas. `silent_s`: since the last heartbeat, which told `cpu`, `memory`
    (shares from 0 to 1); from `suspected` on its replicas get no new requests.
    """

    instance: InstanceRow
    cpu: float | None
    memory: float | None
    silent_s: float
    suspected: bool
    replicas: list[ReplicaRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """The last decision about the numbers: its reason in a sentence, and the figures that it was made from."""

    reason: str
    numbers: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDetail:
    """`GET /services/{name}`: the row, the file as understood, what runs where, and the replicas that ended last."""

    row: ServiceRow
    spec: dict[str, object]
    instances: list[ServiceInstanceRow]
    ended: list[ReplicaRow]
    decision: DecisionRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPoint:
    """One second of a service. `demand` is the load in replicas (3.2: three of them full, and a bit); None: unknown."""

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
class ServiceRequest:
    """`POST /services`: the file's text, and the SHA-256 of the archive uploaded before (None: no workdir).

    The name of a running service makes its next revision: its replicas are replaced one by one.
    """

    file: str
    workdir: str | None = None
    name: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """What a service file means. `updates`: a service of this name runs. `row` is None for a dry run.

    On the best offer `replicas_per_instance` share an instance; an hour costs from `least_usd_per_hour` (the fewest
    replicas) to `most_usd_per_hour`.
    """

    name: str
    spec: dict[str, object]
    warnings: list[str]
    offers: list[OfferRow]
    updates: bool
    replicas_per_instance: int | None
    least_usd_per_hour: float | None
    most_usd_per_hour: float | None
    row: ServiceRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """`POST /services/{name}/test`: send so many GETs of the path through the edge, `together` at a time."""

    count: int = 10
    path: str = "/"
    together: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReply:
    """One test request's answer and who gave it, as the edge says; `status` None with `error`: there was none."""

    status: int | None
    instance: str | None
    replica: str | None
    took_ms: float
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """The answers in the order of the requests."""

    url: str
    replies: list[TrialReply]
