"""`/workloads/{name}/snapshots`: the files that are safe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from kyc.master.auth import Served
from kyc.master.routes.workloads import find_job
from kyc.master.views import snapshot_row
from kyc.wire.api import SnapshotRow

router = APIRouter(prefix="/workloads/{name}/snapshots", tags=["workloads"])


@router.get("")
async def list_snapshots(name: str, served: Served) -> list[SnapshotRow]:
    """List the committed snapshots, newest first."""
    job = await find_job(served, name)
    found = await served.snapshots.list(job.name)
    return [snapshot_row(summary) for summary in sorted(found, key=lambda summary: -summary.sequence)]


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
