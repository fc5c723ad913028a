"""`/deployments`: instances bought together."""

from __future__ import annotations

from fastapi import APIRouter, status

from kyc.master.auth import Served
from kyc.master.views import deployment_row
from kyc.wire.api import DeploymentRow, LaunchRequest

router = APIRouter(prefix="/deployments", tags=["instances"])


@router.post("", status_code=status.HTTP_201_CREATED)
async def launch_deployment(request: LaunchRequest, served: Served) -> DeploymentRow:
    """Ask for bare instances of one offer; of the cheapest spot offer if none is named."""
    return deployment_row(await served.intents.launch(request.offer, request.count))


@router.get("")
async def list_deployments(served: Served) -> list[DeploymentRow]:
    """List all deployments, destroyed ones too, the newest last."""
    return [deployment_row(deployment) for deployment in await served.store.deployments()]
