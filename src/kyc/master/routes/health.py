"""`/health`, open to all."""

from __future__ import annotations

from fastapi import APIRouter

from kyc.master.auth import Served
from kyc.wire.api import Health

router = APIRouter(tags=["master"])


@router.get("/health")
async def get_health(served: Served) -> Health:
    """Say whether this is a master, which one, and whether it is ready."""
    identity = served.identity
    return Health(
        version=identity.version,
        master_id=identity.master_id,
        started_at=identity.started_at,
        ready=not served.closing.is_set(),
        pid=identity.pid,
    )
