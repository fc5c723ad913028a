"""`/offers`: what can be bought."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from kyc.domain.offer import Purchase
from kyc.domain.workload import Requirement
from kyc.master.auth import Served
from kyc.master.views import offer_row
from kyc.planning.offers import OfferOrder, select_offers
from kyc.wire.api import OfferRow
from kyc.wire.resources import parse_resources

router = APIRouter(prefix="/offers", tags=["offers"])


def wanted_machine(  # noqa: PLR0913  # one for each parameter of the query
    *,
    cpus: Annotated[str | None, Query(examples=["4+"])] = None,
    memory: Annotated[str | None, Query(description="GiB", examples=["16+"])] = None,
    gpu: Annotated[str | None, Query(examples=["A100:1"])] = None,
    cloud: str | None = None,
    region: str | None = None,
    zone: str | None = None,
    max_price: Annotated[str | None, Query(description="USD per hour")] = None,
) -> tuple[Requirement, ...]:
    """Return what the query asks for, written as in a workload file's `resources`."""
    asked = {
        "cpus": cpus,
        "memory": memory,
        "accelerators": gpu,
        "cloud": cloud,
        "region": region,
        "zone": zone,
        "max_price": max_price,
    }
    any_of, _ = parse_resources({key: value for key, value in asked.items() if value}, "query")
    return any_of


@router.get("")
async def list_offers(
    served: Served,
    any_of: Annotated[tuple[Requirement, ...], Depends(wanted_machine)],
    spot: Annotated[bool | None, Query(description="true: spot only; false: on-demand only.")] = None,
    sort: OfferOrder = OfferOrder.PRICE,
) -> list[OfferRow]:
    """Search the offers of all clouds, best first."""
    purchase = None if spot is None else Purchase.SPOT if spot else Purchase.ON_DEMAND
    found = select_offers(await served.intents.offers(), any_of, purchase=purchase, order=sort)
    return [offer_row(offer) for offer in found]
