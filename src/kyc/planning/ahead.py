"""What is left of a job, from what was seen of it so far: its progress, its snapshots, how long its starts took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from kyc.domain.event import Event
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, Job
from kyc.planning.egress import Place
from kyc.planning.market import STARTUP_S, UNKNOWN_STARTUP_S, WorkAhead

_HOUR = timedelta(hours=1)
_LEAST_SPAN = timedelta(minutes=1)  # over which a rate of writing means something


def foresee_work(
    job: Job,
    attempts: Sequence[Attempt],
    instances: Mapping[InstanceId, Instance],
    snapshots: Sequence[Event],
    *,
    data_at: Place,
    now: datetime,
) -> WorkAhead:
    """Return what is ahead of the job; `snapshots` are its newest snapshot events, oldest first."""
    usual = WorkAhead(data_at=data_at)
    return WorkAhead(
        work=_work_left(job, now=now),
        restart=_restart(attempts, instances, usual.restart),
        lost=usual.lost,
        data_at=data_at,
        restore_bytes=int(_number(snapshots[-1], "bytes")) if snapshots else 0,
        written_bytes_per_h=_written_per_h(snapshots),
    )


def _work_left(job: Job, *, now: datetime) -> timedelta | None:
    """By the steps it printed: what is left takes as long as what was done. None where it prints none."""
    if not job.step or not job.step_total or job.started_at is None or now <= job.started_at:
        return None
    return (now - job.started_at) * (max(0, job.step_total - job.step) / job.step)


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
