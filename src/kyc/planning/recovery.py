"""What a job needs next: a place, a start, a hand-over, an end.

One function of what is known now. It is asked again after everything it proposed has been done, so it proposes one step
at a time and never waits. The hand-over is make-before-break: the replacement is requested at the notice and prepares
while the old instance works; only when it could start at once is the old one released, and only when the old one has
flushed (or is lost) does the new one run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from kyc.domain.ids import InstanceId
from kyc.domain.instance import LIVING, Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.domain.offer import Pool
from kyc.planning.action import Action, Dismiss, GiveUp, Move, Place, Release, Run, Terminate
from kyc.planning.barrier import barriers_of

AVOID_POOL_FOR = timedelta(minutes=10)  # co-interruptions come within 3 minutes in > 92 % (Spot-and-Scoot, 2026)
FIRST_BACK_OFF = timedelta(seconds=1)
LONGEST_BACK_OFF = timedelta(minutes=1)
SETUP_TRIES = 3
DECIDED_WITHIN = timedelta(seconds=10)
CRASHES_BORNE = 8  # in a row: an agent that ends by itself will end by itself again

_GONE = frozenset({InstanceState.LOST, InstanceState.TERMINATING, InstanceState.TERMINATED, InstanceState.FAILED})
_LEAVING = frozenset({InstanceState.NOTICED, InstanceState.DRAINING})
_HOLDING = frozenset({AttemptState.RUNNING, AttemptState.RELEASING})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """All that is known of one job: its attempts by number, and the instances bought for it."""

    job: Job
    attempts: Sequence[Attempt]
    instances: Mapping[InstanceId, Instance]

    @property
    def live(self) -> list[Attempt]:
        """The attempts that are not over."""
        return [attempt for attempt in self.attempts if not attempt.is_over]

    @property
    def holder(self) -> Attempt | None:
        """The attempt that works, or is flushing."""
        return next((attempt for attempt in self.live if attempt.state in _HOLDING), None)

    @property
    def heir(self) -> Attempt | None:
        """The attempt that will work next: preparing or prepared, on an instance that stays."""
        waiting = (a for a in self.live if a.state not in _HOLDING)
        return next((a for a in waiting if self.state_of(a) in LIVING), None)

    def state_of(self, attempt: Attempt) -> InstanceState:
        """The state of the attempt's instance; one we do not know is terminated."""
        instance = self.instances.get(attempt.instance_id)
        return InstanceState.TERMINATED if instance is None else instance.state


def plan_job(view: JobView, *, now: datetime) -> list[Action]:
    """Return the next steps for the job; empty: all is as it should be, or somebody else has to move first."""
    if view.job.is_over:
        return [*_dismiss_all(view, "the job is over"), *_give_back(view)]
    lost = [GiveUp(attempt=a.id, reason=_end_of(view, a)) for a in view.live if view.state_of(a) in _GONE]
    if lost:
        return list(lost)
    return [*_next_step(view, now=now), *_give_back(view)]


def _next_step(  # noqa: PLR0911  # the order of the questions is the rule
    view: JobView, *, now: datetime
) -> list[Action]:
    ended = _ended(view)
    if ended is not None:
        return [ended]
    if view.job.stop_requested:
        return _stop(view, view.job.stop_reason or "stop was asked for")
    if view.job.move is not None and view.job.move.holds:
        return _rest(view, f"its snapshots move to {view.job.move.to}")
    if view.job.course.wait:
        return _rest(view, view.job.course.reason)
    holder, heir = view.holder, view.heir
    if heir is not None and not _is_in_place(view, heir):
        return [Dismiss(attempt=heir.id, reason=view.job.course.reason)]
    if holder is None:
        return _start(view, now=now)
    if view.state_of(holder) in _LEAVING:
        return _hand_over(view, holder, now=now)
    return _stay_or_change(view, holder, now=now) if holder.state is AttemptState.RUNNING else []


def _stay_or_change(view: JobView, holder: Attempt, *, now: datetime) -> list[Action]:
    heir = view.heir
    if not _is_in_place(view, holder):
        return _change_over(view, holder, now=now)
    return [] if heir is None else [Dismiss(attempt=heir.id, reason=f"{holder.instance_id} goes on after all")]


