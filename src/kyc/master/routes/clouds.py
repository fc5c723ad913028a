"""`/clouds`: where things can be bought."""

from __future__ import annotations

from fastapi import APIRouter

from kyc.master.auth import Served
from kyc.wire.api import CloudRow

router = APIRouter(prefix="/clouds", tags=["offers"])


@router.get("")
async def list_clouds(served: Served) -> list[CloudRow]:
    """List the registered clouds, and whether each works."""
    found = await served.operations.clouds()
    return [CloudRow(name=cloud.name, ready=cloud.ready, message=cloud.message) for cloud in found]
