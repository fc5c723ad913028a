"""`/jobs`: new work."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Response, status

from kyc.domain.workload import JobSpec
from kyc.master.auth import Called, Served
from kyc.master.market_views import offer_row
from kyc.master.routes.workloads import job_row
from kyc.master.services import Services
from kyc.master.views import spec_view
from kyc.wire.api import JobPlan, JobRequest
from kyc.wire.workload_file import check_name, parse_workload

router = APIRouter(prefix="/jobs", tags=["workloads"])
_SHOWN = 20
_NO_OFFER = "no offer meets the job's resources now, and it waits until one does: `kyc offers` says what is in the way"


@router.post("", status_code=status.HTTP_201_CREATED, responses={200: {"model": JobPlan, "description": "A dry run"}})
async def submit_job(request: JobRequest, served: Served, called: Called, response: Response) -> JobPlan:
    """Store a new job, or with `dry_run` only say what it means: the parsed file, the offers in order, the price."""
    parsed = parse_workload(request.file)
    spec = _completed(served, parsed.spec, request)
    ranked = (await served.intents.rank(spec)).best_first[:_SHOWN]
    now = served.clock.now()
    offers = [offer_row(expected.offer, served.freshness, now=now) for expected in ranked]
    warnings = [*parsed.warnings] if offers else [*parsed.warnings, _NO_OFFER]
    row = None
    if request.dry_run:
        response.status_code = status.HTTP_200_OK
    else:
        job = await served.intents.submit_job(spec, user=called.name)
        spec, row = job.spec, await job_row(served, job)
    return JobPlan(
        name=spec.name,
        spec=spec_view(spec),
        warnings=warnings,
        offers=offers,
        expected_usd_per_hour=offers[0].price_usd_per_hour if offers else None,
        expected_usd_per_work_hour=round(ranked[0].usd_per_work_hour, 6) if ranked else None,
        row=row,
    )


def _completed(served: Services, spec: JobSpec, request: JobRequest) -> JobSpec:
    if request.workdir is not None and not request.dry_run:
        served.archives.path(request.workdir)  # raises if it was not uploaded
    name = spec.name if request.name is None else check_name(request.name)
    return replace(spec, name=name, workdir=request.workdir)
