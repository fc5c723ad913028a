"""What an agent's fact changes: a pure reading of (fact, what is stored) into records, events and logs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from kyc.domain.event import Event, EventKind, LogLines
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import NoticeKind
from kyc.domain.job import ATTEMPT_EDGES, Attempt, AttemptState, Job, JobState
from kyc.domain.progress import next_pace
from kyc.wire import agent as wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is stored about the agent's instance and the attempt that the fact names (None: none, or unknown).

    `interrupted_at` is when the work was interrupted that a `Started` goes on with; None: it was not.
    """

    instance: Instance
    attempt: Attempt | None
    job: Job | None
    interrupted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has to be stored, all or nothing."""

    records: tuple[Instance | Attempt | Job, ...] = ()
    events: tuple[Event, ...] = ()
    logs: tuple[LogLines, ...] = ()


def read_fact(  # noqa: C901, PLR0911, PLR0912  # one arm for each kind of fact
    fact: wire.Noticed | wire.AttemptFact, known: Known, *, now: datetime
) -> Changes:
    """Return what the fact changes. One about an attempt that is over adds to the timeline at most.

    Its events are of the time when it happened, which was long ago if the master was away; records are of `now`.
    """
    if isinstance(fact, wire.Noticed):
        return _noticed(fact, known, now=now)
    if known.attempt is None or known.job is None:
        return Changes()
    reading = _Reading(known.instance, known.attempt, known.job, now, _when(fact, known.instance, now=now))
    match fact:
        case wire.Printed():
            return Changes(logs=(reading.lines(fact),))
        case wire.Progressed():
            return reading.progressed(fact)
        case wire.Committed():
            return reading.committed(fact)
        case wire.Restored():
            return Changes(events=(reading.restored(fact),))
        case wire.Prepared():
            return reading.advanced(AttemptState.PREPARED, EventKind.ATTEMPT_PREPARED)
        case wire.Started():
            return reading.started(fact, known.interrupted_at)
        case wire.Released():
            return reading.released(fact)
        case wire.Exited():
            return reading.exited(fact)
        case wire.Fenced():
            return reading.lost(EventKind.ATTEMPT_FENCED, f"epoch {fact.epoch} is open elsewhere")
        case wire.Troubled():
            return reading.troubled(fact)
        case _:
            assert_never(fact)


def _noticed(fact: wire.Noticed, known: Known, *, now: datetime) -> Changes:
    instance, notice = known.instance, fact.notice
    deadline = notice.deadline_at
    event = Event(
        kind=EventKind.INSTANCE_NOTICED,
        subject=instance.id,
        at=_when(fact, instance, now=now),
        data={
            "notice": notice.kind.value,
            "noticed_at": fact.at.isoformat(),
            "deadline_at": deadline.isoformat() if deadline else None,
            "notice_s": round((deadline - fact.at).total_seconds(), 3) if deadline else None,
            "workload": instance.workload,
        },
        reason="the provider's metadata service says so",
    )
    if instance.state is not InstanceState.READY:
        return Changes(events=(event,))
    if notice.kind is NoticeKind.REBALANCE:
        return Changes(records=(replace(instance, advised_at=now),), events=(event,))
    noticed = instance.to(InstanceState.NOTICED, notice=notice, interrupted_at=now)
    return Changes(records=(noticed,), events=(event,))


def _when(fact: wire.Noticed | wire.AttemptFact, instance: Instance, *, now: datetime) -> datetime:
    """Return when the fact happened, by the instance's clock as far as that can be right."""
    return min(now, max(instance.requested_at, fact.at))


