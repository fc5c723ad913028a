"""`/workloads/{name}/logs`: what the work printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from kyc.master import sse
from kyc.master.auth import Called, Served
from kyc.master.routes.workloads import find_name
from kyc.master.views import log_row
from kyc.wire.api import LogRow

router = APIRouter(prefix="/workloads/{name}/logs", tags=["workloads"])


@router.get("")
async def list_logs(
    name: str,
    served: Served,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    attempt: Annotated[str | None, Query(description="Only of this attempt of a job, or replica of a service.")] = None,
) -> list[LogRow]:
    """Read the output after a sequence number, oldest first, in whole lines; of one attempt or replica, or all."""
    found: list[LogRow] = []
    workload = await find_name(served, name)
    while len(found) < limit:
        page = await served.store.logs_after(workload, after, limit=limit)
        found += [log_row(lines) for lines in page if attempt in {None, lines.attempt}]
        if attempt is None or not page:
            break
        after = page[-1].seq
    return found[:limit]


@router.get("/stream", response_class=StreamingResponse, responses=sse.DOCUMENTED)
async def stream_logs(
    name: str,
    served: Served,
    after: sse.ResumeAfter,
    caller: Called,
    attempt: Annotated[str | None, Query(description="As in the list.")] = None,
) -> StreamingResponse:
    """Follow the output as server-sent events named `log`; `data` is a row as the list has it."""
    workload = await find_name(served, name)
    read = after  # beyond what was sent, where the last lines read are another's

    async def page(seq: int) -> Sequence[sse.Item]:
        nonlocal read
        read = max(read, seq)
        while found := await served.store.logs_after(workload, read, limit=sse.PAGE):
            read = found[-1].seq
            mine = [lines for lines in found if attempt in {None, lines.attempt}]
            if mine:
                return [sse.Item(seq=lines.seq, name="log", row=log_row(lines)) for lines in mine]
        return []

    return sse.stream(served, page, after, caller)
