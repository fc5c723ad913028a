"""`/sweep`: what runs and bills without being known here."""

from __future__ import annotations

from fastapi import APIRouter

from kyc.master.auth import Served
from kyc.wire.api import OrphanRow, SweepReply, SweepRequest

router = APIRouter(prefix="/sweep", tags=["clouds"])


@router.post("")
async def sweep_clouds(request: SweepRequest, served: Served) -> SweepReply:
    """Look at every cloud now; found orphans are removed at once if that is asked for, else after a grace time."""
    report = await served.sweeper.sweep(everywhere=request.everywhere, remove=request.remove)
    orphans = [
        OrphanRow(
            cloud=one.cloud,
            region=one.found.region,
            zone=one.found.zone,
            provider_id=one.found.provider_id,
            instance=one.found.instance_id,
            reason=one.reason,
            removed=one.removed,
        )
        for one in report.orphans
    ]
    return SweepReply(
        seen=report.seen,
        orphans=orphans,
        silent=dict(report.silent),
        workspaces=[str(one) for one in report.workspaces],
    )
