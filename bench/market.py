"""`make bench-market`: the deadline's policy on real recordings, offers found and listed, decisions and replays timed.

    python -m bench.market [--windows N]

Recordings and prices are read beside the project (../shared, or KYC_TRACES and KYC_CATALOG); what is not there is null
with the reason. Every zone is replayed with a prior that was fitted to the other zones only (`policy_*`,
`gap_closed`), and with the built-in one, which is fitted to another year and other zones (`builtin_*`). Progress is
told on stderr; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from bench import offers
from bench.market_peers import listings
from bench.market_zones import zones_figures
from bench.stage import ROOT
from kyc.planning.deadline import Choice, DeadlinePolicy, JobTerms, Observation
from kyc.simulate.job import Options, replay, run
from kyc.simulate.recording import Recording, read_recordings
from kyc.simulate.study import (
    BUILTIN,
    DEADLINES_H,
    OVERHEADS_H,
    POLICIES,
    SCARCE,
    Outcome,
    Trial,
    Variant,
    merge_windows,
    prior_without,
    run_trial,
    variants_of,
)
from kyc.simulate.sweep import bar, run_all

OF_2022, OF_2023 = "single_windows_2022.json.gz", "recordings_2023_9zones.json.gz"
KEYS = ("policy_score", "policy_late", "greedy_score", "uniform_progress_score", "omniscient_score", "gap_closed")
Recordings = dict[str, list[Recording]]


def traces_folder() -> Path:
    """Return where the recordings should be."""
    return Path(os.environ.get("KYC_TRACES", ROOT.parent / "shared" / "traces"))


def tell(done: int, total: int) -> None:
    """Show the progress on stderr."""
    print(f"\r  {bar(done, total)}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def chosen(windows: Sequence[Recording], most: int) -> tuple[Recording, ...]:
    """Return at most so many of a zone's windows, evenly over its time; the benchmark's own ones for 0."""
    if most == 0:
        return tuple(one for one in windows if one.is_benchmark)
    ordered = sorted(windows, key=lambda one: one.start_tick)
    return tuple(ordered[:: max(1, len(ordered) // most)])


def policy_figures(most: int) -> dict[str, object]:
    """Run the twelve variants, with a prior that left the tested zone out and with the built-in one."""
    folder = traces_folder()
    missing = [name for name in (OF_2022, OF_2023) if not (folder / name).exists()]
    if missing:
        return dict.fromkeys(KEYS) | {f"why_{key}": f"{missing[0]} is not in {folder}" for key in KEYS}
    zones: Recordings = {}
    for one in read_recordings(folder / OF_2022):
        zones.setdefault(one.zone, []).append(one)
    priors = _priors(zones, read_recordings(folder / OF_2023))
    windows = {zone: chosen(some, most) for zone, some in zones.items()}
    scarce = frozenset(z for z, some in zones.items() if fmean(float(one.available.mean()) for one in some) < SCARCE)
    print(f"policy: {sum(map(len, windows.values()))} windows, 4 settings, 2 priors", flush=True)
    outcomes = run_all(run_trial, _trials(windows, priors), told=tell)
    variants = variants_of(outcomes, scarce)
    _show(variants)
    return _figures(variants, outcomes) | {
        "gap_closed": round(fmean(one.closed() for one in variants), 4),
        "builtin_gap_closed": round(fmean(one.closed(BUILTIN) for one in variants), 4),
        "windows": sum(map(len, windows.values())),
    }


def _priors(zones: Recordings, others: Sequence[Recording]) -> dict[str, str]:
    merged: Recordings = {zone: merge_windows(some) for zone, some in zones.items()}
    for one in others:
        merged[f"{one.zone} of 2023"] = [one]
    print("fitting a prior for each zone, without it", flush=True)
    tasks = [(zone, merged) for zone in zones]
    return dict(zip(zones, run_all(_fit, tasks, told=tell), strict=True))


def _fit(task: tuple[str, Recordings]) -> str:
    zone, recordings = task
    return prior_without(zone, recordings).to_json()


def _trials(windows: Mapping[str, tuple[Recording, ...]], priors: Mapping[str, str]) -> list[Trial]:
    return [
        Trial(zone=zone, deadline_h=deadline, overhead_h=overhead, windows=some, prior=priors[zone])
        for zone, some in windows.items()
        for deadline in DEADLINES_H
        for overhead in OVERHEADS_H
    ]


def _figures(variants: Sequence[Variant], outcomes: Sequence[Outcome]) -> dict[str, object]:
    figures: dict[str, object] = {}
    for policy in POLICIES:
        figures[f"{policy}_score"] = round(fmean(one.scores[policy] for one in variants), 2)
        figures[f"{policy}_late"] = sum(one.late.get(policy, 0) for one in outcomes)
    return figures


def _show(variants: Iterable[Variant]) -> None:
    for one in variants:
        scores = "  ".join(f"{policy} {one.scores[policy]:6.2f}" for policy in POLICIES)
        closed = f"closed {one.closed():.3f}, built-in {one.closed(BUILTIN):.3f}"
        print(f"  {one.zones:5} {one.deadline_h:.0f} h {one.overhead_h:.2f} h  {scores}  {closed}", flush=True)


@dataclass(slots=True)
class Timed:
    """A policy whose decisions are timed, in milliseconds."""

    policy: DeadlinePolicy
    took_ms: list[float]

    def decide(self, seen: Observation) -> Choice:
        """Return what the policy decides."""
        begun_s = time.perf_counter()
        choice = self.policy.decide(seen)
        self.took_ms.append((time.perf_counter() - begun_s) * 1000)
        return choice


def timing_figures() -> dict[str, object]:
    """Measure a plan for 70 h at 10-minute ticks, its decisions, and the replay of a 14-day recording."""
    terms = JobTerms(
        work_s=48 * 3600,
        deadline_s=70 * 3600,
        restart_overhead_s=720,
        tick_s=600,
        spot_price=0.9731,
        on_demand_price=3.06,
    )
    plans: list[tuple[float, float]] = []
    took: list[float] = []
    policy = DeadlinePolicy.plan(terms)  # numpy is loaded
    for _ in range(3):
        cpu_s, begun_s = time.process_time(), time.perf_counter()
        policy = DeadlinePolicy.plan(terms)
        plans.append((time.perf_counter() - begun_s, time.process_time() - cpu_s))
    replay(terms, Timed(policy, took), np.arange(420) % 23 < 11)
    return {
        "plan_s": round(statistics.median(wall for wall, _ in plans), 3),
        "plan_cpu_s": round(statistics.median(cpu for _, cpu in plans), 3),
        "decide_ms_p50": round(statistics.median(took), 4),
    }


def replay_figures() -> dict[str, object]:
    """Measure `kyc simulate job` on the first 14 days of a recording, as the command runs it."""
    path = traces_folder() / OF_2023
    if not path.exists():
        return {"replay_s": None, "why_replay_s": f"{path.name} is not in {path.parent}"}
    recording = read_recordings(path)[0].at(600.0).window(0, 14 * 86400)
    spans = []
    for _ in range(3):
        cpu_s, begun_s = time.process_time(), time.perf_counter()
        run(Options(traces=path, recordings=(recording,), work_s=12 * 86400, deadline_s=14 * 86400, overhead_s=720))
        spans.append((time.perf_counter() - begun_s, time.process_time() - cpu_s))
    return {
        "replay_s": round(statistics.median(wall for wall, _ in spans), 3),
        "replay_cpu_s": round(statistics.median(cpu for _, cpu in spans), 3),
    }


def main() -> int:
    """Measure all; the last line printed is the result."""
    parser = argparse.ArgumentParser(description="the market's figures")
    parser.add_argument("--windows", type=int, default=0, help="windows of each zone (0: the benchmark's own ones)")
    most = parser.parse_args().windows
    figures = {**timing_figures(), **replay_figures(), **policy_figures(most), **zones_figures(traces_folder(), tell)}
    print("search and listings", flush=True)
    figures |= offers.measure() | listings()
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
