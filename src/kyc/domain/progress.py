"""How fast a job goes, by the steps that it prints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from kyc.domain.ids import AttemptId

ENOUGH_STEPS = 5  # of one attempt, to believe it alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """From step `first` to step `last` an attempt took from `first_at` to `last_at`, by its instance's clock.

    `earlier_s` is what attempts before it took for a step, None if that is not known.
    """

    attempt: AttemptId
    first: int
    first_at: datetime
    last: int
    last_at: datetime
    earlier_s: float | None = None

    @property
    def seconds_a_step(self) -> float | None:
        """What a step takes; None before there were two. While there are few, the slower of before and now."""
        steps, took_s = self.last - self.first, (self.last_at - self.first_at).total_seconds()
        if steps < 1 or took_s < 0:
            return self.earlier_s
        own_s = took_s / steps
        return own_s if steps >= ENOUGH_STEPS or self.earlier_s is None else max(own_s, self.earlier_s)


def next_pace(before: Pace | None, attempt: AttemptId, step: int, at: datetime) -> Pace:
    """Return the pace after the attempt has done a step; a step that goes back begins anew."""
    if before is None or before.attempt != attempt or step < before.last:
        earlier_s = None if before is None else before.seconds_a_step
        return Pace(attempt=attempt, first=step, first_at=at, last=step, last_at=at, earlier_s=earlier_s)
    return replace(before, last=step, last_at=max(at, before.last_at))
