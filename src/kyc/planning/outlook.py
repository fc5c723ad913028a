"""What finishing by the deadline is expected to cost, in every situation and regime: the table behind the policy.

A finite-horizon stochastic dynamic programme, solved backwards from the deadline. Its coordinates are the time left and
the slack (time left less work left): working costs no slack, waiting costs a step, a launch costs the restart overhead,
so the table is small. What cannot finish on time costs `IMPOSSIBLE`. `planning.deadline` reads it; it decides nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from kyc.planning.availability import mixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kyc.planning.availability import AvailabilityPrior, Belief

    Values = NDArray[np.float32]

IMPOSSIBLE = np.float32(1e6)  # in units of one step on demand: more than any job costs
MOST_STEPS = 450  # longer horizons are planned in steps of several ticks
FINE_STEPS, KEPT_EVERY = 48, 4  # which of the steps are kept: memory, at no cost in the decisions
SLACK_CELLS_A_STEP = 5  # resolution of the table where slack is scarce ...
SLACK_GROWTH = 0.03  # ... and how the cells widen, relative to the slack, where it is not


class Held(IntEnum):
    """What the job holds at the end of a step: rows of the table."""

    NOTHING = 0
    SPOT = 1
    ON_DEMAND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a step costs: both prices per step, relative to each other; the overhead and the step in seconds."""

    spot: float
    on_demand: float
    overhead_s: float
    step_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """The ages at which the table is kept (in steps), and how one step moves a state between them.

    `advance[i]` is the share that moves from `steps[i]` to `steps[i + 1]`; the last one is absorbing.
    """

    steps: NDArray[np.float64]
    advance: Values

    @classmethod
    def of(cls, prior: AvailabilityPrior, step_s: float) -> Ages:
        """Return the prior's own age buckets, in steps of `step_s`."""
        edges = np.unique(np.maximum(1.0, np.array(prior.ages) * prior.step_s / step_s))
        gaps = np.append(np.diff(edges), np.inf)
        return cls(steps=edges, advance=np.minimum(1.0, 1.0 / gaps).astype(np.float32))


class Slack:
    """The grid over slack in seconds, fine where it is scarce, and the shift that spends some of it."""

    def __init__(self, most_s: float, step_s: float) -> None:
        cell, at, points = step_s / SLACK_CELLS_A_STEP, 0.0, [0.0]
        while at < most_s:
            at += max(cell, SLACK_GROWTH * at)
            points.append(at)
        self.points, self._edges = np.array(points), points

    def place(self, slack_s: float) -> tuple[int, float]:
        """Return the cell that holds `slack_s` and how far into it, from 0 to 1; callers see to it that it is >= 0."""
        index = min(bisect_right(self._edges, slack_s) - 1, len(self._edges) - 2)
        low, high = self._edges[index], self._edges[index + 1]
        return index, min(1.0, (slack_s - low) / (high - low))

    def shifter(self, spent_s: float) -> Shift:
        """Return the shift that looks values up at `spent_s` less slack."""
        return Shift(self.points, spent_s)


class Shift:
    """Values at less slack, by linear interpolation; `IMPOSSIBLE` where there is not enough of it."""

    def __init__(self, points: NDArray[np.float64], spent_s: float) -> None:
        target = points - spent_s
        self.low = np.clip(np.searchsorted(points, target + 1e-6, side="right") - 1, 0, len(points) - 2)
        share = (target - points[self.low]) / (points[self.low + 1] - points[self.low])
        self.share = np.clip(share, 0, 1).astype(np.float32)
        self.high = self.low + 1
        self.short = int(np.searchsorted(target, -1e-6))  # so many points have not enough

    def __call__(self, values: Values) -> Values:
        moved: Values = values.take(self.high, axis=-1)
        low = values.take(self.low, axis=-1)
        moved -= low
        moved *= self.share
        moved += low
        moved[..., : self.short] = IMPOSSIBLE
        return moved


