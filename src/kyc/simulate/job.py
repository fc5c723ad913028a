"""Replays recordings through the planning code of jobs: what a job would have cost, and whether it had been late.

The rules of a tick are those of the NSDI'24 simulator: whatever runs in a tick is paid for the whole tick; any change
to something that runs makes the restart overhead pending again, in full; work in a tick is what the pending overhead
leaves of it; spot that is there as a tick begins lasts through it. After the deadline the job goes on, late.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import numpy as np

from kyc.domain.errors import InvalidInputError
from kyc.planning.availability import AvailabilityPrior
from kyc.planning.baselines import Greedy, OnDemand, Policy, UniformProgress
from kyc.planning.deadline import Choice, DeadlinePolicy, JobTerms, Observation
from kyc.simulate.bound import omniscient_cost
from kyc.simulate.chart import draw_run
from kyc.simulate.fit import load_prior
from kyc.simulate.picture import check_picture, write_picture
from kyc.simulate.recording import Bools, Recording, read_recordings

PRICES = (0.9731, 3.06)  # USD per hour on spot and on demand, of the published benchmark (AWS p3.2xlarge)
LATEST = 4  # a run is given up after so many times the deadline, work and overhead together


@dataclass(slots=True, kw_only=True)
class Run:
    """One job on one recording: `choices` holds what ran in each tick. `finished_s` is None where it never ended."""

    cost_usd: float = 0.0
    finished_s: float | None = None
    interruptions: int = 0
    launches: int = 0
    work_done_s: float = 0.0
    choices: list[Choice] = field(default_factory=list)
    places: list[str | None] = field(default_factory=list)  # where spot ran, if there was more than one zone

    def is_late(self, deadline_s: float) -> bool:
        """True where the work was not done by the deadline."""
        return self.finished_s is None or self.finished_s > deadline_s + 1e-6

    def work(self, work_s: float, tick_s: float, choice: Choice, pending_s: float) -> float:
        """Do a tick's work; return the overhead that is pending after it."""
        if choice is Choice.WAIT:
            return 0.0
        self.work_done_s = min(work_s, self.work_done_s + max(0.0, tick_s - pending_s))
        return max(0.0, pending_s - tick_s)


