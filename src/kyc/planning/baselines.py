"""Published policies to compare with: greedy and Uniform Progress. They run in `simulate.job`, never live."""

from __future__ import annotations

import math
from typing import Protocol

from kyc.planning.deadline import Choice, JobTerms, Observation


class Policy(Protocol):
    """Decides once a tick what to run; never SPOT where `seen.spot_available` is false."""

    def decide(self, seen: Observation) -> Choice:
        """Return what to run in the coming tick."""
        ...


class Greedy:
    """Spot while there is any, else wait; on demand, to the end, from the last moment on."""

    def __init__(self, terms: JobTerms) -> None:
        self.terms = terms

    def decide(self, seen: Observation) -> Choice:
        """Return spot where there is some and the deadline does not press."""
        pressed = pressed_by_deadline(self.terms, seen)
        return pressed or (Choice.SPOT if seen.spot_available else Choice.WAIT)


class UniformProgress:
    """Uniform Progress: keep up with a straight line from no work at the start to all of it at the deadline.

    Behind the line and without spot, run on demand; take spot whenever there is some, but leave on-demand capacity
    for it only when ahead by two restart overheads. Source: Wu et al., "Can't Be Late", NSDI 2024, section 4.
    """

    def __init__(self, terms: JobTerms) -> None:
        self.terms = terms

    def decide(self, seen: Observation) -> Choice:
        """Return spot where there is some, on demand where the job is behind the line, else wait."""
        pressed = pressed_by_deadline(self.terms, seen)
        if pressed:
            return pressed
        margin_s = 2 * self.terms.restart_overhead_s
        ahead = seen.spot_available and not self._is_behind(seen, seen.elapsed_s + margin_s)
        if seen.running is Choice.ON_DEMAND and not ahead:
            return Choice.ON_DEMAND
        if seen.spot_available:
            return Choice.SPOT
        return Choice.ON_DEMAND if self._is_behind(seen, seen.elapsed_s) else Choice.WAIT

    def _is_behind(self, seen: Observation, at_s: float) -> bool:
        return seen.work_done_s < at_s * self.terms.work_s / self.terms.deadline_s


class OnDemand:
    """On demand from the start to the end: what every saving is measured against."""

    def decide(self, seen: Observation) -> Choice:
        """Return on demand."""
        del seen
        return Choice.ON_DEMAND


def pressed_by_deadline(terms: JobTerms, seen: Observation) -> Choice | None:
    """Return what the published policies run when only on demand from now on surely meets the deadline, else None.

    One that is on spot, with no overhead pending, stays there: a move would cost the time it has not got.
    """
    need = math.ceil((terms.work_s - seen.work_done_s + terms.restart_overhead_s) / terms.tick_s - 1e-9)
    if need < math.floor((terms.deadline_s - seen.elapsed_s) / terms.tick_s + 1e-9):
        return None
    stays = seen.running is Choice.SPOT and seen.pending_overhead_s <= 0 and seen.spot_available
    return Choice.SPOT if stays else Choice.ON_DEMAND
