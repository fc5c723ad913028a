"""`/metrics`: the state of now for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from kyc.master.auth import Served
from kyc.master.metrics import CONTENT_TYPE, render
from kyc.master.routes.workloads import list_workloads

router = APIRouter(prefix="/metrics", tags=["master"])


@router.get("", response_class=PlainTextResponse)
async def scrape_metrics(served: Served) -> PlainTextResponse:
    """Tell workloads' unsafe bytes, recovery points, flush estimates and cost, and instances with their load."""
    instances = [(i, served.pulses.newest(i.id)) for i in await served.store.instances(live_only=True)]
    return PlainTextResponse(render(await list_workloads(served), instances), media_type=CONTENT_TYPE)
