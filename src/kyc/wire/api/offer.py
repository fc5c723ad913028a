"""Offers, and the catalog their prices are in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
