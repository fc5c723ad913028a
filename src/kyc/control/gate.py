"""Asked before anything is bought: do the budgets allow it?"""

from __future__ import annotations

from decimal import Decimal

from kyc.control.context import Context
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job
from kyc.domain.offer import Offer
from kyc.domain.service import Service
from kyc.planning.budget import Meter, own_meter, period_meter, refusal, spent_reason

NEXT_STEP = "`kyc budget list` shows the limits; `kyc budget set` raises one."


async def refusal_of(
    context: Context, offer: Offer, work: Job | Service | None, *, count: int = 1, to_save: bool = False
) -> str:
    """Return why `count` instances of the offer may not be bought now, for the work or bare; empty if they may."""
    meters = await _meters(context, work)
    return refusal(meters, offer.price_usd_per_hour * Decimal(count), to_save=to_save)


async def spent_for(context: Context, workload: WorkloadName | None) -> str:
    """Return which budget is spent, so that nothing may run for the workload (None: bare instances); empty if none."""
    work: Job | Service | None = None
    if workload is not None:
        work = await context.store.job(workload) or await context.store.service(workload)
    return spent_reason(await _meters(context, work))


async def _meters(context: Context, work: Job | Service | None) -> list[Meter]:
    store, now = context.store, context.clock.now()
    budgets = await store.budgets(live_only=True)
    everything = await store.instances() if budgets else []
    meters = [period_meter(budget, everything, now=now) for budget in budgets]
    if work is not None and work.spec.budget_usd is not None:
        own = own_meter(work, await store.instances(workload=work.name), now=now)
        meters += [] if own is None else [own]
    return meters
