"""Asked before anything is bought: do the budgets allow it?"""

from __future__ import annotations

from decimal import Decimal

from kyc.control.context import Context
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job
from kyc.domain.offer import Offer
from kyc.planning.budget import Meter, job_meter, period_meter, refusal, spent_reason

NEXT_STEP = "`kyc budget list` shows the limits; `kyc budget set` raises one."


async def refusal_of(context: Context, offer: Offer, job: Job | None, *, count: int = 1, to_save: bool = False) -> str:
    """Return why `count` instances of the offer may not be bought now, for the job or bare; empty if they may."""
    meters = await _meters(context, job)
    return refusal(meters, offer.price_usd_per_hour * Decimal(count), to_save=to_save)


async def spent_for(context: Context, workload: WorkloadName | None) -> str:
    """Return which budget is spent, so that nothing may run for the workload (None: bare instances); empty if none."""
    job = None if workload is None else await context.store.job(workload)
    return spent_reason(await _meters(context, job))


async def _meters(context: Context, job: Job | None) -> list[Meter]:
    store, now = context.store, context.clock.now()
    budgets = await store.budgets(live_only=True)
    everything = await store.instances() if budgets else []
    meters = [period_meter(budget, everything, now=now) for budget in budgets]
    if job is not None and job.spec.budget_usd is not None:
        own = job_meter(job, await store.instances(workload=job.name), now=now)
        meters += [] if own is None else [own]
    return meters
