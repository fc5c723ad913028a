"""Finish by the deadline at the least expected cost: spot, on demand, or wait, decided once a tick.

The plan is an `Outlook` (expected cost from every situation); the decision takes the choice of least expected cost
under what is believed of the zone so far. The deadline does not hang on any of that: `_Room` works out, exactly and
without a forecast, which choices still leave time to finish on demand, and nothing else is ever chosen. So a job that
on-demand capacity can finish in time is never late. Nothing is launched here: see the jobs loop
and `simulate.job`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from kyc.planning.availability import AvailabilityPrior, Belief

if TYPE_CHECKING:
    from kyc.planning.outlook import Outlook

INSTANT_S = 1e-6  # below this two times are the same
# The outlook knows in which regime it will be, the job does not: it makes use of less of its slack than the outlook
# thinks. So a tick of waiting has to save this share of a tick on demand, less where slack exceeds so many ticks.
SLACK_PREMIUM, SCARCE_TICKS = 0.06, 18


class Choice(StrEnum):
    """What to run in the coming tick."""

    WAIT = "wait"
    SPOT = "spot"
    ON_DEMAND = "on_demand"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTerms:
    """What is asked: work and deadline in seconds from the start, the work lost by a launch, prices in USD per hour.

    A tick is the time between two decisions; whatever runs in a tick is paid for the whole of it.
    """

    work_s: float
    deadline_s: float
    restart_overhead_s: float
    tick_s: float
    spot_price: float
    on_demand_price: float

    def __post_init__(self) -> None:
        times = {name: getattr(self, name) for name in ("work_s", "deadline_s", "restart_overhead_s", "tick_s")}
        for name, value in times.items():
            if not math.isfinite(value):
                raise ValueError(f"{name} is {value}: it must be a number of seconds")
        if self.tick_s <= 0:
            raise ValueError(f"tick_s is {self.tick_s}: there must be time between two decisions")
        if self.restart_overhead_s < 0:
            raise ValueError(f"restart_overhead_s is {self.restart_overhead_s}: it cannot be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is known as a tick begins; `running` is what ran in the last tick, WAIT if it was interrupted since.

    `pending_overhead_s` is what is left of the restart overhead of what runs; `spot_available` holds for a whole tick.
    """

    elapsed_s: float
    work_done_s: float
    pending_overhead_s: float
    running: Choice
    spot_available: bool


@dataclass(frozen=True, slots=True)
class _Room:
    """What time there is: work and time left, the slack between them, what each choice would cost of it (seconds)."""

    work_s: float
    left_s: float  # in whole ticks: nothing can be decided in a part of one
    tick_s: float
    overhead_s: float
    spot_loss_s: float
    on_demand_loss_s: float

    @classmethod
    def of(cls, terms: JobTerms, seen: Observation) -> _Room:
        overhead, tick = terms.restart_overhead_s, terms.tick_s
        pending = min(max(0.0, seen.pending_overhead_s), overhead)
        return cls(
            work_s=max(0.0, terms.work_s - seen.work_done_s),
            left_s=max(0, math.floor((terms.deadline_s - seen.elapsed_s) / tick + INSTANT_S)) * tick,
            tick_s=tick,
            overhead_s=overhead,
            spot_loss_s=pending if seen.running is Choice.SPOT else overhead,
            on_demand_loss_s=pending if seen.running is Choice.ON_DEMAND else overhead,
        )

    @property
    def slack_s(self) -> float:
        """Time left less work left; negative where not even an instance that runs already can finish in time."""
        return self.left_s - self.work_s

    @property
    def is_enough_on_demand(self) -> bool:
        return self.slack_s >= self.on_demand_loss_s - INSTANT_S

    @property
    def is_enough_to_wait(self) -> bool:
        """True where on-demand capacity can still finish the work after a tick of waiting."""
        return self.slack_s - self.tick_s >= self.overhead_s - INSTANT_S

    @property
    def is_enough_for_spot(self) -> bool:
        """True where spot, lost after this tick, leaves time to finish on demand and a tick to spare."""
        if self.spot_ends_it:
            return True
        spent = min(self.spot_loss_s, self.tick_s)
        return self.slack_s - spent >= self.overhead_s + self.tick_s - INSTANT_S

    @property
    def spot_ends_it(self) -> bool:
        """True where the work ends within this tick on spot, which holds as long."""
        return self.left_s >= self.tick_s and self.work_s <= self.tick_s - self.spot_loss_s + INSTANT_S


