"""A job: work that ends. An attempt: one run of it on one instance. One attempt at a time holds the epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kyc.domain.budget import BudgetStage
from kyc.domain.course import ANYWHERE, Course, Learned, Leave
from kyc.domain.ids import AttemptId, InstanceId, WorkloadName
from kyc.domain.machine import advance, is_final
from kyc.domain.move import StreamMove
from kyc.domain.progress import Pace
from kyc.domain.workload import JobSpec


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"  # stored; nothing is bought for it now
    PLACING = "placing"  # an instance is requested
    STARTING = "starting"  # the instance is preparing: files, set-up
    RUNNING = "running"
    MIGRATING = "migrating"  # its instance is going or gone; another takes over
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


_J = JobState
JOB_EDGES: dict[JobState, frozenset[JobState]] = {
    _J.QUEUED: frozenset({_J.PLACING, _J.FAILED, _J.STOPPED}),
    _J.PLACING: frozenset({_J.QUEUED, _J.STARTING, _J.RUNNING, _J.FAILED, _J.STOPPED}),
    _J.STARTING: frozenset({_J.QUEUED, _J.RUNNING, _J.PLACING, _J.MIGRATING, _J.FAILED, _J.STOPPED}),
    _J.RUNNING: frozenset({_J.QUEUED, _J.MIGRATING, _J.SUCCEEDED, _J.FAILED, _J.STOPPED}),
    _J.MIGRATING: frozenset({_J.QUEUED, _J.RUNNING, _J.SUCCEEDED, _J.FAILED, _J.STOPPED}),
    _J.SUCCEEDED: frozenset(),
    _J.FAILED: frozenset(),
    _J.STOPPED: frozenset(),
}


class AttemptState(StrEnum):
    """What one instance has to do with a job now."""

    PREPARING = "preparing"  # fetches the files, runs the set-up; the predecessor may still work
    PREPARED = "prepared"  # could start at once
    RUNNING = "running"  # holds the epoch and works
    RELEASING = "releasing"  # told to stop and flush what is left
    RELEASED = "released"  # stopped; everything it had is in the stream
    EXITED = "exited"  # the work ended by itself, with an exit code
    LOST = "lost"  # its instance is gone, or another attempt has fenced it
    DISMISSED = "dismissed"  # not needed any more


_A = AttemptState
ATTEMPT_EDGES: dict[AttemptState, frozenset[AttemptState]] = {
    _A.PREPARING: frozenset({_A.PREPARED, _A.EXITED, _A.LOST, _A.DISMISSED}),
    _A.PREPARED: frozenset({_A.RUNNING, _A.LOST, _A.DISMISSED}),
    _A.RUNNING: frozenset({_A.RELEASING, _A.RELEASED, _A.EXITED, _A.LOST, _A.DISMISSED}),
    _A.RELEASING: frozenset({_A.RELEASED, _A.EXITED, _A.LOST, _A.DISMISSED}),
    _A.RELEASED: frozenset(),
    _A.EXITED: frozenset(),
    _A.LOST: frozenset(),
    _A.DISMISSED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as kyc knows it. `epoch` is the highest ever granted; only its holder may write snapshots."""

    name: WorkloadName
    spec: JobSpec
    state: JobState
    requested_at: datetime
    sealed_key: str  # encrypts its chunks and manifests; readable with the master's key only
    epoch: int = 0
    attempts: int = 0
    interruptions: int = 0
    stop_requested: bool = False
    stop_reason: str = ""  # empty: a person asked for it
    course: Course = ANYWHERE
    leave: Leave | None = None
    learned: Learned | None = None
    budget_stage: BudgetStage = BudgetStage.OPEN
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    last_snapshot_at: datetime | None = None
    step: int | None = None
    step_total: int | None = None
    pace: Pace | None = None
    deadline_missed: bool = False
    reason: str = ""
    stream: str = ""  # which one its snapshots lie in, by URL without a credential; empty: the master's own
    move: StreamMove | None = None
    user: str = ""  # who asked for it; empty: nobody knows
    work_stopped_at: datetime | None = None  # when its last process ended, while none runs
    version: int = 0

    def to(self, state: JobState, **changes: object) -> Job:
        """Return the job in the new state with the changes applied; raise TransitionError if it cannot."""
        advance(JOB_EDGES, self.state, state, story=f"job {self.name}")
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # names are the fields'

    @property
    def deadline_at(self) -> datetime | None:
        """When it is to be done; None if nobody said."""
        return None if self.spec.deadline is None else self.requested_at + self.spec.deadline

    @property
    def lacks_place(self) -> bool:
        """Whether nothing was made for its snapshots in any stream yet."""
        return self.attempts == 0 and not self.stream

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return is_final(JOB_EDGES, self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of a job on one instance. `epoch` is 0 until it is told to run."""

    id: AttemptId
    workload: WorkloadName
    number: int
    instance_id: InstanceId
    state: AttemptState
    created_at: datetime
    epoch: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    safe_at: datetime | None = None  # when its newest snapshot was committed; what it did since may have to be repeated
    exit_code: int | None = None
    reason: str = ""
    version: int = 0

    def to(self, state: AttemptState, **changes: object) -> Attempt:
        """Return the attempt in the new state with the changes applied; raise TransitionError if it cannot."""
        advance(ATTEMPT_EDGES, self.state, state, story=f"attempt {self.id}")
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # names are the fields'

    @property
    def is_over(self) -> bool:
        """Whether the instance has nothing more to do for it."""
        return is_final(ATTEMPT_EDGES, self.state)
