"""`/deployments`: instances bought together."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from fastapi import APIRouter, status

from kyc.domain.errors import InvalidInputError
from kyc.domain.launch import LaunchOptions, LaunchWish, OnInterruption
from kyc.domain.offer import Purchase
from kyc.master.auth import Called, Served
from kyc.master.views import deployment_row, usd
from kyc.wire.api import DeploymentRow, ExportReport, LaunchReport, LaunchRequest, PlannedRow

router = APIRouter(prefix="/deployments", tags=["instances"])


@router.post("", status_code=status.HTTP_201_CREATED)
async def launch_deployment(request: LaunchRequest, served: Served, called: Called) -> DeploymentRow:
    """Ask for bare instances of one offer; of the cheapest spot offer that fits if none is named."""
    return deployment_row(await served.launches.launch(replace(_wish(request), user=called.name)))


@router.post("/plan")
async def plan_deployment(request: LaunchRequest, served: Served) -> LaunchReport:
    """Have Terraform say what a launch would make, and what it would cost; nothing is bought."""
    plan = await served.launches.plan(_wish(request))
    offer, count = plan.deployment.offer, len(plan.deployment.instance_ids)
    return LaunchReport(
        offer=offer.id,
        count=count,
        account=plan.deployment.account,
        price_usd_per_hour=usd(offer.price_usd_per_hour),
        total_usd_per_hour=usd(offer.price_usd_per_hour * count),
        on_demand_usd_per_hour=usd(offer.on_demand_usd_per_hour * count),
        resources=[PlannedRow(address=one.address, action=one.action, shared=one.shared) for one in plan.resources],
        lines=list(plan.lines),
    )


@router.get("/export")
async def export_deployments(served: Served) -> ExportReport:
    """Give Terraform's files of everything that exists, to go on without this master."""
    return ExportReport(files=dict(await served.provisioner.export()))


@router.get("")
async def list_deployments(served: Served) -> list[DeploymentRow]:
    """List all deployments, destroyed ones too, the newest last."""
    return [deployment_row(deployment) for deployment in await served.store.deployments()]


def _wish(request: LaunchRequest) -> LaunchWish:
    kinds = [kind.value for kind in OnInterruption]
    if request.on_interruption not in kinds:
        raise InvalidInputError(f"body.on_interruption: it is one of {', '.join(kinds)}")
    price = request.max_price_usd_per_hour
    options = LaunchOptions(
        disk_gib=request.disk_gib,
        network=request.network,
        subnet=request.subnet,
        role=request.role,
        image=request.image,
        tags=request.tags,
        max_price_usd_per_hour=None if price is None else Decimal(str(price)),
        on_interruption=OnInterruption(request.on_interruption),
        public_address=request.public_address,
    )
    return LaunchWish(
        offer=request.offer,
        count=request.count,
        cloud=request.cloud,
        region=request.region,
        zone=request.zone,
        instance_type=request.type,
        purchase=None if request.spot is None else Purchase.SPOT if request.spot else Purchase.ON_DEMAND,
        account=request.account,
        options=options,
    )
