"""The deadlines loop: asks the policy of every job with a deadline, once a tick, and stores its course."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from kyc.control.context import Context, write_fresh
from kyc.domain.course import Course, Learned
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, Job
from kyc.domain.offer import Purchase
from kyc.planning.ahead import WorkLeft, work_left
from kyc.planning.course import (
    Situation,
    available,
    facts_of,
    is_moving,
    plan_course,
    running_of,
    safe_course,
    tick_of,
    word_of,
)
from kyc.planning.deadline import Choice, DeadlinePolicy, JobTerms
from kyc.planning.market import WorkAhead
from kyc.planning.overhead import restart_overhead
from kyc.planning.recovery import JobView
from kyc.planning.zones import LONGEST_RUN_S

log = logging.getLogger(__name__)
KEPT_EVERY_TICKS = 10  # what was learned since then is lost with the master
_NEAR = 0.10  # terms that differ by less are the same: the plan is not made anew for every cent


@dataclass(slots=True)
class _Minded:
    """A job's policy, when (monotonic) it is to decide again, what ran when it decided last.

    `kept_at_s` is when what it learned was stored last.
    """

    policy: DeadlinePolicy | None = None
    again_at_s: float = float("-inf")
    kept_at_s: float = float("-inf")
    running: Choice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    instances: Sequence[Instance]
    attempts: Sequence[Attempt]


@dataclass(slots=True)
class Deadlines:
    """Keeps a policy for each job with a deadline: in memory, but what they learn of spot capacity with the job."""

    context: Context
    _minded: dict[WorkloadName, _Minded] = field(default_factory=dict)

    async def tick(self) -> None:
        """Decide for every job whose time has come, or whose situation has changed."""
        store = self.context.store
        jobs = [job for job in await store.jobs(live_only=True) if job.spec.deadline is not None]
        self._minded = {job.name: self._minded.get(job.name, _Minded()) for job in jobs}
        if not jobs:
            return
        seen = _Seen(instances=await store.instances(), attempts=await store.attempts())
        for job in jobs:
            if not job.stop_requested:
                await self._decide(job, seen)

    async def _decide(self, job: Job, seen: _Seen) -> None:
        """Decide for one job, if its tick is over or what runs has changed; a move under way is finished first."""
        view = _view(job, seen)
        late = self.context.clock.now() - job.requested_at - (job.spec.deadline or timedelta())
        if late > timedelta() and not job.deadline_missed:
            await write_fresh(lambda: self._miss(job.name, late.total_seconds()))
        minded, clock_s, running = self._minded[job.name], self.context.clock.monotonic_s(), running_of(view)
        due = clock_s >= minded.again_at_s or running is not minded.running
        if not due or is_moving(view):
            return
        situation = await self._situation(view, seen)
        work = work_left(view)
        course = await self._course(situation, minded, work)
        minded.again_at_s, minded.running = clock_s + situation.tick_s, running
        learned = minded.policy.belief.learned() if minded.policy else None
        if learned is not None and clock_s >= minded.kept_at_s + KEPT_EVERY_TICKS * situation.tick_s:
            await write_fresh(lambda: self._keep(job.name, learned))
            minded.kept_at_s = clock_s
        is_same = (word_of(course), course.below_usd_per_hour) == (word_of(job.course), job.course.below_usd_per_hour)
        if not is_same or not job.course.reason:
            await write_fresh(lambda: self._steer(job.name, situation, work, course))

    async def _situation(self, view: JobView, seen: _Seen) -> Situation:
        now, spec = self.context.clock.now(), view.job.spec
        ranking = await self.context.rank(spec.any_of, WorkAhead())
        offers = [one.offer for one in ranking.best_first]
        assert spec.deadline is not None  # only such jobs come here
        tick_s = tick_of(spec.deadline, {offer.cloud for offer in offers})
        by_id = {instance.id: instance for instance in seen.instances}
        overhead, samples = restart_overhead(seen.attempts, by_id, cloud=offers[0].cloud if offers else "")
        spot = available(offers, seen.instances, Purchase.SPOT, tick_s=tick_s, now=now)
        rates = {one.offer.id: one.interruptions_per_hour for one in ranking.best_first}
        rate = 0.0 if spot is None else rates[spot.id]
        return Situation(
            view=view,
            spot=spot,
            spot_stays_s=min(LONGEST_RUN_S, 3600 / rate) if rate > 0 else LONGEST_RUN_S,
            on_demand=available(offers, seen.instances, Purchase.ON_DEMAND, tick_s=tick_s, now=now),
            overhead=overhead,
            samples=samples,
            tick_s=tick_s,
            now=now,
        )

    async def _course(self, situation: Situation, minded: _Minded, work: WorkLeft | None) -> Course:
        if work is None:
            return safe_course(situation)
        terms = situation.terms(work)
        if terms is None:
            return Course(reason="no offer meets the requirements now")
        # In a thread: a plan may take a second of arithmetic, and agents are to be heard meanwhile.
        policy = await asyncio.to_thread(_policy, minded.policy, terms, situation.view.job.learned)
        minded.policy = policy
        return await asyncio.to_thread(plan_course, situation, policy, work)

    async def _steer(self, name: WorkloadName, situation: Situation, work: WorkLeft | None, course: Course) -> None:
        job = await self.context.store.job(name)
        if job is None or job.is_over or job.stop_requested:
            return
        data = facts_of(situation, work, job.course, course)
        event = Event(kind=EventKind.JOB_STEERED, subject=name, at=situation.now, data=data, reason=course.reason)
        await self.context.store.save(replace(job, course=course), events=[event])
        self.context.signal.notify()

    async def _keep(self, name: WorkloadName, learned: Learned) -> None:
        job = await self.context.store.job(name)
        if job is not None and not job.is_over:
            await self.context.store.save(replace(job, learned=learned))

    async def _miss(self, name: WorkloadName, late_s: float) -> None:
        job = await self.context.store.job(name)
        if job is None or job.is_over or job.deadline_missed:
            return
        event = Event(
            kind=EventKind.DEADLINE_MISSED,
            subject=name,
            at=self.context.clock.now(),
            data={"late_s": round(late_s, 1), "step": job.step, "total": job.step_total},
            reason="the deadline has passed; the job goes on",
        )
        await self.context.store.save(replace(job, deadline_missed=True), events=[event])


def _view(job: Job, seen: _Seen) -> JobView:
    attempts = sorted((a for a in seen.attempts if a.workload == job.name), key=lambda a: a.number)
    return JobView(job=job, attempts=attempts, instances={i.id: i for i in seen.instances if i.workload == job.name})


def _policy(before: DeadlinePolicy | None, terms: JobTerms, learned: Learned | None) -> DeadlinePolicy:
    """Return the policy that was, or where the terms are others a new one with its belief or what was kept of one."""
    if before is not None and _is_near(before.terms, terms):
        return before
    policy = DeadlinePolicy.plan(terms)
    if before is not None:
        policy.belief = before.belief
    elif learned is not None and not policy.belief.recall(learned):
        log.info("learned_of_another_prior", extra={"source": learned.source})
    return policy


def _is_near(one: JobTerms, other: JobTerms) -> bool:
    """Say whether a plan for one still serves the other. Work left is told with each observation, so it may differ."""
    names = ("deadline_s", "restart_overhead_s", "tick_s", "spot_price", "on_demand_price")
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    return all(a == b or (a != a and b != b) or abs(a - b) <= _NEAR * max(abs(a), abs(b)) for a, b in pairs)  # noqa: PLR0124  # NaN