def _is_in_place(view: JobView, attempt: Attempt) -> bool:
    """Say whether the attempt's instance is of the kind that the job is to run on, and not one to leave."""
    instance, leave = view.instances.get(attempt.instance_id), view.job.leave
    if instance is None:
        return True
    return view.job.course.allows(instance.offer) and (leave is None or leave.instance != instance.id)


def _rest(view: JobView, reason: str) -> list[Action]:
    """Let go of everything, and keep the job for later."""
    holder = view.holder
    if holder is not None:
        return [Release(attempt=holder.id, reason=reason)] if holder.state is AttemptState.RUNNING else []
    resting = view.job.state is JobState.QUEUED
    return [*_dismiss_all(view, reason), *([] if resting else [Move(state=JobState.QUEUED, reason=reason)])]


def _change_over(view: JobView, holder: Attempt, *, now: datetime) -> list[Action]:
    """Move a job whose instance stays: it works until the other could start at once."""
    heir, leave = view.heir, view.job.leave
    reason = leave.reason if leave is not None and leave.instance == holder.instance_id else view.job.course.reason
    if heir is None:
        return _place(view, now=now, reason=reason)
    if heir.state is not AttemptState.PREPARED:
        return []
    moving = [] if view.job.state is JobState.MIGRATING else [Move(state=JobState.MIGRATING, reason=reason)]
    return [*moving, Release(attempt=holder.id, reason=f"{heir.instance_id} is prepared to take over")]


def _ended(view: JobView) -> Move | None:
    """The end of the job, if the work has ended by itself, or no agent can be kept up for it."""
    crashes = _crashes_in_a_row(view)
    if crashes >= CRASHES_BORNE:
        last_words = _end_of(view, view.attempts[-1])
        return Move(state=JobState.FAILED, reason=f"its agent ended by itself {crashes} times in a row: {last_words}")
    exits = [a for a in view.attempts if a.state is AttemptState.EXITED]
    if not exits:
        return None
    last = exits[-1]
    if last.started_at is None:  # it never got past its set-up
        failures = sum(1 for a in exits if a.started_at is None)
        if view.job.started_at is not None and failures < SETUP_TRIES:
            return None
        return Move(state=JobState.FAILED, reason=f"setup ended with code {last.exit_code}", exit_code=last.exit_code)
    if last.exit_code == 0:
        return Move(state=JobState.SUCCEEDED, reason="run ended with code 0", exit_code=0)
    return Move(state=JobState.FAILED, reason=f"run ended with code {last.exit_code}", exit_code=last.exit_code)


def _stop(view: JobView, reason: str) -> list[Action]:
    holder = view.holder
    if holder is None:
        return [*_dismiss_all(view, reason), Move(state=JobState.STOPPED, reason=reason)]
    if holder.state is AttemptState.RUNNING:
        return [Release(attempt=holder.id, reason=reason)]
    return []


def _start(view: JobView, *, now: datetime) -> list[Action]:
    heir = view.heir
    if heir is None:
        return [*_leave_running(view), *_place(view, now=now)]
    if heir.state is AttemptState.PREPARED:
        reason = _why_now(view)
        return [*_leave_running(view), Run(attempt=heir.id, epoch=view.job.epoch + 1, reason=reason)]
    if view.job.state is JobState.PLACING and view.state_of(heir) is InstanceState.READY:
        return [Move(state=JobState.STARTING, reason=f"instance {heir.instance_id} is ready")]
    return _leave_running(view)


def _hand_over(view: JobView, holder: Attempt, *, now: datetime) -> list[Action]:
    heir = view.heir
    steps = _leave_running(view)
    if heir is None:
        return [*steps, *_place(view, now=now)]
    if heir.state is AttemptState.PREPARED and holder.state is AttemptState.RUNNING:
        return [*steps, Release(attempt=holder.id, reason=f"{heir.instance_id} is prepared to take over")]
    return steps


def _leave_running(view: JobView) -> list[Action]:
    if view.job.state is not JobState.RUNNING:
        return []
    last = max(view.attempts, key=lambda a: a.number)
    holder = view.holder or last
    instance = view.instances.get(holder.instance_id)
    unharmed = instance is not None and instance.interrupted_at is None
    planned = holder.state is AttemptState.RELEASED and unharmed
    interrupted = not planned and not _has_crashed(view, holder)
    return [Move(state=JobState.MIGRATING, reason=_end_of(view, holder), interrupted=interrupted)]