def replay(terms: JobTerms, policy: Policy, available: Bools) -> Run:
    """Run the job tick by tick; RuntimeError where it takes spot that is not there (none is after the recording)."""
    run, running, pending = Run(), Choice.WAIT, 0.0
    prices = {Choice.WAIT: 0.0, Choice.SPOT: terms.spot_price, Choice.ON_DEMAND: terms.on_demand_price}
    most_s = LATEST * (max(0.0, terms.deadline_s) + max(0.0, terms.work_s) + terms.restart_overhead_s)
    free = available.tolist()
    for tick in range(math.ceil(most_s / terms.tick_s)):
        if run.work_done_s >= terms.work_s - 1e-6:
            break
        spot = tick < len(free) and free[tick]
        if running is Choice.SPOT and not spot:
            running, pending = Choice.WAIT, 0.0
            run.interruptions += 1
        choice = policy.decide(
            Observation(
                elapsed_s=tick * terms.tick_s,
                work_done_s=run.work_done_s,
                pending_overhead_s=pending,
                running=running,
                spot_available=spot,
            )
        )
        if choice is Choice.SPOT and not spot:
            raise RuntimeError(f"the policy took spot in tick {tick}, where there was none")
        if choice is not running and choice is not Choice.WAIT:
            pending = terms.restart_overhead_s
            run.launches += 1
        pending = run.work(terms.work_s, terms.tick_s, choice, pending)
        run.cost_usd += prices[choice] * terms.tick_s / 3600
        run.choices.append(choice)
        running = choice
    if run.work_done_s >= terms.work_s - 1e-6:
        run.finished_s = len(run.choices) * terms.tick_s
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `kyc simulate job` was asked; times in seconds, prices in USD per hour.

    `every_s`: start another run each so many seconds of a recording (one run, at its start, where None).
    `tick_s`: decide so often (as often as the recording has it, where None).
    """

    traces: Path
    work_s: float
    deadline_s: float
    overhead_s: float
    policy: str = "ours"
    spot_price: float = PRICES[0]
    on_demand_price: float = PRICES[1]
    tick_s: float | None = None
    every_s: float | None = None
    zone: str | None = None
    prior: Path | None = None
    chart: Path | None = None
    recordings: tuple[Recording, ...] | None = None  # instead of those in the file


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run, as reported: `gap` is the cost above the omniscient bound as a share of it (None without one)."""

    zone: str
    start_tick: int
    cost_usd: float
    cost_over_on_demand: float | None
    bound_usd: float | None
    gap: float | None
    late: bool
    finished_s: float | None
    interruptions: int
    launches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a policy did on the recordings: means over the runs, and the runs."""

    policy: str
    runs: int
    late: int
    cost_usd: float
    cost_over_on_demand: float | None
    bound_usd: float | None
    gap: float | None
    interruptions: float
    rows: tuple[RunReport, ...]


def run(options: Options) -> Report:
    """Replay every recording of the file and report; InvalidInputError where the file or an option is of no use."""
    if options.chart:
        check_picture(options.chart)
    recordings = [
        one for one in (options.recordings or read_recordings(options.traces)) if options.zone in {None, one.zone}
    ]
    if not recordings:
        raise InvalidInputError(f"{options.traces} holds no recording of zone {options.zone}")
    prior = load_prior(options.prior) if options.prior else None
    rows, last = [], None
    makers: dict[float, tuple[JobTerms, Callable[[], Policy]]] = {}
    for recording in recordings:
        tick_s = options.tick_s or recording.tick_s
        if tick_s not in makers:
            terms = _terms(options, tick_s)
            makers[tick_s] = terms, policy_maker(options.policy, terms, prior)
        terms, make = makers[tick_s]
        for window in windows(recording.at(tick_s), options):
            one = replay(terms, make(), window.available)
            rows.append(_row(terms, window, one))
            last = last or (terms, window, one)
    if options.chart and last:
        write_picture(options.chart, draw_run(*last))
    return _report(options.policy, rows)


POLICIES = ("ours", "greedy", "uniform", "on-demand")


def policy_maker(name: str, terms: JobTerms, prior: AvailabilityPrior | None = None) -> Callable[[], Policy]:
    """Return what makes a fresh policy of that name for each run; InvalidInputError for an unknown name."""
    match name:
        case "ours":
            return DeadlinePolicy.plan(terms, prior).afresh
        case "greedy":
            return lambda: Greedy(terms)
        case "uniform":
            return lambda: UniformProgress(terms)
        case "on-demand":
            return OnDemand
        case _:
            raise InvalidInputError(f"there is no policy {name!r}: choose one of {', '.join(POLICIES)}")


def windows(recording: Recording, options: Options) -> list[Recording]:
    """Return where in the recording runs start: at its start, and each `every_s` as long as a whole deadline fits."""
    latest = recording.span_s - options.deadline_s
    every = options.every_s
    starts = [0.0] if every is None or latest <= 0 else np.arange(0.0, latest + 1e-6, every).tolist()
    return [recording.window(start, options.deadline_s) for start in starts]


def _terms(options: Options, tick_s: float) -> JobTerms:
    return JobTerms(
        work_s=options.work_s,
        deadline_s=options.deadline_s,
        restart_overhead_s=options.overhead_s,
        tick_s=tick_s,
        spot_price=options.spot_price,
        on_demand_price=options.on_demand_price,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """One combination of terms and policy over all the recordings: what `run` reports of it, without its runs."""

    traces: str
    policy: str
    work_s: float
    deadline_s: float
    overhead_s: float
    runs: int
    late: int
    cost_usd: float
    cost_over_on_demand: float | None
    gap: float | None
    interruptions: float


def sweep_row(options: Options) -> SweepRow:
    """Return what `run` reports, without its runs."""
    report = run(options)
    return SweepRow(
        traces=str(options.traces),
        policy=report.policy,
        work_s=options.work_s,
        deadline_s=options.deadline_s,
        overhead_s=options.overhead_s,
        runs=report.runs,
        late=report.late,
        cost_usd=report.cost_usd,
        cost_over_on_demand=report.cost_over_on_demand,
        gap=report.gap,
        interruptions=report.interruptions,
    )


def _row(terms: JobTerms, window: Recording, one: Run) -> RunReport:
    bound = float(omniscient_cost(terms, window.available[None, :])[0])
    on_demand = terms.on_demand_price * max(terms.work_s, 0) / 3600
    return RunReport(
        zone=window.zone,
        start_tick=window.start_tick,
        cost_usd=one.cost_usd,
        cost_over_on_demand=_ratio(one.cost_usd, on_demand),
        bound_usd=bound if math.isfinite(bound) else None,
        gap=_ratio(one.cost_usd - bound, bound),
        late=one.is_late(terms.deadline_s),
        finished_s=one.finished_s,
        interruptions=one.interruptions,
        launches=one.launches,
    )


def _report(policy: str, rows: list[RunReport]) -> Report:
    bounds = [row.bound_usd for row in rows if row.bound_usd is not None]
    cost = fmean(row.cost_usd for row in rows)
    bound = fmean(bounds) if len(bounds) == len(rows) else None
    shares = [row.cost_over_on_demand for row in rows if row.cost_over_on_demand is not None]
    return Report(
        policy=policy,
        runs=len(rows),
        late=sum(row.late for row in rows),
        cost_usd=cost,
        cost_over_on_demand=fmean(shares) if shares else None,
        bound_usd=bound,
        gap=None if bound is None else _ratio(cost - bound, bound),
        interruptions=fmean(row.interruptions for row in rows),
        rows=tuple(rows),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if math.isfinite(part) and math.isfinite(whole) and whole > 0 else None
