"""`/cost`: what was spent and saved."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from kyc.master.auth import Served
from kyc.master.routes.workloads import find_job
from kyc.master.views import BARE, by_workload, cost_report
from kyc.wire.api import CostReport

router = APIRouter(prefix="/cost", tags=["money"])


@router.get("")
async def get_cost(
    served: Served, name: Annotated[str | None, Query(description="Of this workload only; `-`: bare instances.")] = None
) -> CostReport:
    """Say what each workload cost until now, and what the same seconds would have cost on demand."""
    if name is None:
        owned = by_workload(await served.store.instances())
    elif name == BARE:
        owned = {BARE: by_workload(await served.store.instances()).get(BARE, [])}
    else:
        job = await find_job(served, name)
        owned = {name: await served.store.instances(workload=job.name)}
    return cost_report(owned, now=served.clock.now())