class Outlook:
    """What finishing costs in a known regime: `values[kept, held]` of shape (regimes, 2, spells, ages, slack).

    Of the last `FINE_STEPS` before the deadline every step is kept, of those before each `KEPT_EVERY`th.
    """

    def __init__(self, prior: AvailabilityPrior, costs: Costs, *, steps: int, most_slack_s: float) -> None:
        self.costs = costs
        self.ages = Ages.of(prior, costs.step_s)
        self.slack = Slack(most_slack_s, costs.step_s)
        at = [prior.at_age(prior.table, age * costs.step_s) for age in self.ages.steps]
        chances = np.stack(at, axis=-1) ** (costs.step_s / prior.step_s)
        self.spell = np.array([prior.spell_of(age * costs.step_s) for age in self.ages.steps])
        self.stay: Values = chances.astype(np.float32)[..., None]
        shape = (len(Held), *chances.shape, len(self.slack.points))
        self.values = np.empty((_place_of(steps) + 1, *shape), dtype=np.float32)
        self._solve(prior, steps, shape)

    def after(self, left: int) -> Values:
        """Return the values with `left` steps left, or as near to that as is kept."""
        values: Values = self.values[min(_place_of(left), len(self.values) - 1)]
        return values

    def read(self, belief: Belief, *, left_s: float, slack_s: float) -> Reading:
        """Return what the table says of a job with so much time left and slack, under what is believed of the zone."""
        return Reading(self, belief, left_s=left_s, slack_s=slack_s)

    def _solve(self, prior: AvailabilityPrior, steps: int, shape: tuple[int, ...]) -> None:
        shares = prior.shares.astype(np.float32)
        backup, after, into = _Backup(self), np.zeros(shape, np.float32), np.empty(shape, np.float32)
        self.values[0] = after
        for left in range(1, steps + 1):
            others = (shares @ after.reshape(*shape[:2], -1)).reshape(shape[0], 1, *shape[2:])
            backup.run(mixed(after, others, self.costs.step_s), into, left)  # it may be in any regime by then
            after, into = into, after
            if _is_kept(left) or left == steps:
                self.values[_place_of(left)] = after


def _is_kept(left: int) -> bool:
    return left <= FINE_STEPS or (left - FINE_STEPS) % KEPT_EVERY == 0


def _place_of(left: int) -> int:
    """Return where the values with so many steps left are kept, those of the next kept step if they are not."""
    return left if left <= FINE_STEPS else FINE_STEPS + math.ceil((left - FINE_STEPS) / KEPT_EVERY)


class Reading:
    """The expected cost of each choice in one situation, averaged over the regimes by their weights (QMDP)."""

    def __init__(self, outlook: Outlook, belief: Belief, *, left_s: float, slack_s: float) -> None:
        self.costs, self.slack, self.slack_s = outlook.costs, outlook.slack, slack_s
        step_s = self.costs.step_s
        left = max(0, math.floor(left_s / step_s + 1e-6) - 1)
        self.after = outlook.after(left)
        self.state, self.weights, self.stay = int(bool(belief.there)), belief.weights, belief.stays(step_s)
        self.spell = belief.spell
        self.spell_if_turned = belief.prior.spell_of(belief.age_s) if belief.there else belief.spell
        age, ages = belief.age_s / step_s + 1, outlook.ages.steps
        self.low = max(0, int(ages.searchsorted(age, side="right")) - 1)
        self.high = min(self.low + 1, len(ages) - 1)
        self.share = 0.0 if self.high == self.low else (age - ages[self.low]) / (ages[self.high] - ages[self.low])

    def wait(self) -> float:
        """Return the expected cost of waiting a step, in the outlook's units."""
        return self._expect(Held.NOTHING, Held.NOTHING, self.costs.step_s, self.costs.step_s)

    def on_demand(self, loss_s: float) -> float:
        """Return the expected cost of a step on demand that loses so much of it to the overhead."""
        return self.costs.on_demand + self._expect(Held.ON_DEMAND, Held.ON_DEMAND, loss_s, loss_s)

    def spot(self, loss_s: float, *, is_last: bool) -> float:
        """Return the expected cost of a step on spot that loses so much to the overhead, and may end the work."""
        after = 0.0 if is_last else self._expect(Held.SPOT, Held.NOTHING, loss_s, min(loss_s, self.costs.step_s))
        return self.costs.spot + after

    def _expect(self, held: Held, held_if_turned: Held, spent_s: float, spent_if_turned_s: float) -> float:
        same = self._at(self.after[held, :, self.state, self.spell, self.low], spent_s)
        if self.share:
            older = self._at(self.after[held, :, self.state, self.spell, self.high], spent_s)
            same = same + self.share * (older - same)
        turned = self._at(self.after[held_if_turned, :, 1 - self.state, self.spell_if_turned, 0], spent_if_turned_s)
        return float(self.weights @ (turned + self.stay * (same - turned)))

    def _at(self, values: Values, spent_s: float) -> Values:
        """Return the values, one a regime, after so much of the slack is spent."""
        low, share = self.slack.place(max(0.0, self.slack_s - spent_s))
        read: Values = values[:, low] + share * (values[:, low + 1] - values[:, low])
        return read


