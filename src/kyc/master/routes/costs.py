"""`/cost`: what was spent and saved."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from kyc.domain.ids import WorkloadName
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt
from kyc.master.auth import Served
from kyc.master.money import accounts_of, cost_report
from kyc.master.overview import cost_series
from kyc.master.routes.workloads import find_job
from kyc.master.services import Services
from kyc.master.views import BARE, by_workload
from kyc.wire.api import CostBy, CostReport, CostSeries

router = APIRouter(prefix="/cost", tags=["money"])


@router.get("")
async def get_cost(
    served: Served,
    name: Annotated[str | None, Query(description="Of this workload only; `-`: bare instances.")] = None,
    by: Annotated[CostBy, Query(description="A row for each workload, each UTC day, or each user.")] = CostBy.WORKLOAD,
) -> CostReport:
    """Say what was spent until now, what the same seconds would have cost on demand, and what interruptions cost."""
    owned, attempts = await _owned(served, name)
    now = served.clock.now()
    if by is not CostBy.USER:
        return cost_report(accounts_of(owned, attempts, now=now), by=by, now=now)
    bare = {one.deployment_id for one in owned.get(BARE, ())}
    for deployment in bare:
        owned[deployment] = [one for one in owned[BARE] if one.deployment_id == deployment]
    owned.pop(BARE, None)
    return cost_report(accounts_of(owned, attempts, now=now), by=by, now=now, users=await _users(served))


async def _owned(served: Services, name: str | None) -> tuple[dict[str, list[Instance]], list[Attempt]]:
    """Return the instances under their workloads' names, and the attempts of these: all, or one workload's."""
    store = served.store
    if name is None:
        return by_workload(await store.instances()), await store.attempts()
    if name == BARE:
        return {BARE: by_workload(await store.instances()).get(BARE, [])}, []
    workload = await _workload(served, name)
    return {name: await store.instances(workload=workload)}, await store.attempts(workload=workload)


async def _workload(served: Services, name: str) -> WorkloadName:
    """Return the service's or the job's name; NotFoundError if there is neither."""
    service = await served.store.service(WorkloadName(name))
    return (await find_job(served, name)).name if service is None else service.name


async def _users(served: Services) -> dict[str, str]:
    """Return who asked for each workload and each deployment."""
    store = served.store
    users = {str(job.name): job.user for job in await store.jobs()}
    users |= {service.name: service.user for service in await store.services()}
    return users | {deployment.id: deployment.user for deployment in await store.deployments()}


@router.get("/series")
async def get_cost_series(
    served: Served,
    name: Annotated[str | None, Query(description="Of this workload only.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Default: the first second that was billed.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Default, and at most: now.")] = None,
    step_s: Annotated[float | None, Query(ge=1, description="Default: about 200 steps.")] = None,
) -> CostSeries:
    """Say what was spent, and what the same time would have cost on demand, as sums that grow over time."""
    instances = await served.store.instances(workload=None if name is None else await _workload(served, name))
    now = served.clock.now()
    step = None if step_s is None else timedelta(seconds=step_s)
    return cost_series(instances, since, now if until is None else min(until, now), step)
