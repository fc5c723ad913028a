"""What is left of a job and what comes along, from what was seen of it: one estimate for all who plan by it.

Work left is by the steps the job prints and what a step takes. The deadline's policy and the forecast of the cost ask
for it, and so does the ranking of offers (`planning.market`), which also wants to know how long the job's starts took,
what a restore brings and what is written meanwhile. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import median

from kyc.domain.event import Event
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, AttemptState, Job
from kyc.domain.money import cost_usd
from kyc.planning.egress import Place
from kyc.planning.ledger import Cost
from kyc.planning.market import STARTUP_S, UNKNOWN_STARTUP_S, WorkAhead
from kyc.planning.recovery import JobView

MARGIN = 1.05  # steps differ: what was measured is taken to be so much too short
_HOUR = timedelta(hours=1)
_LEAST_SPAN = timedelta(minutes=1)  # over which a rate of writing means something


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


def foresee_work(view: JobView, snapshots: Sequence[Event], *, data_at: Place) -> WorkAhead:
    """Return what is ahead of the job; `snapshots` are its newest snapshot events, oldest first."""
    usual, steps_s = WorkAhead(data_at=data_at), _steps_left_s(view.job)
    return WorkAhead(
        work=None if steps_s is None else timedelta(seconds=steps_s),
        restart=_restart(view.attempts, view.instances, usual.restart),
        lost=usual.lost,
        data_at=data_at,
        restore_bytes=int(_number(snapshots[-1], "bytes")) if snapshots else 0,
        written_bytes_per_h=_written_per_h(snapshots),
    )


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


def _restart(attempts: Sequence[Attempt], instances: Mapping[InstanceId, Instance], usual: timedelta) -> timedelta:
    """What a start took beyond the cloud's own part: the median of the job's starts so far."""
    taken = [
        (attempt.started_at - attempt.created_at - _startup(instances.get(attempt.instance_id))).total_seconds()
        for attempt in attempts
        if attempt.started_at is not None
    ]
    return timedelta(seconds=max(0.0, median(taken))) if taken else usual


def _startup(instance: Instance | None) -> timedelta:
    cloud = instance.offer.cloud if instance else ""
    return timedelta(seconds=STARTUP_S.get(cloud, UNKNOWN_STARTUP_S))


def _written_per_h(snapshots: Sequence[Event]) -> float:
    if len(snapshots) < 2:
        return 0.0
    span = snapshots[-1].at - snapshots[0].at
    if span < _LEAST_SPAN:
        return 0.0
    return sum(_number(event, "sent_bytes") for event in snapshots[1:]) / (span / _HOUR)


def _number(event: Event, name: str) -> float:
    value = event.data.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
