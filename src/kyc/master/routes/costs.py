"""`/cost`: what was spent and saved."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from kyc.master.auth import Served
from kyc.master.money import accounts_of, cost_report
from kyc.master.overview import cost_series
from kyc.master.routes.workloads import find_job
from kyc.master.views import BARE, by_workload
from kyc.wire.api import CostBy, CostReport, CostSeries

router = APIRouter(prefix="/cost", tags=["money"])


@router.get("")
async def get_cost(
    served: Served,
    name: Annotated[str | None, Query(description="Of this workload only; `-`: bare instances.")] = None,
    by: Annotated[CostBy, Query(description="A row for each workload, or for each UTC day.")] = CostBy.WORKLOAD,
) -> CostReport:
    """Say what was spent until now, what the same seconds would have cost on demand, and what interruptions cost."""
    store = served.store
    if name is None:
        owned, attempts = by_workload(await store.instances()), await store.attempts()
    elif name == BARE:
        owned, attempts = {BARE: by_workload(await store.instances()).get(BARE, [])}, []
    else:
        job = await find_job(served, name)
        owned = {name: await store.instances(workload=job.name)}
        attempts = await store.attempts(workload=job.name)
    now = served.clock.now()
    return cost_report(accounts_of(owned, attempts, now=now), by=by, now=now)


@router.get("/series")
async def get_cost_series(
    served: Served,
    name: Annotated[str | None, Query(description="Of this workload only.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Default: the first second that was billed.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Default, and at most: now.")] = None,
    step_s: Annotated[float | None, Query(ge=1, description="Default: about 200 steps.")] = None,
) -> CostSeries:
    """Say what was spent, and what the same time would have cost on demand, as sums that grow over time."""
    job = None if name is None else await find_job(served, name)
    instances = await served.store.instances(workload=None if job is None else job.name)
    now = served.clock.now()
    step = None if step_s is None else timedelta(seconds=step_s)
    return cost_series(instances, since, now if until is None else min(until, now), step)
