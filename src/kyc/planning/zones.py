"""In which of several zones and clouds to run on spot, when to hop to another one, and when to wait.

That spot can be had in any of the zones is to the deadline's policy as if it could be had in one: it decides between
spot, on demand and waiting, and keeps the deadline. This module decides where: by price and by how long spot is
expected to stay there. It runs in `simulate.fleet`; live, the ranking of offers says which pool is best, and
`planning.course` asks `worth_moving` whether to go there. It launches nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from kyc.planning.availability import AvailabilityPrior, Belief
from kyc.planning.deadline import Choice, DeadlinePolicy, JobTerms, Observation

LONGEST_RUN_S = 24 * 3600.0  # nothing is known of what spot does in more than a day


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonesTerms:
    """What is asked, as in `JobTerms`; the price on demand is the same in every zone (the least of them)."""

    work_s: float
    deadline_s: float
    restart_overhead_s: float
    tick_s: float
    on_demand_price: float

    def with_spot(self, price: float) -> JobTerms:
        """Return the terms of a job in one zone, at that price on spot."""
        return JobTerms(
            work_s=self.work_s,
            deadline_s=self.deadline_s,
            restart_overhead_s=self.restart_overhead_s,
            tick_s=self.tick_s,
            spot_price=price,
            on_demand_price=self.on_demand_price,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonesSeen:
    """What is known as a tick begins. `live` holds the zones where spot can be had, with its price in USD per hour.

    `zone` is where spot runs; it is None where none does. The rest is as in `Observation`.
    """

    elapsed_s: float
    work_done_s: float
    pending_overhead_s: float
    running: Choice
    zone: str | None
    live: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What to run in the coming tick, and in which zone if it is spot."""

    choice: Choice
    zone: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A zone to run on spot in: its price in USD per hour, and how long spot is expected to stay (seconds)."""

    zone: str
    price: float
    run_s: float

    def price_of_work(self, *, lost_s: float) -> float:
        """Return USD per hour of work where a launch loses `lost_s` of the run."""
        return max(0.0, self.price) * (1 + lost_s / max(self.run_s, 1.0))


@dataclass(slots=True)
class ZonesPolicy:
    """Decides what a job runs on and where. One for each job: it learns from every tick, in order."""

    terms: ZonesTerms
    whether: DeadlinePolicy
    prior: AvailabilityPrior
    beliefs: dict[str, Belief] = field(default_factory=dict)
    _elapsed_s: float | None = None

    @classmethod
    def plan(cls, terms: ZonesTerms, prices: Iterable[float], prior: AvailabilityPrior | None = None) -> ZonesPolicy:
        """Return the policy for a job that may run in several zones, at about these prices on spot."""
        known = [price for price in prices if math.isfinite(price)]
        whether = DeadlinePolicy.plan(terms.with_spot(median(known) if known else math.nan), prior)
        return cls(terms, whether, whether.belief.prior)

    def afresh(self) -> ZonesPolicy:
        """Return a policy for another job on the same terms that has seen nothing; the plan is shared."""
        return ZonesPolicy(self.terms, self.whether.afresh(), self.prior)

    def decide(self, seen: ZonesSeen) -> Placement:
        """Return what to run in the coming tick; spot only in a zone that is live."""
        self._learn(seen)
        live = {zone: price for zone, price in seen.live.items() if math.isfinite(price)}
        stays = seen.running is not Choice.SPOT or seen.zone in live
        choice = self.whether.decide(
            Observation(
                elapsed_s=seen.elapsed_s,
                work_done_s=seen.work_done_s,
                pending_overhead_s=seen.pending_overhead_s if stays else 0.0,
                running=seen.running if stays else Choice.WAIT,
                spot_available=bool(live),
            )
        )
        if choice is not Choice.SPOT:
            return Placement(choice=choice, zone=None, reason=self.whether.reason)
        return self._place(seen, live)

    def _learn(self, seen: ZonesSeen) -> None:
        span_s = self.terms.tick_s if self._elapsed_s is None else seen.elapsed_s - self._elapsed_s
        self._elapsed_s = seen.elapsed_s
        if span_s <= 0:
            return
        for zone in self.beliefs.keys() | seen.live.keys():
            self.beliefs.setdefault(zone, Belief(prior=self.prior)).observe(zone in seen.live, span_s)

    def _place(self, seen: ZonesSeen, live: Mapping[str, float]) -> Placement:
        left_s = max(0.0, self.terms.work_s - seen.work_done_s)
        candidates = [
            Candidate(zone=zone, price=price, run_s=min(left_s, self._stay_s(zone))) for zone, price in live.items()
        ]
        best = best_of(candidates, lost_s=self.terms.restart_overhead_s)
        held = next((one for one in candidates if one.zone == seen.zone), None)
        if held is None or seen.running is not Choice.SPOT:
            return Placement(choice=Choice.SPOT, zone=best.zone, reason=f"{self.whether.reason}; {_told(best)}")
        hop = (
            best.zone != held.zone
            and self._has_room_to_hop(seen)
            and worth_moving(
                held.price, best, lost_s=self.terms.restart_overhead_s, on_demand_price=self.terms.on_demand_price
            )
        )
        if not hop:
            return Placement(choice=Choice.SPOT, zone=held.zone, reason=f"{self.whether.reason}; it runs there")
        return Placement(choice=Choice.SPOT, zone=best.zone, reason=f"a cheaper zone pays for the move: {_told(best)}")

    def _has_room_to_hop(self, seen: ZonesSeen) -> bool:
        """Say whether, after a hop and a loss in the tick after, on demand still finishes in time."""
        overhead_s, tick_s = self.terms.restart_overhead_s, self.terms.tick_s
        slack_s = self.terms.deadline_s - seen.elapsed_s - (self.terms.work_s - seen.work_done_s)
        return slack_s >= 2 * overhead_s + 3 * tick_s

    def _stay_s(self, zone: str) -> float:
        return min(LONGEST_RUN_S, self.beliefs[zone].expected_stay_s())


def best_of(candidates: Iterable[Candidate], *, lost_s: float) -> Candidate:
    """Return the candidate whose hour of work costs least; ValueError where there is none."""
    return min(candidates, key=lambda one: (one.price_of_work(lost_s=lost_s), one.zone))


def worth_moving(price: float, other: Candidate, *, lost_s: float, on_demand_price: float) -> bool:
    """Say whether what the other zone saves while spot lasts there is more than a move costs.

    The time that a move loses is priced as on demand: it may be missing at the end.
    """
    if not all(math.isfinite(one) for one in (price, other.price)):
        return False
    dearest = on_demand_price if math.isfinite(on_demand_price) else price
    saved = (price - other.price) * max(0.0, other.run_s - lost_s)
    return saved > max(dearest, other.price) * lost_s


def _told(one: Candidate) -> str:
    return f"{one.zone} at {one.price:.4f} USD an hour, expected to stay {one.run_s / 3600:.1f} h"
