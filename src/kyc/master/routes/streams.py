"""`/stream`: whether a stream can be relied on, and moving workloads to another."""

from __future__ import annotations

from fastapi import APIRouter

from kyc.domain.finding import Verdict
from kyc.domain.snapshot import StreamAccess
from kyc.master.auth import Served
from kyc.streams import check, shown
from kyc.wire.api import FindingRow, StreamCheck, StreamRequest

router = APIRouter(prefix="/stream", tags=["streams"])


@router.post("/check")
async def check_stream(request: StreamRequest, served: Served) -> StreamCheck:
    """Try a stream out from here: reach it, write, read, fence, delete. Everything made for it is removed again."""
    findings = await check(StreamAccess(url=request.url, workload="", token=request.token))
    return StreamCheck(
        url=shown(request.url),
        ok=not any(finding.verdict is Verdict.BAD for finding in findings),
        findings=[
            FindingRow(subject=one.subject, verdict=one.verdict.value, text=one.text, next_step=one.next_step)
            for one in findings
        ],
    )
