"""`/workloads/{name}/logs`: what the work printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from kyc.master import sse
from kyc.master.auth import Called, Served
from kyc.master.routes.workloads import find_job
from kyc.master.views import log_row
from kyc.wire.api import LogRow

router = APIRouter(prefix="/workloads/{name}/logs", tags=["workloads"])


@router.get("")
async def list_logs(
    name: str,
    served: Served,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[LogRow]:
    """Read the output after a sequence number, oldest first, in whole lines."""
    job = await find_job(served, name)
    return [log_row(lines) for lines in await served.store.logs_after(job.name, after, limit=limit)]


@router.get("/stream", response_class=StreamingResponse, responses=sse.DOCUMENTED)
async def stream_logs(name: str, served: Served, after: sse.ResumeAfter, caller: Called) -> StreamingResponse:
    """Follow the output as server-sent events named `log`; `data` is a row as the list has it."""
    job = await find_job(served, name)

    async def page(seq: int) -> Sequence[sse.Item]:
        found = await served.store.logs_after(job.name, seq, limit=sse.PAGE)
        return [sse.Item(seq=lines.seq, name="log", row=log_row(lines)) for lines in found]

    return sse.stream(served, page, after, caller)
