"""The jobs loop: for each job that is not over, ask planning what is next, and store it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from kyc.control.context import Context
from kyc.control.gate import refusal_of
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import DeploymentId, InstanceId, WorkloadName, attempt_id, new_deployment_id, new_instance_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.planning.action import Action, Dismiss, GiveUp, Move, Place, Release, Run, Terminate
from kyc.planning.ahead import foresee_work
from kyc.planning.market import Ranking, WorkAhead
from kyc.planning.match import options_of
from kyc.planning.recovery import JobView, plan_job
from kyc.ports.store import EventFilter, Record

LOOKED_BACK = 2000  # events, in which a job's newest snapshots are looked for
_SNAPSHOTS = frozenset({EventKind.SNAPSHOT_COMMITTED, EventKind.SNAPSHOT_FLUSHED})
STEPS_A_TICK = 10  # a job settles in a few; the rest is for the next tick


@dataclass(frozen=True, slots=True)
class Jobs:
    """Moves every job towards its end; safe to run at any time, and to be cut off at any time."""

    context: Context

    async def tick(self) -> None:
        """Take every step that can be taken now."""
        store = self.context.store
        names = {job.name for job in await store.jobs(live_only=True)}
        names |= {attempt.workload for attempt in await store.attempts(live_only=True)}
        names |= {instance.workload for instance in await store.instances(live_only=True) if instance.workload}
        for name in sorted(names):
            await self._settle(name)

    async def _settle(self, name: WorkloadName) -> None:
        for _ in range(STEPS_A_TICK):
            view = await self._view(name)
            if view is None:
                return
            actions = plan_job(view, now=self.context.clock.now())
            if not actions or not await self._take(view, actions):
                return

    async def _view(self, name: WorkloadName) -> JobView | None:
        store = self.context.store
        job = await store.job(name)
        if job is None:
            return None
        attempts = sorted(await store.attempts(workload=name), key=lambda attempt: attempt.number)
        instances = await store.instances(workload=name)
        return JobView(job=job, attempts=attempts, instances={i.id: i for i in instances})

    async def _take(self, view: JobView, actions: Sequence[Action]) -> bool:
        """Store what the actions mean, in one write; False if there was nothing that could be done."""
        now = self.context.clock.now()
        step = _Step(view, now)
        for action in actions:
            match action:
                case Place():
                    await self._place(view, step, action)
                case Run():
                    step.run(action)
                case Release():
                    step.release(action)
                case GiveUp():
                    step.give_up(action)
                case Dismiss():
                    step.dismiss(action)
                case Terminate():
                    step.terminate(action)
                case Move():
                    step.move(action)
                case _:
                    assert_never(action)
        if not step.records and not step.events:
            return False
        await self.context.store.save(*step.records, events=step.events)
        self.context.signal.notify()
        return True

    async def _place(self, view: JobView, step: _Step, action: Place) -> None:
        if step.job.lacks_place:
            return  # control.places makes it, or says why it cannot
        ahead = await self._ahead(view)
        ranking = await self.context.rank(step.job.spec.any_of, ahead, avoid=action.avoid)
        ranking = replace(ranking, best_first=[one for one in ranking.best_first if action.allows(one.offer)])
        if not ranking.best_first:
            step.wait(_no_offer(action))
            return
        refused = await refusal_of(self.context, ranking.best_first[0].offer, step.job, to_save=action.to_save)
        if refused:
            step.wait(refused)
            return
        rng = self.context.rng
        step.place(action, ranking, new_instance_id(rng), new_deployment_id(rng), self.context.payer)

    async def _ahead(self, view: JobView) -> WorkAhead:
        """What is left of the job, as far as it has shown."""
        snapshots: list[Event] = []
        if view.job.last_snapshot_at is not None:
            seq = await self.context.store.last_event_seq()
            wanted = EventFilter(kinds=_SNAPSHOTS, subject=view.job.name)
            snapshots = await self.context.store.events_after(
                max(0, seq - LOOKED_BACK), limit=LOOKED_BACK, wanted=wanted
            )
        return foresee_work(view, snapshots, data_at=self.context.data_at)


class _Step:
    """Collects what one round of actions writes: each record once, in its newest form."""

    def __init__(self, view: JobView, now: datetime) -> None:
        self._view = view
        self._now = now
        self._records: dict[str, Record] = {}
        self.events: list[Event] = []
        self.job = view.job

    @property
    def records(self) -> list[Record]:
        """Everything that changed."""
        return list(self._records.values())

    def place(
        self,
        action: Place,
        ranking: Ranking,
        instance_id: InstanceId,
        deployment_id: DeploymentId,
        payer: Callable[[str], str],
    ) -> None:
        job, number, offer = self.job, self.job.attempts + 1, ranking.best_first[0].offer
        instance = Instance(
            id=instance_id,
            deployment_id=deployment_id,
            offer=offer,
            state=InstanceState.REQUESTED,
            requested_at=self._now,
            name=f"{job.name}-{number}",
            workload=job.name,
        )
        deployment = Deployment(
            id=deployment_id,
            offer=offer,
            instance_ids=(instance_id,),
            state=DeploymentState.REQUESTED,
            requested_at=self._now,
            reason=action.reason,
            account=payer(offer.cloud),
            options=options_of(offer, job.spec.any_of, job.spec.machine),
        )
        attempt = Attempt(
            id=attempt_id(job.name, number),
            workload=job.name,
            number=number,
            instance_id=instance_id,
            state=AttemptState.PREPARING,
            created_at=self._now,
            reason=action.reason,
        )
        self._put(instance.id, instance)
        self._put(deployment.id, deployment)
        self._put(attempt.id, attempt)
        moved = job if job.state in _ON_ITS_WAY else job.to(JobState.PLACING)
        self._set_job(replace(moved, attempts=number, reason=action.reason))
        self._tell_placement(action, instance, attempt, ranking)

    def _tell_placement(self, action: Place, instance: Instance, attempt: Attempt, ranking: Ranking) -> None:
        offer = instance.offer
        price = float(offer.price_usd_per_hour)
        about = {"offer": offer.id, "price_usd_per_hour": price, "workload": self.job.name, "attempt": attempt.id}
        about |= ranking.story()
        if action.replaces is not None:
            data = {"instance": instance.id, "replaces": action.replaces, **about}
            self._tell(EventKind.REPLACEMENT_REQUESTED, self.job.name, action.reason, **data)
        self._tell(EventKind.INSTANCE_REQUESTED, instance.id, action.reason, deployment=instance.deployment_id, **about)

    def wait(self, reason: str) -> None:
        if self.job.reason != reason:
            self._set_job(replace(self.job, reason=reason))

    def run(self, action: Run) -> None:
        attempt = self._attempt(action.attempt).to(AttemptState.RUNNING, epoch=action.epoch, reason=action.reason)
        self._put(attempt.id, attempt)
        self._set_job(replace(self.job, epoch=action.epoch))

    def release(self, action: Release) -> None:
        attempt = self._attempt(action.attempt).to(AttemptState.RELEASING, reason=action.reason)
        self._put(attempt.id, attempt)
        instance = self._view.instances.get(attempt.instance_id)
        if instance is not None and instance.state is InstanceState.NOTICED:
            self._put(instance.id, instance.to(InstanceState.DRAINING))

    def give_up(self, action: GiveUp) -> None:
        attempt = self._attempt(action.attempt).to(AttemptState.LOST, ended_at=self._now, reason=action.reason)
        self._put(attempt.id, attempt)

    def dismiss(self, action: Dismiss) -> None:
        attempt = self._attempt(action.attempt).to(AttemptState.DISMISSED, ended_at=self._now, reason=action.reason)
        self._put(attempt.id, attempt)

    def terminate(self, action: Terminate) -> None:
        instance = self._view.instances[action.instance]
        self._put(instance.id, instance.to(InstanceState.TERMINATING, end_reason=action.reason))

    def move(self, action: Move) -> None:
        interruptions = self.job.interruptions + action.interrupted
        changes = {"reason": action.reason, "interruptions": interruptions, "exit_code": action.exit_code}
        job = self.job.to(action.state, **changes)
        if job.is_over:
            job = replace(job, ended_at=self._now)
        self._set_job(job)
        kind = _MOVED.get(action.state)
        if kind is not None:
            data = {"attempts": job.attempts, "interruptions": interruptions}
            self._tell(kind, job.name, action.reason, **data, exit_code=action.exit_code)

    def _attempt(self, wanted: str) -> Attempt:
        return next(attempt for attempt in self._view.attempts if attempt.id == wanted)

    def _set_job(self, job: Job) -> None:
        self.job = job
        self._put(f"job {job.name}", job)

    def _put(self, key: str, record: Record) -> None:
        self._records[key] = record

    def _tell(self, kind: EventKind, subject: str, reason: str, **data: object) -> None:
        self.events.append(Event(kind=kind, subject=subject, at=self._now, data=data, reason=reason))


def _no_offer(action: Place) -> str:
    kind = "" if action.purchase is None else f"{action.purchase.value.replace('_', '-')} "
    below = "" if action.below_usd_per_hour is None else f" below ${action.below_usd_per_hour.normalize():f}/h"
    barred = f"; refused: {action.barriers[0].reason}" if action.barriers else ""
    return f"no {kind}offer{below} meets the requirements now{barred}"


_ON_ITS_WAY = frozenset({JobState.PLACING, JobState.MIGRATING, JobState.RUNNING})
_MOVED = {
    JobState.QUEUED: EventKind.JOB_QUEUED,
    JobState.MIGRATING: EventKind.JOB_MIGRATING,
    JobState.SUCCEEDED: EventKind.JOB_SUCCEEDED,
    JobState.FAILED: EventKind.JOB_FAILED,
    JobState.STOPPED: EventKind.JOB_STOPPED,
}