class _Backup:
    """One step backwards; holds what every step shares."""

    def __init__(self, outlook: Outlook) -> None:
        costs, slack = outlook.costs, outlook.slack
        self.spot, self.on_demand = np.float32(costs.spot), np.float32(costs.on_demand)
        self.step_s, self.points = costs.step_s, slack.points
        self.stay, self.advance, self.spell = outlook.stay, outlook.ages.advance[:-1, None], outlook.spell
        self.wait, self.launch = slack.shifter(costs.step_s), slack.shifter(costs.overhead_s)
        self.lost_s = min(costs.overhead_s, costs.step_s)  # what a launch has cost if it is lost after one step
        self.launch_lost = slack.shifter(self.lost_s)
        self.reserve_s = costs.overhead_s + costs.step_s  # on spot there must be time to lose it and start on demand

    def run(self, after: Values, into: Values, left: int) -> None:
        """Fill the values with `left` steps left from those `after` one step."""
        nothing, spot, on_demand = (self._same(after[held]) for held in Held)
        turned = self._turned(after[Held.NOTHING])
        wait = self.wait(self._expect(nothing, turned))
        demand = self._expect(on_demand, self._turned(after[Held.ON_DEMAND]))
        keep, launch = self._spot(spot[:, 1], turned[:, 1], left)
        into[Held.NOTHING] = np.minimum(wait, self.on_demand + self.launch(demand))
        into[Held.SPOT] = into[Held.NOTHING]
        into[Held.ON_DEMAND] = np.minimum(wait, self.on_demand + demand)
        for held, cost in ((Held.NOTHING, launch), (Held.SPOT, keep), (Held.ON_DEMAND, launch)):
            np.minimum(into[held][:, 1], cost, out=into[held][:, 1])
        np.minimum(into, IMPOSSIBLE, out=into)
        into[..., self.points >= left * self.step_s - 1e-6] = 0  # no work is left

    def _spot(self, kept: Values, lost: Values, left: int) -> tuple[Values, Values]:
        """Return what a step on spot costs when it goes on and when it is launched, while the zone is there."""
        stay = self.stay[:, 1]
        keep = self.spot + stay * kept + (1 - stay) * lost
        launch = self.spot + stay * self.launch(kept) + (1 - stay) * self.launch_lost(lost)
        ends = self.points >= (left - 1) * self.step_s - 1e-6
        keep[..., (self.points < self.reserve_s - 1e-6) & ~ends] = IMPOSSIBLE
        launch[..., self.points - self.lost_s < self.reserve_s - 1e-6] = IMPOSSIBLE
        return keep, launch

    def _turned(self, values: Values) -> Values:
        """Return the values when the state flips: age 1 in the other one; a spell that ends is the last one."""
        turned = np.empty_like(values)
        turned[:, 0] = values[:, 1, :, :1]
        turned[:, 1] = values[:, 0, self.spell, 0][:, None]
        return turned

    def _same(self, values: Values) -> Values:
        """Return the values when the state stays: the age grows by a step."""
        older = values.copy()
        older[..., :-1, :] += self.advance * (values[..., 1:, :] - values[..., :-1, :])
        return older

    def _expect(self, same: Values, turned: Values) -> Values:
        expected: Values = turned + self.stay * (same - turned)
        return expected