class DeadlinePolicy:
    """Decides what a job runs on. One for each job: it learns from every tick it is asked about, in order."""

    def __init__(self, terms: JobTerms, prior: AvailabilityPrior) -> None:
        self.terms = terms
        self.belief = Belief(prior=prior)
        self._outlook: Outlook | None = None
        self._reach_s = -math.inf  # the slack the outlook was made for
        self._seen: Observation | None = None
        self._expected: dict[Choice, float] = {}
        self._why = "nothing was decided yet"

    @classmethod
    def plan(cls, terms: JobTerms, prior: AvailabilityPrior | None = None) -> DeadlinePolicy:
        """Return the policy for a job; `prior` is what is known of the zone, by default that of zones in general."""
        policy = cls(terms, prior or AvailabilityPrior.default())
        start = Observation(elapsed_s=0, work_done_s=0, pending_overhead_s=0, running=Choice.WAIT, spot_available=False)
        policy._look_ahead(_Room.of(terms, start))
        return policy

    def afresh(self) -> DeadlinePolicy:
        """Return a policy for another job on the same terms that has seen nothing; the plan is shared."""
        other = DeadlinePolicy(self.terms, self.belief.prior)
        other._outlook, other._reach_s = self._outlook, self._reach_s
        return other

    def decide(self, seen: Observation) -> Choice:
        """Return what to run in the coming tick: never SPOT where there is none; called once a tick, in order."""
        self._learn(seen)
        self._expected = {}
        room = _Room.of(self.terms, seen)
        forced = _forced(room, seen)
        if forced is not None:
            choice, self._why = forced
            return choice
        self._expected = self._expect(self._look_ahead(room), room, seen)
        choice = min(self._expected, key=self._expected.__getitem__)
        self._why = ""
        return choice

    @property
    def reason(self) -> str:
        """Why the last decision was taken, for people."""
        if self._why:
            return self._why
        told = ", ".join(f"{choice.value} {cost:.2f} USD" for choice, cost in sorted(self._expected.items(), key=_cost))
        return f"least expected cost to finish: {told}"

    @property
    def expected_usd(self) -> dict[Choice, float]:
        """What finishing was expected to cost after each choice that was open at the last decision."""
        return dict(self._expected)

    def _learn(self, seen: Observation) -> None:
        span = self.terms.tick_s if self._seen is None else seen.elapsed_s - self._seen.elapsed_s
        if span > 0:  # a clock that stands or goes back teaches nothing
            self.belief.observe(seen.spot_available, span)
        self._seen = seen

    def _look_ahead(self, room: _Room) -> Outlook | None:
        """Return the outlook; made anew where the job turns out to have more slack than it was made for."""
        if room.slack_s > self._reach_s + self.terms.tick_s:
            self._outlook = _outlook(self.terms, self.belief.prior, left_s=room.left_s, slack_s=room.slack_s)
            self._reach_s = room.slack_s
        return self._outlook

    def _expect(self, outlook: Outlook | None, room: _Room, seen: Observation) -> dict[Choice, float]:
        """Return the expected cost in USD of each choice that keeps the deadline; on a tie the first is taken."""
        assert outlook is not None  # where there is no slack to plan with, the choice is forced
        reading, usd = outlook.read(self.belief, left_s=room.left_s, slack_s=room.slack_s), _scale(self.terms)
        expected: dict[Choice, float] = {}
        if seen.spot_available and room.is_enough_for_spot:
            expected[Choice.SPOT] = usd * reading.spot(room.spot_loss_s, is_last=room.spot_ends_it)
        if room.is_enough_on_demand:
            expected[Choice.ON_DEMAND] = usd * reading.on_demand(room.on_demand_loss_s)
        if room.is_enough_to_wait:
            scarce = min(1.0, SCARCE_TICKS * self.terms.tick_s / max(room.slack_s, INSTANT_S))
            premium = SLACK_PREMIUM * scarce * outlook.costs.on_demand * self.terms.tick_s / outlook.costs.step_s
            expected[Choice.WAIT] = usd * (reading.wait() + premium)
        return expected


def _cost(item: tuple[Choice, float]) -> float:
    return item[1]


def _forced(room: _Room, seen: Observation) -> tuple[Choice, str] | None:
    """Return the choice and its reason where there is nothing to weigh."""
    if room.work_s <= INSTANT_S:
        return Choice.WAIT, "the work is done"
    if room.left_s <= 0:
        return Choice.ON_DEMAND, "the deadline has passed: on demand finishes soonest"
    if not room.is_enough_on_demand:
        if seen.spot_available and room.spot_loss_s < room.on_demand_loss_s:
            return Choice.SPOT, "too late to move: only the instance that runs now can still make the deadline"
        return Choice.ON_DEMAND, "the deadline cannot be met any more: on demand finishes soonest"
    if not room.is_enough_to_wait and not (seen.spot_available and room.is_enough_for_spot):
        return Choice.ON_DEMAND, "anything but on demand would risk the deadline"
    return None


def _outlook(terms: JobTerms, prior: AvailabilityPrior, *, left_s: float, slack_s: float) -> Outlook | None:
    """Return the table for a job with so much time left and slack, or None where there is nothing to weigh."""
    if slack_s < terms.restart_overhead_s or left_s <= 0:
        return None
    from kyc.planning.outlook import MOST_STEPS, Costs, Outlook  # noqa: PLC0415 - numpy only where there is a plan

    step = terms.tick_s * math.ceil(left_s / terms.tick_s / MOST_STEPS)
    spot, on_demand = (price * step / 3600 / _scale(terms) for price in _prices(terms))
    costs = Costs(spot=spot, on_demand=on_demand, overhead_s=terms.restart_overhead_s, step_s=step)
    return Outlook(prior, costs, steps=math.ceil(left_s / step), most_slack_s=slack_s)


def _prices(terms: JobTerms) -> tuple[float, float]:
    """Return the prices to plan with: what is unknown costs as much as the other, what is negative is free."""
    spot, on_demand = terms.spot_price, terms.on_demand_price
    if not math.isfinite(on_demand):
        on_demand = spot if math.isfinite(spot) else 1.0
    if not math.isfinite(spot):
        spot = on_demand
    return max(0.0, spot), max(0.0, on_demand)


def _scale(terms: JobTerms) -> float:
    """Return USD per unit of the outlook's costs: the dearer price, so that they are about 1 a working hour."""
    return max(_prices(terms)) or 1.0
