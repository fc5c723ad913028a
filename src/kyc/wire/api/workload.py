"""Workloads: what was asked for, and how it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from kyc.wire.api.metric import RecoveryRow
from kyc.wire.api.offer import OfferRow


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRow:
    """One line of `kyc ps`.

    `instances` counts what is bought for it now; `rpo_s` is the age of the oldest unsafe change,
    `dirty_bytes` what is unsafe at most, `flush_estimate_s` how long it would take to be safe. `forecast_usd` is what
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
    dirty_bytes: int | None = None
    flush_estimate_s: float | None = None


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
    """`GET /workloads/{name}`: the row, the file's content as understood, every attempt, and every interruption."""

    row: WorkloadRow
    spec: dict[str, object]
    attempts: list[AttemptRow]
    recoveries: list[RecoveryRow] = field(default_factory=list)


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
