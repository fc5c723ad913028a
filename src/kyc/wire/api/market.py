"""Prices over time, and alerts on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePoint:
    """From `at` on a zone's spot price was this, until its next point. Zone `*`: the whole region's."""

    at: datetime
    zone: str
    usd_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceHistory:
    """`GET /market/history`: each change of the spot price that was recorded here, by zone and oldest first.

    `on_demand_usd_per_hour` is the present list price (None: not known); `recorded_since` the oldest point's time.
    """

    cloud: str
    region: str
    type: str
    since: datetime
    recorded_since: datetime | None
    on_demand_usd_per_hour: float | None
    points: list[PricePoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRequest:
    """`POST /alerts`: `side` is above or below; `then` is notify, pause or move; `workload` limits it to one job."""

    cloud: str
    region: str
    type: str
    side: str
    usd_per_hour: float
    zone: str | None = None
    then: str = "notify"
    workload: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One line of `kyc alert list`. `crossed` None: no price was seen yet; `fired` counts the crossings."""

    id: str
    cloud: str
    region: str
    zone: str | None
    type: str
    side: str
    usd_per_hour: float
    then: str
    workload: str | None
    created_at: datetime
    crossed: bool | None
    seen_usd_per_hour: float | None
    seen_at: datetime | None
    fired: int
    fired_at: datetime | None
    paused: list[str]
