"""The budgets loop: holds what was spent against the limits, and does what follows; and what people ask of budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from kyc.control.context import Context, write_fresh
from kyc.domain.budget import WARN_AT, Budget, BudgetPeriod, BudgetStage
from kyc.domain.course import Leave
from kyc.domain.errors import ConflictError, InvalidInputError, NotFoundError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState, Job
from kyc.domain.offer import Offer
from kyc.domain.service import Service
from kyc.planning.budget import Meter, frugal_because, own_meter, period_meter, period_of, spent_reason
from kyc.planning.market import WorkAhead
from kyc.planning.overhead import restart_overhead
from kyc.planning.recovery import AVOID_POOL_FOR
from kyc.planning.spending import Spending, crossed, plan_leave, stop_reason
from kyc.ports.store import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one look at the store found."""

    instances: Sequence[Instance]
    attempts: Sequence[Attempt]
    shared: Sequence[Meter]


@dataclass(frozen=True, slots=True)
class Budgets:
    """Enforces budgets while things run. What is bought asks `control.gate` first."""

    context: Context

    async def tick(self) -> None:
        """Look at every budget once."""
        store = self.context.store
        budgets = await store.budgets(live_only=True)
        jobs, services = await store.jobs(live_only=True), await store.services(live_only=True)
        live: list[Job | Service] = [*jobs, *services]
        limited = [work for work in live if work.spec.budget_usd is not None]
        if not (budgets or limited or any(job.leave for job in jobs) or any(service.frugal for service in services)):
            return
        instances = await store.instances()
        meters = [period_meter(budget, instances, now=self.context.clock.now()) for budget in budgets]
        for budget, meter in zip(budgets, meters, strict=True):
            await self._note(budget, meter)
        seen = _Seen(instances=instances, attempts=await store.attempts(), shared=meters)
        for job in jobs:
            await write_fresh(lambda name=job.name: self._follow(name, seen))  # type: ignore[misc]
        for service in services:
            await write_fresh(lambda name=service.name: self._follow_service(name, seen))  # type: ignore[misc]
        if reason := spent_reason(meters):
            await self._end_bare(instances, reason)

    async def _note(self, budget: Budget, meter: Meter) -> None:
        """Store how far a period's budget has come, and tell each stage once."""
        now = self.context.clock.now()
        label, _ = period_of(budget.id, now)
        if (meter.stage, label) == (budget.stage, budget.stage_of):
            return
        events = [
            Event(kind=kind, subject=budget.id.value, at=now, data=_facts(meter), reason=meter.words())
            for kind in crossed(meter.reached, meter.stage)
        ]
        await self.context.store.save(replace(budget, stage=meter.stage, stage_of=label), events=events)
        self.context.signal.notify()

    async def _follow(self, name: WorkloadName, seen: _Seen) -> None:
        """Store what the budgets ask of one job, if that is not what is stored."""
        job = await self.context.store.job(name)
        if job is None or job.is_over:
            return
        spending = await self._spending(job, seen)
        own, stop = spending.own, stop_reason(spending)
        leave = None if stop else plan_leave(spending)
        changed = replace(
            job,
            budget_stage=job.budget_stage if own is None else own.stage,
            stop_requested=job.stop_requested or bool(stop),
            stop_reason=job.stop_reason if job.stop_requested else stop,
            leave=job.leave if _is_same_move(job.leave, leave) else leave,
        )
        if changed != job:
            await self.context.store.save(changed, events=self._events(job, changed, own, stop))
            self.context.signal.notify()

    async def _follow_service(self, name: WorkloadName, seen: _Seen) -> None:
        """Store what the budgets ask of one service: nothing, its fewest replicas, or its end."""
        service = await self.context.store.service(name)
        if service is None or service.is_over:
            return
        mine = [instance for instance in seen.instances if instance.workload == name]
        own = own_meter(service, mine, now=self.context.clock.now())
        meters = [*([] if own is None else [own]), *seen.shared]
        alive = any(not instance.is_over for instance in mine)
        stop = spent_reason(meters if alive else meters[: own is not None])
        frugal = frugal_because(meters)
        changed = replace(
            service,
            budget_stage=service.budget_stage if own is None else own.stage,
            stop_requested=service.stop_requested or bool(stop),
            stop_reason=service.stop_reason if service.stop_requested else stop,
            frugal=frugal if bool(frugal) != bool(service.frugal) else service.frugal,
        )
        if changed != service:
            await self.context.store.save(changed, events=self._events(service, changed, own, stop))
            self.context.signal.notify()

    async def _spending(self, job: Job, seen: _Seen) -> Spending:
        now = self.context.clock.now()
        mine = [instance for instance in seen.instances if instance.workload == job.name]
        own = own_meter(job, mine, now=now)
        working = _working(job, mine, seen.attempts)
        tight = any(m.stage.rank >= BudgetStage.ECONOMISING.rank for m in (*seen.shared, *([own] if own else [])))
        offers: list[Offer] = []
        if tight and working is not None:
            failed = {i.offer.pool for i in mine if i.interrupted_at and now - i.interrupted_at < AVOID_POOL_FOR}
            ranking = await self.context.rank(job.spec.any_of, WorkAhead())
            offers = [one.offer for one in ranking.best_first if one.offer.pool not in failed]
        cloud = working.offer.cloud if working is not None else ""
        overhead, _ = restart_overhead(seen.attempts, {i.id: i for i in seen.instances}, cloud=cloud)
        alive = any(not instance.is_over for instance in mine)
        return Spending(
            job=job, own=own, shared=seen.shared, working=working, alive=alive, offers=offers, overhead=overhead
        )

    def _events(self, before: Job | Service, after: Job | Service, own: Meter | None, stop: str) -> list[Event]:
        now = self.context.clock.now()
        events = []
        if own is not None:
            events += [
                Event(kind=kind, subject=after.name, at=now, data=_facts(own), reason=own.words())
                for kind in crossed(before.budget_stage, own.stage)
            ]
        if stop and not before.stop_requested and not any(e.kind is EventKind.BUDGET_STOPPED for e in events):
            events.append(Event(kind=EventKind.BUDGET_STOPPED, subject=after.name, at=now, reason=stop))
        if isinstance(before, Service) or isinstance(after, Service):
            return events
        if after.leave is not None and after.leave != before.leave:
            data = {"from": after.leave.instance, "below_usd_per_hour": float(after.leave.below_usd_per_hour)}
            reason = after.leave.reason
            events.append(Event(kind=EventKind.JOB_STEERED, subject=after.name, at=now, data=data, reason=reason))
        return events

    async def _end_bare(self, instances: Sequence[Instance], reason: str) -> None:
        for instance in instances:
            if instance.workload is None and not instance.is_over and instance.state is not InstanceState.TERMINATING:
                await write_fresh(lambda i=instance.id: self._end_one(i, reason))  # type: ignore[misc]

    async def _end_one(self, instance_id: InstanceId, reason: str) -> None:
        instance = await self.context.store.instance(instance_id)
        if instance is None or instance.is_over or instance.state is InstanceState.TERMINATING:
            return
        await self.context.store.save(instance.to(InstanceState.TERMINATING, end_reason=reason))
        self.context.signal.notify()

    # --- what people ask for ---

    async def meters(self) -> Mapping[str, Meter]:
        """Return every budget's meter: of periods under `day`, `month`, `total`, of live work under its name."""
        store, now = self.context.store, self.context.clock.now()
        instances = await store.instances()
        found = {b.id.value: period_meter(b, instances, now=now) for b in await store.budgets(live_only=True)}
        live: list[Job | Service] = [*await store.jobs(live_only=True), *await store.services(live_only=True)]
        for work in live:
            own = own_meter(work, [i for i in instances if i.workload == work.name], now=now)
            if own is not None:
                found[work.name] = own
        return found

    async def set(self, scope: str, limit_usd: Decimal, warn_at: Decimal = WARN_AT) -> None:
        """Set the budget of a period, or of a live workload by its name; what was reached is judged anew.

        Raise InvalidInputError for a limit below zero or a share outside 0 to 1, NotFoundError for an unknown name.
        """
        if not limit_usd.is_finite() or limit_usd < 0:
            raise InvalidInputError(f"a budget of {limit_usd} USD", next_step="Give a limit of 0 USD or more.")
        if not 0 < warn_at <= 1:
            raise InvalidInputError(f"a warning at {warn_at}", next_step="Give a share above 0 and at most 1, as 0.8.")
        await write_fresh(lambda: self._set(scope, limit_usd, warn_at))
        self.context.signal.notify()

    async def remove(self, scope: str) -> None:
        """Remove the budget of a period, or of a live workload; raise NotFoundError if there is none."""
        await write_fresh(lambda: self._remove(scope))
        self.context.signal.notify()

    async def _set(self, scope: str, limit_usd: Decimal, warn_at: Decimal) -> None:
        record: Record
        if scope in set(BudgetPeriod):
            before = await self.context.store.budget(BudgetPeriod(scope))
            record = Budget(
                id=BudgetPeriod(scope),
                limit_usd=limit_usd,
                set_at=self.context.clock.now(),
                warn_at=warn_at,
                version=0 if before is None else before.version,
            )
        else:
            record = _limited(await self._work(scope), limit_usd)
        await self.context.store.save(record)

    async def _remove(self, scope: str) -> None:
        if scope in set(BudgetPeriod):
            budget = await self.context.store.budget(BudgetPeriod(scope))
            if budget is None or budget.removed:
                raise NotFoundError(f"there is no budget for {scope}", next_step="`kyc budget list` shows them.")
            await self.context.store.save(replace(budget, removed=True, stage_of=""))
            return
        await self.context.store.save(_limited(await self._work(scope), None))

    async def _work(self, name: str) -> Job | Service:
        store = self.context.store
        job = await store.job(WorkloadName(name)) or await store.service(WorkloadName(name))
        if job is None:
            raise NotFoundError(
                f"no period and no workload is called {name[:80]!r}",
                next_step="Name day, month, total, or a workload of `kyc ps`.",
            )
        if job.is_over:
            raise ConflictError(f"{name} is {job.state}: it spends nothing more", next_step="`kyc ps` lists what runs.")
        return job


def _limited(work: Job | Service, limit_usd: Decimal | None) -> Job | Service:
    """Return it with this budget of its own, judged anew."""
    if isinstance(work, Service):
        return replace(work, spec=replace(work.spec, budget_usd=limit_usd), budget_stage=BudgetStage.OPEN, frugal="")
    return replace(work, spec=replace(work.spec, budget_usd=limit_usd), budget_stage=BudgetStage.OPEN, leave=None)


def _working(job: Job, mine: Sequence[Instance], attempts: Sequence[Attempt]) -> Instance | None:
    """Return the instance on which the job works now, None if on none."""
    running = {a.instance_id for a in attempts if a.workload == job.name and a.state is AttemptState.RUNNING}
    return next((instance for instance in mine if instance.id in running), None)


def _is_same_move(before: Leave | None, after: Leave | None) -> bool:
    """Say whether the move that is under way goes on: a price that changes meanwhile does not begin another."""
    return before is not None and after is not None and before.instance == after.instance


def _facts(meter: Meter) -> dict[str, object]:
    return {
        "limit_usd": float(meter.limit_usd),
        "spent_usd": float(meter.spent_usd),
        "per_hour_usd": float(meter.per_hour_usd),
        "stage": meter.stage.value,
    }
