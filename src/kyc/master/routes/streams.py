"""`/stream`: whether a stream can be relied on, and moving workloads to another."""

from __future__ import annotations

from fastapi import APIRouter

from kyc.domain.errors import InvalidInputError
from kyc.domain.finding import Verdict
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job
from kyc.master.auth import Served
from kyc.master.services import Services
from kyc.streams import check, shown
from kyc.wire.api import FindingRow, MigrateRequest, MigrationRow, StreamCheck, StreamRequest, StreamState

router = APIRouter(prefix="/stream", tags=["streams"])


@router.get("")
async def get_stream(served: Served) -> StreamState:
    """Say which stream new jobs' files go to."""
    return StreamState(url=served.moves.usual)


@router.post("/check")
async def check_stream(request: StreamRequest, served: Served) -> StreamCheck:
    """Try a stream out from here: reach it, write, read, fence, delete. Everything made for it is removed again."""
    access = served.moves.book.look_up(request.url, request.token)
    if access is None:
        step = "`kyc stream migrate embedded` moves there."
        raise InvalidInputError("the embedded stream needs no check", next_step=step)
    findings = await check(access)
    return StreamCheck(
        url=shown(request.url),
        ok=not any(finding.verdict is Verdict.BAD for finding in findings),
        findings=[
            FindingRow(subject=one.subject, verdict=one.verdict.value, text=one.text, next_step=one.next_step)
            for one in findings
        ],
    )


@router.post("/migrate", status_code=202)
async def migrate_workloads(request: MigrateRequest, served: Served) -> list[MigrationRow]:
    """Have workloads moved to another stream; `GET /stream/migrations` and the timeline say how far they are."""
    names = [WorkloadName(name) for name in request.workloads]
    return [_row(served, job) for job in await served.moves.ask(request.url, request.token, names)]


@router.get("/migrations")
async def list_migrations(served: Served) -> list[MigrationRow]:
    """Say which stream each workload's files lie in, and which are on their way to another."""
    return [_row(served, job) for job in await served.store.jobs()]


def _row(served: Services, job: Job) -> MigrationRow:
    move, source = job.move, served.moves.lies_in(job)
    if move is None:
        return MigrationRow(name=job.name, state="stays", source=source)
    headway = served.moves.headway.get(job.name)
    return MigrationRow(
        name=job.name,
        state="switching" if move.holds or job.is_over else "copying",
        source=source,
        target=move.to,
        snapshots=0 if headway is None else headway.snapshots,
        copied_bytes=0 if headway is None else headway.copied_bytes,
        total_bytes=0 if headway is None else headway.total_bytes,
        error=move.error,
        since=move.since,
    )
