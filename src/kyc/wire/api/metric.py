"""Measurements and money over time, and the state of everything on one page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """What was measured at one time: shares from 0 to 1; None where it is not known."""

    at: datetime
    cpu: float | None
    memory: float | None
    disk: float | None
    gpu: float | None
    dirty_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSeries:
    """`GET /instances/{id}/metrics`: oldest first; shares are means of each step, dirty bytes its peak.

    `since` is where the answer begins; the master keeps a day, in memory: a restart of it begins anew.
    """

    instance: str
    since: datetime
    step_s: float
    points: list[MetricPoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPoint:
    """What had been spent in all until `at`, what the same time would have cost on demand, and the rate then."""

    at: datetime
    spent_usd: float
    on_demand_usd: float
    saved_usd: float
    per_hour_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSeries:
    """`GET /cost/series`: running sums from `since` on, oldest first; `step_s` apart but for the first and last."""

    since: datetime
    until: datetime
    step_s: float
    points: list[CostPoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRow:
    """What runs in one region: instances that bill now, by state."""

    cloud: str
    region: str
    instances: int
    spot: int
    per_hour_usd: float
    states: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsafeRow:
    """A workload's changes that are not in the stream yet; `since` is the oldest of them, `told_at` when this was."""

    workload: str
    instance: str
    dirty_bytes: int | None
    since: datetime | None
    told_at: datetime
    flush_estimate_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRow:
    """An interruption and what followed. Times are in seconds from `at`; None: it has not happened (yet)."""

    instance: str
    workload: str | None
    noticed: bool
    at: datetime
    replacement: str | None
    to_replacement_requested_s: float | None
    to_resumed_s: float | None
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """`GET /overview`: the first page of the dashboard. Money is of the UTC day and month, and of everything."""

    at: datetime
    running_jobs: int
    waiting_jobs: int
    instances: int
    regions: list[RegionRow]
    unsafe: list[UnsafeRow]
    recoveries: list[RecoveryRow]
    per_hour_usd: float
    on_demand_per_hour_usd: float
    spent_today_usd: float
    saved_today_usd: float
    spent_month_usd: float
    saved_month_usd: float
    spent_usd: float
    saved_usd: float
