"""`/catalog`: where prices come from, how old they are, and bringing in new ones."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Request, status

from kyc.master.auth import Served
from kyc.master.market_views import catalog_report
from kyc.master.services import Services
from kyc.wire.api import CatalogReport, ImportReport, RefreshRequest

router = APIRouter(prefix="/catalog", tags=["offers"])


@router.get("")
async def show_catalog(served: Served) -> CatalogReport:
    """Count the prices by cloud, region, source and kind, with their ages; list the feeds."""
    return await _report(served)


@router.post("/refresh", status_code=status.HTTP_202_ACCEPTED)
async def refresh_catalog(request: RefreshRequest, served: Served) -> CatalogReport:
    """Have feeds asked; it returns at once, and `GET /catalog` shows how they fare."""
    await served.prices.ask(request.cloud)
    return await _report(served)


@router.put("/tables/{sha256}")
async def import_table(
    sha256: str, request: Request, served: Served, content_length: Annotated[int | None, Header()] = None
) -> ImportReport:
    """Take the prices of a csv or csv.gz file, uploaded under the SHA-256 of its bytes; newer prices stay."""
    await served.tables.put(sha256, request.stream(), announced_bytes=content_length)
    path = served.tables.path(sha256)
    try:
        taken = await served.prices.import_table(path)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    return ImportReport(prices=taken.prices, machines=taken.machines, left_out=taken.left_out)


async def _report(served: Services) -> CatalogReport:
    prices = served.prices
    coverage, feeds = await prices.coverage(), await prices.feeds()
    return catalog_report(coverage, feeds, prices.pending(), served.freshness, now=served.clock.now())