def _place(view: JobView, *, now: datetime, reason: str = "") -> list[Action]:
    """Propose an instance, unless the last ones came to nothing and it is too early for another."""
    if now < _next_placement_at(view) or _is_undecided(view.job, now=now):
        return []
    last, leave = view.attempts[-1] if view.attempts else None, view.job.leave
    before = None if last is None else (view.holder or last).instance_id
    why = "the job waits for its first instance" if last is None else _end_of(view, view.holder or last)
    return [
        Place(
            reason=reason or why,
            avoid=_failed_pools(view, now=now),
            barriers=barriers_of(view.instances.values(), now=now),
            replaces=before,
            purchase=view.job.course.purchase,
            below_usd_per_hour=leave.below_usd_per_hour
            if leave is not None and leave.instance == before
            else view.job.course.below_usd_per_hour,
        )
    ]


def _is_undecided(job: Job, *, now: datetime) -> bool:
    """Say whether to wait a moment for the first word of the deadline's policy: what is bought first depends on it."""
    return job.spec.deadline is not None and not job.course.reason and now - job.requested_at < DECIDED_WITHIN


def _next_placement_at(view: JobView) -> datetime:
    """After attempts that came to nothing in a row: wait, each time twice as long."""
    barren = max(_barren_in_a_row(view), _crashes_in_a_row(view))
    if barren == 0:
        return view.job.requested_at
    doublings = min(barren - 1, 10)
    wait = min(FIRST_BACK_OFF * (1 << doublings), LONGEST_BACK_OFF)
    return (view.attempts[-1].ended_at or view.attempts[-1].created_at) + wait


def _barren_in_a_row(view: JobView) -> int:
    """How many of the last attempts ended before they had begun to work."""
    ended = takewhile(lambda a: a.started_at is None and a.is_over, reversed(view.attempts))
    return sum(1 for _ in ended)


def _crashes_in_a_row(view: JobView) -> int:
    """How many of the last attempts ended because their instance's agent did."""
    return sum(1 for _ in takewhile(lambda a: a.is_over and _has_crashed(view, a), reversed(view.attempts)))


def _has_crashed(view: JobView, attempt: Attempt) -> bool:
    instance = view.instances.get(attempt.instance_id)
    return instance is not None and instance.crashed


def _failed_pools(view: JobView, *, now: datetime) -> frozenset[Pool]:
    """The pools that took an instance of this job away, or refused one, a short while ago."""
    return frozenset(
        instance.offer.pool
        for instance in view.instances.values()
        if (failed_at := _failed_at(instance)) is not None and now - failed_at < AVOID_POOL_FOR
    )


def _failed_at(instance: Instance) -> datetime | None:
    return instance.ended_at if instance.refusal is not None else instance.interrupted_at


def _give_back(view: JobView) -> list[Terminate]:
    needed = {attempt.instance_id for attempt in view.live}
    return [
        Terminate(instance=instance.id, reason=_why_given_back(instance))
        for instance in view.instances.values()
        if instance.id not in needed and not instance.is_over and instance.state is not InstanceState.TERMINATING
    ]


def _why_given_back(instance: Instance) -> str:
    if instance.end_reason:
        return instance.end_reason
    return "its work is done" if instance.notice is None else "the provider takes it away; nothing is left on it"


def _dismiss_all(view: JobView, reason: str) -> list[Dismiss]:
    return [Dismiss(attempt=attempt.id, reason=reason) for attempt in view.live]


def _why_now(view: JobView) -> str:
    before = [a for a in view.attempts if a.started_at is not None]
    return "everything is in place" if not before else f"takes over from {before[-1].instance_id}"


def _end_of(view: JobView, attempt: Attempt) -> str:
    instance = view.instances.get(attempt.instance_id)
    if instance is None:
        return f"instance {attempt.instance_id} is not known any more"
    if instance.state in _GONE:
        return instance.end_reason or f"instance {instance.id} is {instance.state}"
    if instance.notice is not None:
        return f"the provider takes {instance.id} away"
    return attempt.reason or f"attempt {attempt.id} is {attempt.state}"
