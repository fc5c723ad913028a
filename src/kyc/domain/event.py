"""The timeline: what happened, to what, when and why. Append-only; the names are a contract with people's tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EventKind(StrEnum):
    """Every kind of event. Names are kept for ever; new ones may be added."""

    DEPLOYMENT_REQUESTED = "deployment.requested"
    DEPLOYMENT_LOG = "deployment.log"
    DEPLOYMENT_SUCCEEDED = "deployment.succeeded"
    DEPLOYMENT_FAILED = "deployment.failed"
    DEPLOYMENT_DESTROYED = "deployment.destroyed"
    INSTANCE_REQUESTED = "instance.requested"
    INSTANCE_READY = "instance.ready"
    INTERRUPTION_REQUESTED = "interruption.requested"
    INTERRUPTION_BEGUN = "interruption.begun"  # the cloud was told; the reason says how it does it
    INSTANCE_NOTICED = "instance.noticed"
    INSTANCE_WEIGHED = "instance.weighed"  # whether it is replaced on a mere recommendation
    INSTANCE_SUSPECTED = "instance.suspected"
    INSTANCE_LOST = "instance.lost"
    INSTANCE_REPRICED = "instance.repriced"
    INSTANCE_TERMINATED = "instance.terminated"
    REPLACEMENT_REQUESTED = "replacement.requested"
    SNAPSHOT_COMMITTED = "snapshot.committed"
    SNAPSHOT_FLUSHED = "snapshot.flushed"
    RESTORE_STARTED = "restore.started"
    RESTORE_COMPLETED = "restore.completed"
    JOB_QUEUED = "job.queued"
    JOB_PLACED = "job.placed"
    JOB_STARTED = "job.started"
    JOB_PROGRESS = "job.progress"
    JOB_STEERED = "job.steered"
    JOB_MIGRATING = "job.migrating"
    JOB_RESUMED = "job.resumed"  # its process runs again
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_STOPPED = "job.stopped"
    ATTEMPT_PREPARED = "attempt.prepared"
    ATTEMPT_RELEASED = "attempt.released"
    ATTEMPT_FENCED = "attempt.fenced"
    AGENT_TROUBLED = "agent.troubled"
    REPLICA_REQUESTED = "replica.requested"
    REPLICA_STARTED = "replica.started"
    REPLICA_PULLING = "replica.pulling"
    REPLICA_READY = "replica.ready"
    REPLICA_UNREADY = "replica.unready"
    REPLICA_DIED = "replica.died"
    REPLICA_DRAINING = "replica.draining"
    REPLICA_STOPPED = "replica.stopped"
    REPLICA_FAILED = "replica.failed"
    SERVICE_REQUESTED = "service.requested"
    SERVICE_READY = "service.ready"
    SERVICE_UPDATED = "service.updated"
    SERVICE_SCALED = "service.scaled"
    SERVICE_STOPPED = "service.stopped"
    SERVICE_FAILED = "service.failed"
    EDGE_UPDATED = "edge.updated"
    DEADLINE_MISSED = "deadline.missed"
    BUDGET_WARNED = "budget.warned"
    BUDGET_HELD = "budget.held"
    BUDGET_STOPPED = "budget.stopped"
    ORPHAN_FOUND = "orphan.found"
    ORPHAN_REMOVED = "orphan.removed"
    PRICE_ALERTED = "price.alerted"
    ACCOUNT_ADDED = "account.added"
    ACCOUNT_REMOVED = "account.removed"
    USER_ADDED = "user.added"
    USER_CHANGED = "user.changed"
    USER_REMOVED = "user.removed"
    TOKEN_CREATED = "token.created"  # noqa: S105  # names of events
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    NOTIFICATION_FAILED = "notification.failed"  # given up after many tries
    SIGN_IN_REFUSED = "sign_in.refused"  # too many wrong passwords
    STREAM_STARTED = "stream.started"
    STREAM_MOVING = "stream.moving"
    STREAM_MOVED = "stream.moved"
    STREAM_STAYED = "stream.stayed"
    STREAM_TROUBLED = "stream.troubled"
    SNAPSHOT_FREED = "snapshot.freed"
    FLUSH_WARNED = "flush.warned"
    FLUSH_FITS = "flush.fits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the timeline. `seq` is 0 until the store has given it its place.

    `data` holds JSON values only; durations end in `_s`, sizes in `_bytes`.
    """

    kind: EventKind
    subject: str
    at: datetime
    data: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLines:
    """A piece of what a job printed: whole lines, in order. `seq` is 0 until stored."""

    workload: str
    attempt: str
    at: datetime
    text: str
    seq: int = 0
