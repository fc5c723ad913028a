"""What was spent and saved, and what may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CostBy(StrEnum):
    """What a cost report has a row for."""

    WORKLOAD = "workload"
    DAY = "day"
    USER = "user"


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
