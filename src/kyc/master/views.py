"""Domain values as the rows of wire.api: pure, `now` is an argument. Money becomes a number here alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import cast

import msgspec

from kyc.domain.deployment import Deployment
from kyc.domain.event import Event, LogLines
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, Job
from kyc.domain.offer import Purchase
from kyc.domain.snapshot import SnapshotSummary
from kyc.domain.workload import JobSpec
from kyc.planning.ahead import forecast_of
from kyc.planning.course import word_of
from kyc.planning.ledger import cost_of, is_billing
from kyc.snapshot.history import Verification
from kyc.wire.agent import Pulse
from kyc.wire.api import (
    AttemptRow,
    DamagedFile,
    DeploymentRow,
    EventRow,
    InstanceRow,
    LogRow,
    SnapshotRow,
    VerifiedSnapshot,
    WorkloadRow,
)
from kyc.wire.text import legible

BARE = "-"  # the name under which instances without a workload are counted
_SECRET_NAME = re.compile(r"secret|token|passw|credential|(^|_)(key|pass|pwd|auth)($|_)", re.IGNORECASE)
_HIDDEN = "***"


def workload_row(job: Job, instances: Sequence[Instance], pulse: Pulse | None, *, now: datetime) -> WorkloadRow:
    """Return a job's line; `instances` are its own, ended ones too, `pulse` the newest of the one that runs it."""
    cost = cost_of(instances, now=now)
    forecast = cost.spent if job.is_over else forecast_of(job, cost)
    return WorkloadRow(
        name=job.name,
        kind="job",
        state=job.state.value,
        attempt=job.attempts,
        instances=sum(1 for instance in instances if is_billing(instance)),
        cost_usd=usd(cost.spent),
        saved_usd=usd(cost.saved),
        interruptions=job.interruptions,
        last_snapshot_at=job.last_snapshot_at,
        rpo_s=None if job.is_over else _unsafe_s(pulse, now=now),
        deadline_at=job.deadline_at,
        step=job.step,
        step_total=job.step_total,
        requested_at=job.requested_at,
        ended_at=job.ended_at,
        exit_code=job.exit_code,
        reason=job.reason,
        budget_usd=None if job.spec.budget_usd is None else usd(job.spec.budget_usd),
        budget_stage="" if job.spec.budget_usd is None else job.budget_stage.value,
        forecast_usd=None if forecast is None else usd(forecast),
        course=word_of(job.course),
        course_reason=job.course.reason,
        dirty_bytes=None if pulse is None or job.is_over else pulse.dirty_bytes,
        flush_estimate_s=None if pulse is None or job.is_over else pulse.flush_estimate_s,
    )


def attempt_row(attempt: Attempt) -> AttemptRow:
    """Return an attempt's line."""
    return AttemptRow(
        id=attempt.id,
        number=attempt.number,
        instance=attempt.instance_id,
        state=attempt.state.value,
        epoch=attempt.epoch,
        created_at=attempt.created_at,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        exit_code=attempt.exit_code,
        reason=attempt.reason,
    )


def spec_view(spec: JobSpec) -> dict[str, object]:
    """Return the spec as JSON values; the value of a variable whose name tells of a secret is hidden."""
    shown = replace(spec, envs=hidden_envs(spec.envs))
    return cast("dict[str, object]", msgspec.to_builtins(shown, str_keys=True))


def hidden_envs(envs: Mapping[str, str]) -> dict[str, str]:
    """Return the variables; the value of one whose name tells of a secret is hidden."""
    return {name: _HIDDEN if _SECRET_NAME.search(name) else value for name, value in envs.items()}


def instance_row(instance: Instance, *, now: datetime) -> InstanceRow:
    """Return an instance's line."""
    offer = instance.offer
    return InstanceRow(
        id=instance.id,
        name=instance.name,
        cloud=offer.cloud,
        region=offer.region,
        zone=offer.zone,
        type=offer.instance_type,
        spot=offer.purchase is Purchase.SPOT,
        state=instance.state.value,
        address=instance.address,
        price_usd_per_hour=usd(instance.price_now.usd_per_hour),
        workload=instance.workload,
        deployment=instance.deployment_id,
        started_at=instance.started_at,
        ended_at=instance.ended_at,
        provider_id=instance.provider_id,
        on_demand_usd_per_hour=usd(instance.price_now.on_demand_usd_per_hour),
        cost_usd=usd(cost_of([instance], now=now).spent),
        notice_deadline_at=instance.notice.deadline_at if instance.notice else None,
        reason=instance.end_reason,
    )


def deployment_row(deployment: Deployment) -> DeploymentRow:
    """Return a deployment's line."""
    return DeploymentRow(
        id=deployment.id,
        offer=deployment.offer.id,
        state=deployment.state.value,
        instances=list(deployment.instance_ids),
        requested_at=deployment.requested_at,
        reason=deployment.reason,
        failure=deployment.failure,
        account=deployment.account,
    )


def event_row(event: Event) -> EventRow:
    """Return an event's line."""
    return EventRow(
        seq=event.seq,
        at=event.at,
        kind=event.kind.value,
        subject=event.subject,
        data=dict(event.data),
        reason=event.reason,
    )


def log_row(lines: LogLines) -> LogRow:
    """Return a piece of output."""
    return LogRow(seq=lines.seq, at=lines.at, attempt=lines.attempt, text=lines.text)


def verified_row(found: Verification) -> VerifiedSnapshot:
    """Return a snapshot as it was read back."""
    return VerifiedSnapshot(
        sequence=found.sequence,
        files=found.files,
        chunks=found.chunks,
        stored_bytes=found.stored_bytes,
        damaged=[DamagedFile(path=legible(path), reason=legible(why)) for path, why in found.damaged],
        unreadable=legible(found.unreadable),
    )


def snapshot_row(summary: SnapshotSummary) -> SnapshotRow:
    """Return a snapshot's line."""
    return SnapshotRow(
        sequence=summary.sequence,
        epoch=summary.epoch,
        taken_at=summary.taken_at,
        files=summary.files,
        bytes=summary.bytes,
        missed=[legible(path) for path in summary.missed],
    )


def by_workload(instances: Iterable[Instance]) -> dict[str, list[Instance]]:
    """Return the instances under the workload they were bought for, bare ones under `-`."""
    found: dict[str, list[Instance]] = {}
    for instance in instances:
        found.setdefault(instance.workload or BARE, []).append(instance)
    return found


def _unsafe_s(pulse: Pulse | None, *, now: datetime) -> float | None:
    if pulse is None:
        return None
    if pulse.dirty_since is None:
        return 0.0
    return max(0.0, round((now - pulse.dirty_since).total_seconds(), 3))


def usd(amount: Decimal) -> float:
    """Return the amount as a number, to a millionth of a dollar."""
    return float(round(amount, 6))
