"""`/workloads/{name}/snapshots`: the files that are safe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from kyc.master.auth import Served
from kyc.master.longwork import DOCUMENTED, OnProgress, answer
from kyc.master.routes.workloads import find_job
from kyc.master.views import snapshot_row, verified_row
from kyc.wire.api import SnapshotDifference, SnapshotRow, VerificationReport
from kyc.wire.text import legible

router = APIRouter(prefix="/workloads/{name}/snapshots", tags=["workloads"])


@router.get("")
async def list_snapshots(name: str, served: Served) -> list[SnapshotRow]:
    """List the committed snapshots, newest first."""
    job = await find_job(served, name)
    found = await served.snapshots.list(job.name)
    return [snapshot_row(summary) for summary in sorted(found, key=lambda summary: -summary.sequence)]


@router.get("/diff")
async def diff_snapshots(name: str, older: int, newer: int, served: Served) -> SnapshotDifference:
    """Say which paths were added, removed or changed from one snapshot to another."""
    job = await find_job(served, name)
    found = await served.snapshots.diff(job.name, older, newer)
    return SnapshotDifference(
        older=older,
        newer=newer,
        added=[legible(path) for path in found.added],
        removed=[legible(path) for path in found.removed],
        changed=[legible(path) for path in found.changed],
    )


@router.get("/{sequence}/verification", response_class=StreamingResponse, responses=DOCUMENTED)
async def verify_snapshots(name: str, sequence: int | Literal["latest", "all"], served: Served) -> StreamingResponse:
    """Read every chunk back and check it: `progress` events, then `result` (VerificationReport) or `problem`."""
    job = await find_job(served, name)

    async def work(tell: OnProgress) -> VerificationReport:
        wanted = sequence if isinstance(sequence, int) else None
        found = await served.snapshots.verify(job.name, wanted, tell, everything=sequence == "all")
        ok = all(one.is_whole for one in found)
        return VerificationReport(name=job.name, ok=ok, snapshots=[verified_row(one) for one in found])

    return answer(work)


@router.get("/{sequence}/files", response_class=StreamingResponse)
async def get_files(name: str, sequence: int | Literal["latest"], served: Served) -> StreamingResponse:
    """Download a snapshot's files as tar. A stream that breaks off has no end mark: tar then says so."""
    job = await find_job(served, name)
    blocks = served.snapshots.tar(job.name, None if sequence == "latest" else sequence)
    first = await anext(blocks, b"")  # what cannot be had at all is told as a problem, before the headers are sent
    return StreamingResponse(_joined(first, blocks), media_type="application/x-tar")


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in rest:
        yield block
