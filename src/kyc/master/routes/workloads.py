"""`/workloads`: what runs, and its end."""

from __future__ import annotations

import re
from dataclasses import replace

from fastapi import APIRouter, status

from kyc.domain.errors import NotFoundError
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Attempt, AttemptState, Job
from kyc.domain.service import Service
from kyc.master.auth import Called, Served
from kyc.master.overview import recovery_row
from kyc.master.routes.overview import told_of_interruptions
from kyc.master.service_views import service_spec_view, workload_row_of
from kyc.master.services import Services
from kyc.master.views import attempt_row, by_workload, spec_view, workload_row
from kyc.planning.recoveries import recoveries
from kyc.wire.agent import Pulse
from kyc.wire.api import WorkloadDetail, WorkloadRow

router = APIRouter(prefix="/workloads", tags=["workloads"])
_NUMBERED = re.compile(r"-\d+$")
_WORKING = {AttemptState.RUNNING, AttemptState.RELEASING}


@router.get("")
async def list_workloads(served: Served) -> list[WorkloadRow]:
    """List all workloads, ended ones too, the newest last."""
    jobs = await served.store.jobs()
    owned = by_workload(await served.store.instances())
    attempts = await served.store.attempts(live_only=True)
    now = served.clock.now()
    rows = [workload_row(job, owned.get(job.name, []), pulse_of(served, job, attempts), now=now) for job in jobs]
    rows += [workload_row_of(s, owned.get(s.name, []), now=now) for s in await served.store.services()]
    return sorted(rows, key=lambda row: row.requested_at or now)


@router.get("/{name}")
async def get_workload(name: str, served: Served) -> WorkloadDetail:
    """Show one workload: its line, its file's content as understood, attempts and interruptions, the newest last."""
    service = await served.store.service(WorkloadName(name))
    if service is not None:
        row = await _service_row(served, service)
        return WorkloadDetail(row=row, spec=service_spec_view(service.spec), attempts=[])
    job = await find_job(served, name)
    attempts = await served.store.attempts(workload=job.name)
    told = await told_of_interruptions(served.store) if job.attempts > 1 or job.interruptions else []
    return WorkloadDetail(
        row=await job_row(served, job),
        spec=spec_view(job.spec),
        attempts=[attempt_row(a) for a in attempts],
        recoveries=[recovery_row(one) for one in recoveries(told) if one.workload == job.name],
    )


@router.post("/{name}/stop")
async def stop_workload(name: str, served: Served) -> WorkloadRow:
    """Ask the workload to stop: files are flushed and requests answered first. One that is over stays as it is."""
    if await served.store.service(WorkloadName(name)) is not None:
        return await _service_row(served, await served.servings.stop(WorkloadName(name)))
    return await job_row(served, await served.intents.stop(WorkloadName(name)))


@router.post("/{name}/rerun", status_code=status.HTTP_201_CREATED)
async def rerun_workload(name: str, served: Served, called: Called) -> WorkloadRow:
    """Submit a job's file anew, with the same workdir, under the next free name; its deadline and budget begin anew."""
    job = await find_job(served, name)
    if job.spec.workdir is not None:
        served.archives.path(job.spec.workdir)  # raises if it is gone
    base = _NUMBERED.sub("", job.name)
    first = job.name if await served.store.job(WorkloadName(base)) is None else WorkloadName(base)
    again = await served.intents.submit_job(replace(job.spec, name=first), user=called.name)
    return await job_row(served, again)


async def find_name(served: Services, name: str) -> WorkloadName:
    """Return the name of a service or a job; raise NotFoundError if there is none."""
    service = await served.store.service(WorkloadName(name))
    return service.name if service is not None else (await find_job(served, name)).name


async def _service_row(served: Services, service: Service) -> WorkloadRow:
    instances = await served.store.instances(workload=service.name)
    return workload_row_of(service, instances, now=served.clock.now())


async def find_job(served: Services, name: str) -> Job:
    """Return the job of the name; raise NotFoundError if there is none."""
    job = await served.store.job(WorkloadName(name))
    if job is None:
        raise NotFoundError(f"no workload is called {name[:80]!r}", next_step="`kyc ps` lists them.")
    return job


async def job_row(served: Services, job: Job) -> WorkloadRow:
    """Return the job's line, with what its instances cost so far."""
    instances = await served.store.instances(workload=job.name)
    attempts = await served.store.attempts(workload=job.name, live_only=True)
    return workload_row(job, instances, pulse_of(served, job, attempts), now=served.clock.now())


def pulse_of(served: Services, job: Job, attempts: list[Attempt]) -> Pulse | None:
    """Return the newest heartbeat of the instance that works for the job; None if none does."""
    working = [a for a in attempts if a.workload == job.name and a.state in _WORKING]
    pulse = served.pulses.newest(working[-1].instance_id) if working else None
    return pulse if pulse is not None and pulse.attempt == working[-1].id else None
