"""How much work is left of a job, by its own steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from kyc.domain.job import AttemptState, Job
from kyc.domain.money import cost_usd
from kyc.planning.ledger import Cost
from kyc.planning.recovery import JobView

MARGIN = 1.05  # steps differ: what was measured is taken to be so much too short


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLeft:
    """Seconds of work that are left; `unsafe_s` of them were done, but may have to be done again."""

    steps_s: float
    unsafe_s: float = 0

    @property
    def cautious_s(self) -> float:
        """What to plan with."""
        return self.steps_s * MARGIN + self.unsafe_s


def work_left(view: JobView) -> WorkLeft | None:
    """Return what is left of the work; None if the job does not tell enough: no steps, no total, or no pace yet."""
    steps_s = _steps_left_s(view.job)
    return None if steps_s is None else WorkLeft(steps_s=steps_s, unsafe_s=_unsafe_s(view))


def forecast_of(job: Job, cost: Cost) -> Decimal | None:
    """Return what the job will have cost at its end if it goes on as now; None if nobody knows, or nothing runs."""
    steps_s = _steps_left_s(job)
    if steps_s is None or not cost.per_hour_now:
        return None
    return cost.spent + cost_usd(cost.per_hour_now, timedelta(seconds=steps_s))


def unknown_because(job: Job) -> str:
    """Return what the job would have to tell for its remaining work to be known."""
    if not job.spec.progress:
        return "the file has no `progress:`"
    if job.step is None:
        return "it has not printed a step yet"
    if job.step_total is None:
        return "it does not print how many steps there are"
    return "it has not done two steps yet"


def _steps_left_s(job: Job) -> float | None:
    step_s = None if job.pace is None else job.pace.seconds_a_step
    if job.step is None or job.step_total is None or step_s is None:
        return None
    return max(0, job.step_total - job.step) * step_s


def _unsafe_s(view: JobView) -> float:
    """Return what was done after the newest snapshot, if the attempt that did it is lost."""
    pace = view.job.pace
    ran = next((a for a in view.attempts if pace is not None and a.id == pace.attempt), None)
    if pace is None or ran is None or ran.state is not AttemptState.LOST or ran.started_at is None:
        return 0
    return max(0.0, (pace.last_at - (ran.safe_at or ran.started_at)).total_seconds())