@dataclass(frozen=True, slots=True)
class _Reading:
    instance: Instance
    attempt: Attempt
    job: Job
    now: datetime
    at: datetime

    def lines(self, fact: wire.Printed) -> LogLines:
        return LogLines(workload=self.job.name, attempt=self.attempt.id, at=fact.at, text=fact.text)

    def progressed(self, fact: wire.Progressed) -> Changes:
        pace = next_pace(self.job.pace, self.attempt.id, fact.step, fact.at)
        job = replace(self.job, step=fact.step, step_total=fact.total, pace=pace)
        event = self._event(EventKind.JOB_PROGRESS, first=fact.first, step=fact.step, total=fact.total)
        return Changes(records=(job,), events=(event,))

    def committed(self, fact: wire.Committed) -> Changes:
        kind = EventKind.SNAPSHOT_FLUSHED if fact.flushed else EventKind.SNAPSHOT_COMMITTED
        event = self._event(
            kind,
            epoch=fact.epoch,
            sequence=fact.sequence,
            files=fact.files,
            bytes=fact.bytes,
            sent_bytes=fact.sent_bytes,
            took_s=fact.took_s,
            missed=fact.missed,
            rpo_s=fact.rpo_s,
            dirty_bytes=fact.dirty_bytes,
        )
        attempt = replace(self.attempt, safe_at=fact.at)
        return Changes(records=(replace(self.job, last_snapshot_at=fact.at), attempt), events=(event,))

    def restored(self, fact: wire.Restored) -> Event:
        kind = EventKind.RESTORE_COMPLETED if fact.done else EventKind.RESTORE_STARTED
        data = {"sequence": fact.sequence, "files": fact.files, "bytes": fact.bytes}
        if fact.done:
            data |= {"fetched_bytes": fact.fetched_bytes, "took_s": fact.took_s}  # type: ignore[dict-item]
        return self._event(kind, **data)

    def started(self, fact: wire.Started, interrupted_at: datetime | None) -> Changes:
        if self.attempt.state is not AttemptState.RUNNING or self.attempt.started_at is not None:
            return Changes()
        attempt = replace(self.attempt, started_at=self.now)
        first = self.job.started_at is None
        job = replace(self.job, started_at=self.job.started_at or self.now, work_stopped_at=None)
        if job.state is not JobState.RUNNING:
            job = job.to(JobState.RUNNING, reason="")
        kind = EventKind.JOB_STARTED if first else EventKind.JOB_RESUMED
        data: dict[str, object] = {
            "epoch": fact.epoch,
            "sequence": fact.sequence,
            "started_at": fact.at.isoformat(),
        }
        if not first:
            data |= {"final_delta_bytes": fact.final_delta_bytes, "pause_s": self._pause_s(fact)}
        if interrupted_at is not None:
            data["recovery_s"] = round(max(0.0, (self.at - interrupted_at).total_seconds()), 3)
        return Changes(records=(attempt, job), events=(self._event(kind, **data),))

    def _pause_s(self, fact: wire.Started) -> float | None:
        """From the old work's end to the new one's start, by their instances' clocks; None: it was not stopped."""
        stopped_at = self.job.work_stopped_at
        return None if stopped_at is None else round(max(0.0, (fact.at - stopped_at).total_seconds()), 3)

    def released(self, fact: wire.Released) -> Changes:
        changes = self.advanced(AttemptState.RELEASED, EventKind.ATTEMPT_RELEASED, missed=fact.missed)
        if fact.stopped_at is None or not changes.records:
            return changes
        return replace(changes, records=(*changes.records, replace(self.job, work_stopped_at=fact.stopped_at)))

    def exited(self, fact: wire.Exited) -> Changes:
        reason = f"{fact.stage} ended with code {fact.code}"
        return self._ended(AttemptState.EXITED, reason, exit_code=fact.code)

    def troubled(self, fact: wire.Troubled) -> Changes:
        if fact.fatal:
            return self._ended(AttemptState.LOST, fact.what)
        event = self._event(EventKind.AGENT_TROUBLED, next_step=fact.next_step, **({"over": True} if fact.over else {}))
        return Changes(events=(replace(event, reason=fact.what),))

    def lost(self, kind: EventKind, reason: str) -> Changes:
        event = replace(self._event(kind), reason=reason)
        ended = self._ended(AttemptState.LOST, reason)
        return Changes(records=ended.records, events=(event,))

    def advanced(self, state: AttemptState, kind: EventKind, **data: object) -> Changes:
        if not self._may_become(state):
            return Changes()
        changes = {"ended_at": self.now} if state is AttemptState.RELEASED else {}
        attempt = self.attempt.to(state, **changes)
        return Changes(records=(attempt,), events=(self._event(kind, **data),))

    def _ended(self, state: AttemptState, reason: str, *, exit_code: int | None = None) -> Changes:
        if not self._may_become(state):
            return Changes()
        attempt = self.attempt.to(state, ended_at=self.now, reason=reason, exit_code=exit_code)
        return Changes(records=(attempt,))

    def _may_become(self, state: AttemptState) -> bool:
        """Say whether the fact is still news: one told late, or twice over a restart, must not stop those behind it."""
        return state in ATTEMPT_EDGES[self.attempt.state]

    def _event(self, kind: EventKind, **data: object) -> Event:
        data = {"attempt": self.attempt.id, "instance": self.instance.id} | data
        return Event(kind=kind, subject=self.job.name, at=self.at, data=data)


def attempt_of(fact: wire.Noticed | wire.AttemptFact) -> str | None:
    """Return the id of the attempt that the fact is about; None for one about the instance alone."""
    return None if isinstance(fact, wire.Noticed) else fact.attempt
