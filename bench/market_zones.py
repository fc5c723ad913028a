"""The several-zones part of `make bench-market`: the four "high" variants of the public benchmark.

Scores are honest: each tick is paid at the price of the zone that it ran in. The prior is fitted to recordings of
another year, since those of several zones overlap the built-in prior's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np

from kyc.planning.availability import AvailabilityPrior
from kyc.planning.zones import ZonesPolicy, ZonesTerms
from kyc.simulate.fit import fit_prior
from kyc.simulate.recording import Recording, read_recordings
from kyc.simulate.study import merge_windows, score
from kyc.simulate.sweep import run_all
from kyc.simulate.zones import Fleet, placing_policy, read_fleets, replay_zones
from kyc.simulate.zones_bound import zones_cost

WORK_H, DEADLINES_H, OVERHEADS_H = 24.0, (36.0, 48.0), (0.05, 0.20)
PRICES = (23.35 / 24, 3.06)
MOST_WINDOWS = 8
EAST_1, EAST_2, WEST_2 = "us-east-1", "us-east-2", "us-west-2"
SCENARIOS = {  # which zones, and how many runs of it the benchmark makes
    (f"{EAST_1}a", f"{EAST_1}c"): 8,
    (f"{EAST_2}a", f"{WEST_2}a"): 8,
    (f"{EAST_1}a", f"{EAST_2}b", f"{WEST_2}c"): 6,
    (f"{EAST_1}a", f"{EAST_1}c", f"{EAST_1}d"): 6,
    (f"{EAST_1}a", f"{EAST_1}f", f"{WEST_2}a", f"{WEST_2}b", f"{EAST_2}b"): 4,
    (
        *(f"{EAST_2}a", f"{WEST_2}c", f"{EAST_1}d", f"{EAST_2}b", f"{WEST_2}a"),
        *(f"{EAST_1}f", f"{EAST_1}a", f"{WEST_2}b", f"{EAST_1}c"),
    ): 2,
}
NAMES = ("multizone", "multizone_greedy", "multizone_uniform_progress", "multizone_omniscient")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Zones in one window under one deadline and overhead; `of_2022` is where the prior is fitted."""

    fleet: Fleet
    weight: float
    deadline_h: float
    overhead_h: float
    of_2022: Path


Result = dict[str, tuple[float, bool]]


def zones_figures(folder: Path, told: Callable[[int, int], None]) -> dict[str, object]:
    """Return the scores of ours, the baselines and the bound; null with the reason where a recording is missing."""
    windows, of_2022 = folder / "multi_windows_2023.json.gz", folder / "single_windows_2022.json.gz"
    missing = next((path for path in (windows, of_2022) if not path.exists()), None)
    if missing is not None:
        return {"multizone_score": None, "why_multizone_score": f"{missing.name} is not in {folder}"}
    fleets = read_fleets(windows)
    fleets = fleets[:: max(1, len(fleets) // MOST_WINDOWS)][:MOST_WINDOWS]
    trials = [
        Trial(fleet=_of(fleet, zones), weight=runs, deadline_h=deadline, overhead_h=overhead, of_2022=of_2022)
        for deadline in DEADLINES_H
        for overhead in OVERHEADS_H
        for zones, runs in SCENARIOS.items()
        for fleet in fleets
    ]
    print(f"several zones: {len(trials)} runs of each policy", flush=True)
    results = run_all(_run, trials, told=told)
    figures: dict[str, object] = {"multizone_windows": len(fleets)}
    for name in NAMES:
        settings = [
            _score(name, [pair for pair in zip(trials, results, strict=True) if _setting(pair[0]) == setting])
            for setting in sorted({_setting(trial) for trial in trials})
        ]
        figures[f"{name}_score"] = round(fmean(settings), 2)
        figures[f"{name}_late"] = sum(result[name][1] for result in results)
        print(f"  {name:28} " + "  ".join(f"{one:6.2f}" for one in settings))
    return figures


def _setting(trial: Trial) -> tuple[float, float]:
    return trial.deadline_h, trial.overhead_h


def _score(name: str, pairs: list[tuple[Trial, Result]]) -> float:
    total = sum(trial.weight for trial, _ in pairs)
    cost = sum(trial.weight * result[name][0] for trial, result in pairs) / total
    return score([cost], work_h=WORK_H, prices=PRICES)


def _of(fleet: Fleet, zones: tuple[str, ...]) -> Fleet:
    """Return these zones; the benchmark charges each zone's first price all along."""
    some = fleet.of(tuple(f"{zone}_v100_1" for zone in zones))
    return replace(some, prices=np.repeat(some.prices[:, :1], some.prices.shape[1], axis=1))


def _run(trial: Trial) -> Result:
    terms = ZonesTerms(
        work_s=WORK_H * 3600,
        deadline_s=trial.deadline_h * 3600,
        restart_overhead_s=trial.overhead_h * 3600,
        tick_s=trial.fleet.tick_s,
        on_demand_price=trial.fleet.on_demand_price,
    )
    policies = {
        "multizone": _ours(terms, tuple(trial.fleet.prices[:, 0].tolist()), trial.of_2022).afresh(),
        "multizone_greedy": placing_policy("greedy", terms, trial.fleet),
        "multizone_uniform_progress": placing_policy("uniform", terms, trial.fleet),
    }
    runs = {name: replay_zones(terms, policy, trial.fleet) for name, policy in policies.items()}
    result = {name: (run.cost_usd, run.is_late(terms.deadline_s)) for name, run in runs.items()}
    return {**result, "multizone_omniscient": (zones_cost(terms, trial.fleet), False)}


@cache
def _ours(terms: ZonesTerms, prices: tuple[float, ...], of_2022: Path) -> ZonesPolicy:
    return ZonesPolicy.plan(terms, prices, _prior(of_2022))


@cache
def _prior(of_2022: Path) -> AvailabilityPrior:
    zones: dict[str, list[Recording]] = {}
    for one in read_recordings(of_2022):
        zones.setdefault(one.zone, []).append(one)
    return fit_prior([one for some in zones.values() for one in merge_windows(some)], source="2022")
