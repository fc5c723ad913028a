"""`/cost`: what was spent and saved."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from kyc.master.auth import Served
from kyc.master.money import accounts_of, cost_report
from kyc.master.routes.workloads import find_job
from kyc.master.views import BARE, by_workload
from kyc.wire.api import CostBy, CostReport

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
