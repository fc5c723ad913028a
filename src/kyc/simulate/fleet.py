"""`kyc simulate fleet`: what a job would have cost with several zones to choose from, by the code that plans live."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from kyc.planning.zones import ZonesTerms
from kyc.simulate.chart import draw_fleet
from kyc.simulate.job import Run
from kyc.simulate.picture import check_picture, write_picture
from kyc.simulate.sweep import run_all
from kyc.simulate.zones import Fleet, placing_policy, read_fleets, replay_zones
from kyc.simulate.zones_bound import zones_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked; times in seconds. `zones` empty: all that are recorded. `on_demand_price` None: the file's."""

    traces: Path
    work_s: float
    deadline_s: float
    overhead_s: float
    policy: str = "ours"
    zones: tuple[str, ...] = ()
    on_demand_price: float | None = None
    chart: Path | None = None
    cores: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRow:
    """One run. `gap` is the cost above the omniscient bound as a share of it; `hours` are those paid, by zone."""

    window: str
    cost_usd: float
    cost_over_on_demand: float | None
    bound_usd: float | None
    gap: float | None
    late: bool
    finished_s: float | None
    interruptions: int
    launches: int
    hours: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """What a policy did: means over the runs, and the runs."""

    policy: str
    zones: tuple[str, ...]
    runs: int
    late: int
    cost_usd: float
    cost_over_on_demand: float | None
    bound_usd: float | None
    gap: float | None
    interruptions: float
    rows: tuple[FleetRow, ...]


def run(options: Options, told: Callable[[int, int], None] | None = None) -> FleetReport:
    """Replay every window of the file and report; InvalidInputError where the file or an option is of no use."""
    if options.chart:
        check_picture(options.chart)
    fleets = [fleet.of(options.zones) if options.zones else fleet for fleet in read_fleets(options.traces)]
    placing_policy(options.policy, _terms(options, fleets[0]), fleets[0])  # an unknown name is told before the work
    rows = run_all(_replay, [(options, fleet) for fleet in fleets], cores=options.cores, told=told)
    if options.chart:
        terms = _terms(options, fleets[0])
        one = replay_zones(terms, placing_policy(options.policy, terms, fleets[0]), fleets[0])
        write_picture(options.chart, draw_fleet(terms, fleets[0], one))
    bounds = [row.bound_usd for row in rows if row.bound_usd is not None]
    shares = [row.cost_over_on_demand for row in rows if row.cost_over_on_demand is not None]
    cost, bound = fmean(row.cost_usd for row in rows), fmean(bounds) if len(bounds) == len(rows) else None
    return FleetReport(
        policy=options.policy,
        zones=fleets[0].zones,
        runs=len(rows),
        late=sum(row.late for row in rows),
        cost_usd=cost,
        cost_over_on_demand=fmean(shares) if shares else None,
        bound_usd=bound,
        gap=None if bound is None else _ratio(cost - bound, bound),
        interruptions=fmean(row.interruptions for row in rows),
        rows=tuple(rows),
    )


def _replay(task: tuple[Options, Fleet]) -> FleetRow:
    options, fleet = task
    terms = _terms(options, fleet)
    one = replay_zones(terms, placing_policy(options.policy, terms, fleet), fleet)
    bound = zones_cost(terms, fleet)
    return FleetRow(
        window=fleet.name,
        cost_usd=one.cost_usd,
        cost_over_on_demand=_ratio(one.cost_usd, terms.on_demand_price * max(terms.work_s, 0) / 3600),
        bound_usd=bound if math.isfinite(bound) else None,
        gap=_ratio(one.cost_usd - bound, bound),
        late=one.is_late(terms.deadline_s),
        finished_s=one.finished_s,
        interruptions=one.interruptions,
        launches=one.launches,
        hours=_hours(one, terms),
    )


def _terms(options: Options, fleet: Fleet) -> ZonesTerms:
    return ZonesTerms(
        work_s=options.work_s,
        deadline_s=options.deadline_s,
        restart_overhead_s=options.overhead_s,
        tick_s=fleet.tick_s,
        on_demand_price=fleet.on_demand_price if options.on_demand_price is None else options.on_demand_price,
    )


def _hours(one: Run, terms: ZonesTerms) -> dict[str, float]:
    places = [place or choice.value for place, choice in zip(one.places, one.choices, strict=True)]
    return {place: round(places.count(place) * terms.tick_s / 3600, 4) for place in sorted(set(places))}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if math.isfinite(part) and math.isfinite(whole) and whole > 0 else None
