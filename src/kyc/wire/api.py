"""The REST API's shapes, under `/api/v1`. Plain dataclasses: FastAPI makes OpenAPI of them, the SDK decodes into them.

Money is USD as a number (exact to a millionth), sizes are bytes, times are UTC in ISO 8601.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`GET /health`, open to all: is this a master, and is it ready."""

    version: str
    master_id: str
    started_at: datetime
    ready: bool
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRow:
    """One line of `kyc ps`.

    `instances` counts what is bought for it now; `rpo_s` is the age of the oldest unsafe change. `forecast_usd` is what
    it will have cost at its end at the present price; None while nobody knows how much work is left. `course` is where
    its deadline asks it to run: `any`, `spot`, `on_demand` or `wait`.
    """

    name: str
    kind: str
    state: str
    attempt: int
    instances: int
    cost_usd: float
    saved_usd: float
    interruptions: int
    last_snapshot_at: datetime | None
    rpo_s: float | None
    deadline_at: datetime | None
    step: int | None = None
    step_total: int | None = None
    requested_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    budget_usd: float | None = None
    budget_stage: str = ""
    forecast_usd: float | None = None
    course: str = "any"
    course_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One run of a job on one instance."""

    id: str
    number: int
    instance: str
    state: str
    epoch: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadDetail:
    """`GET /workloads/{name}`: the row, the file's content as understood, and every attempt."""

    row: WorkloadRow
    spec: dict[str, object]
    attempts: list[AttemptRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """One line of `kyc instances`. `type` is the cloud's instance type."""

    id: str
    name: str
    cloud: str
    region: str
    zone: str
    type: str
    spot: bool
    state: str
    address: str | None
    price_usd_per_hour: float
    workload: str | None
    deployment: str
    started_at: datetime | None
    ended_at: datetime | None
    provider_id: str | None
    on_demand_usd_per_hour: float = 0
    cost_usd: float = 0
    notice_deadline_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRow:
    """One line of `kyc offers`. vCPUs and memory are 0 where unknown; zone `*`: the price holds for the region."""

    id: str
    cloud: str
    region: str
    zone: str
    type: str
    spot: bool
    vcpus: float
    memory_gib: float
    gpu: str | None
    gpu_count: float
    price_usd_per_hour: float
    on_demand_usd_per_hour: float | None
    saving: float | None  # share of the on-demand price, up to 1; None where that is not known
    source: str
    priced_at: datetime
    arch: str | None = None
    gpu_memory_gib: float = 0
    interruption_band: str | None = None  # the provider's word, a month
    interruptions_per_hour: float | None = None
    age_s: float = 0
    stale: bool = False  # older than prices of this source may be
    group_size: int = 1  # how many offers it stands for, where the search groups


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalRow:
    """How many offers one filter took out, of those that the filters before it had left."""

    filter: str
    wish: str
    count: int
    alternative: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReport:
    """`GET /offers/explanation`: how many of how many fit, and where none does, why not and what comes nearest."""

    searched: int
    total: int
    removed: list[RemovalRow]
    nearest: list[OfferRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """How many prices of one kind one source gave for one region, and how old the oldest and newest are."""

    cloud: str
    region: str
    source: str
    spot: bool
    rows: int
    oldest_at: datetime
    newest_at: datetime
    age_s: float
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A source of prices that can be asked, and how its last try went. `state`: idle, waiting or failed."""

    name: str
    cloud: str
    state: str
    every_s: float
    fetched_at: datetime | None
    tried_at: datetime | None
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogReport:
    """`GET /catalog`: what prices there are, and where they come from."""

    rows: int
    coverage: list[CoverageRow]
    feeds: list[FeedRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest:
    """`POST /catalog/refresh`: ask the feeds of a cloud, or one feed by name (None: all)."""

    cloud: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """`POST /catalog/import`: what was taken of the file, and what was left out, by reason."""

    prices: int
    machines: int
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """`POST /jobs`: the workload file's text, and the SHA-256 of the archive uploaded before (None: no workdir)."""

    file: str
    workdir: str | None = None
    name: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """What a job file means. `name` is the name it got (a taken one gets a number); `row` is None for a dry run.

    An hour of the best offer costs `expected_usd_per_hour`; an hour of work on it, with what start-up and interruptions
    are expected to add, `expected_usd_per_work_hour`.
    """

    name: str
    spec: dict[str, object]
    warnings: list[str]
    offers: list[OfferRow]
    expected_usd_per_hour: float | None
    expected_usd_per_work_hour: float | None = None
    row: WorkloadRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """`POST /deployments`: bare instances of one offer (None: the cheapest)."""

    offer: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """A deployment and its instances."""

    id: str
    offer: str
    state: str
    instances: list[str]
    requested_at: datetime
    reason: str
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptRequest:
    """`POST /instances/{id}/interrupt`: seconds of notice; 0 kills without one."""

    notice_s: float = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line of `kyc events`."""

    seq: int
    at: datetime
    kind: str
    subject: str
    data: dict[str, object] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """A piece of a job's output, whole lines."""

    seq: int
    at: datetime
    attempt: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRow:
    """One committed snapshot."""

    sequence: int
    epoch: int
    taken_at: datetime
    files: int
    bytes: int
    missed: list[str]


class CostBy(StrEnum):
    """What a cost report has a row for."""

    WORKLOAD = "workload"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What a workload cost, or a day (`name` is then a UTC date). `on_demand_usd`: the same seconds bought on demand.

    `interruptions_usd` is the part of what was spent that brought no work: `repeated_usd` (done again), `overlap_usd`
    (two instances of one job at once) and `restart_usd` (a replacement before it worked).
    """

    name: str
    spent_usd: float
    on_demand_usd: float
    saved_usd: float
    instance_seconds: float
    per_hour_now_usd: float
    interruptions_usd: float = 0
    repeated_usd: float = 0
    overlap_usd: float = 0
    restart_usd: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """`GET /cost`: a row for each workload (bare instances under the name `-`) or UTC day, and the sum."""

    rows: list[CostRow]
    total: CostRow
    by: str = CostBy.WORKLOAD.value


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRequest:
    """`PUT /budgets/{scope}`: a limit of 0 USD or more; people are warned at the share `warn_at`, from 0 to 1."""

    limit_usd: float
    warn_at: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """A limit and what was spent of it. `scope` is `day`, `month`, `total` or a live job's name.

    `share` is from 0 to 1 and above; `forecast_usd` is what will be spent at `ends_at` at the present rate (None: it
    has no end), `runs_out_at` when nothing will be left (None: it lasts). `stage` is open, warned, held, economising
    or spent.
    """

    scope: str
    limit_usd: float
    spent_usd: float
    left_usd: float
    share: float
    per_hour_now_usd: float
    warn_at: float
    stage: str
    forecast_usd: float | None = None
    ends_at: datetime | None = None
    runs_out_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudRow:
    """A registered cloud and whether it works."""

    name: str
    ready: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownRequest:
    """`POST /shutdown`: stop the master; with `everything` its stream server and local cloud too."""

    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    """`POST /agents/{id}/enrol`: the one-time token from the user data, and the secret the agent will use."""

    token: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """RFC 9457 problem details, with our `next_step`."""

    type: str
    title: str
    status: int
    detail: str
    next_step: str = ""
