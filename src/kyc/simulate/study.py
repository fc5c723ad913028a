"""Studies a deadline policy on many recordings: published variants, the baselines and the bound, what share is closed.

A variant is a set of zones, a deadline and an overhead (the public benchmark `cant_be_late`, see docs/simulate.md). Its
score is the share of the saving from all on-demand to all spot that a policy reaches on average, in per cent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

import numpy as np

from kyc.planning.availability import AvailabilityPrior
from kyc.planning.baselines import Policy
from kyc.planning.deadline import JobTerms
from kyc.simulate.bound import omniscient_cost
from kyc.simulate.fit import fit_prior
from kyc.simulate.job import PRICES, policy_maker, replay
from kyc.simulate.recording import Recording

WORK_H, DEADLINES_H, OVERHEADS_H, TICK_S = 48.0, (52.0, 70.0), (0.05, 0.20), 600.0
SCARCE = 0.57  # zones where spot was there for less of the time are the benchmark's "high" ones
OURS, BUILTIN, UNIFORM, OMNISCIENT = "policy", "builtin", "uniform_progress", "omniscient"
POLICIES = (OURS, BUILTIN, "greedy", UNIFORM, OMNISCIENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One zone's windows under one deadline and overhead; `prior` (as JSON) never saw the zone."""

    zone: str
    deadline_h: float
    overhead_h: float
    windows: tuple[Recording, ...]
    prior: str

    @property
    def terms(self) -> JobTerms:
        """The job of the benchmark."""
        return JobTerms(
            work_s=WORK_H * 3600,
            deadline_s=self.deadline_h * 3600,
            restart_overhead_s=self.overhead_h * 3600,
            tick_s=TICK_S,
            spot_price=PRICES[0],
            on_demand_price=PRICES[1],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What each policy cost in each window (USD), and how many of its runs were late."""

    zone: str
    deadline_h: float
    overhead_h: float
    costs: Mapping[str, tuple[float, ...]]
    late: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The scores of each policy over some zones."""

    zones: str
    deadline_h: float
    overhead_h: float
    scores: Mapping[str, float]

    def closed(self, policy: str = OURS) -> float:
        """Return how much of the way from Uniform Progress (0) to one who knows all ahead (1) the policy goes."""
        base = self.scores[UNIFORM]
        return (self.scores[policy] - base) / (self.scores[OMNISCIENT] - base)


def run_trial(trial: Trial) -> Outcome:
    """Replay the windows with each policy: ours with the trial's prior and with the built-in one, and the others."""
    terms = trial.terms
    makers = {
        OURS: policy_maker("ours", terms, AvailabilityPrior.from_json(trial.prior)),
        BUILTIN: _builtin(terms),
        "greedy": policy_maker("greedy", terms),
        UNIFORM: policy_maker("uniform", terms),
    }
    runs = {name: [replay(terms, make(), one.available) for one in trial.windows] for name, make in makers.items()}
    bound = omniscient_cost(terms, np.array([one.available for one in trial.windows]))
    costs = {name: tuple(run.cost_usd for run in some) for name, some in runs.items()}
    return Outcome(
        zone=trial.zone,
        deadline_h=trial.deadline_h,
        overhead_h=trial.overhead_h,
        costs={**costs, OMNISCIENT: tuple(bound.tolist())},
        late={name: sum(run.is_late(terms.deadline_s) for run in some) for name, some in runs.items()},
    )


@cache
def _builtin(terms: JobTerms) -> Callable[[], Policy]:
    """Return the maker of our policy with the built-in prior: its plan is the same for every zone."""
    return policy_maker("ours", terms)


def variants_of(outcomes: Sequence[Outcome], scarce: frozenset[str]) -> list[Variant]:
    """Return the twelve variants: zones where spot is scarce ("high"), the others ("low") and all ("mixed")."""
    zones = {one.zone for one in outcomes}
    groups = {"high": scarce & zones, "low": zones - scarce, "mixed": zones}
    found = []
    for name, group in groups.items():
        for deadline, overhead in sorted({(one.deadline_h, one.overhead_h) for one in outcomes}):
            some = [o for o in outcomes if o.zone in group and (o.deadline_h, o.overhead_h) == (deadline, overhead)]
            if some:
                scores = {policy: score(sum((one.costs[policy] for one in some), ())) for policy in POLICIES}
                found.append(Variant(zones=name, deadline_h=deadline, overhead_h=overhead, scores=scores))
    return found


def score(costs: Sequence[float], *, work_h: float = WORK_H, prices: tuple[float, float] = PRICES) -> float:
    """Return the share of the saving from on-demand to spot that these costs reach, in per cent."""
    spot, on_demand = (price * work_h for price in prices)
    return (on_demand - fmean(costs)) / (on_demand - spot) * 100


def prior_without(zone: str, recordings: Mapping[str, Sequence[Recording]]) -> AvailabilityPrior:
    """Return a prior that is fitted to every zone's recordings but this one's."""
    others = [one for name, some in recordings.items() if name != zone for one in some]
    return fit_prior(others, source=f"all but {zone}")


def merge_windows(windows: Sequence[Recording]) -> list[Recording]:
    """Return the recordings that overlapping windows of one zone were cut from, without the parts that none covers."""
    first = windows[0]
    end = max(one.start_tick + len(one.available) for one in windows)
    seen, bits = np.zeros(end, dtype=np.bool_), np.zeros(end, dtype=np.bool_)
    for one in windows:
        place = slice(one.start_tick, one.start_tick + len(one.available))
        seen[place], bits[place] = True, one.available
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(int)))
    return [
        Recording(zone=first.zone, tick_s=first.tick_s, available=bits[start:stop], start_tick=int(start))
        for start, stop in edges.reshape(-1, 2).tolist()
    ]
