"""`/offers`: what can be bought."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from kyc.domain.errors import InvalidInputError
from kyc.domain.offer import Purchase
from kyc.domain.workload import Bound, Requirement
from kyc.master.auth import Served
from kyc.master.market_views import offer_rows, search_report
from kyc.planning.offers import DEFAULT_LIMIT, OfferGroup, OfferOrder, OfferQuery
from kyc.wire.api import OfferRow, SearchReport
from kyc.wire.quantity import memory_gib
from kyc.wire.resources import parse_resources

MOST_SHOWN = 5000
router = APIRouter(prefix="/offers", tags=["offers"])


async def wanted_machine(  # noqa: PLR0913  # one for each parameter of the query
    *,
    cpus: Annotated[str | None, Query(examples=["4+"])] = None,
    memory: Annotated[str | None, Query(description="GiB", examples=["16+"])] = None,
    gpu: Annotated[str | None, Query(examples=["A100:1"])] = None,
    cloud: str | None = None,
    region: str | None = None,
    zone: str | None = None,
    instance_type: Annotated[str | None, Query(alias="type")] = None,
    arch: Annotated[str | None, Query(examples=["arm64"])] = None,
    gpu_memory: Annotated[str | None, Query(description="GiB of each GPU", examples=["40+"])] = None,
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
        "instance_type": instance_type,
        "arch": arch,
        "max_price": max_price,
    }
    any_of, _ = parse_resources({key: value for key, value in asked.items() if value}, "")
    if gpu_memory is None:
        return any_of
    wished = _amount("gpu_memory", gpu_memory)
    return tuple(replace(one, gpu_memory_gib=wished) for one in any_of)


def _amount(place: str, text: str) -> Bound:
    try:
        return memory_gib(text)
    except ValueError as error:
        raise InvalidInputError(f"{place} is {error}: {text!r}", next_step="Write it as 40+ or 16..48.") from error


async def asked_query(
    any_of: Annotated[tuple[Requirement, ...], Depends(wanted_machine)],
    spot: Annotated[bool | None, Query(description="true: spot only; false: on-demand only.")] = None,
    sort: OfferOrder = OfferOrder.PRICE,
    group: Annotated[OfferGroup | None, Query(description="Only the best of each.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_SHOWN)] = DEFAULT_LIMIT,
) -> OfferQuery:
    """Return the whole question."""
    purchase = None if spot is None else Purchase.SPOT if spot else Purchase.ON_DEMAND
    return OfferQuery(any_of=any_of, purchase=purchase, order=sort, group=group, limit=limit)


AskedQuery = Annotated[OfferQuery, Depends(asked_query)]


@router.get("", response_model=list[OfferRow])
async def list_offers(served: Served, query: AskedQuery) -> Response:
    """Search the offers of all clouds, best first; `X-Total-Count` says how many fit."""
    result = await served.prices.search(query)
    rows = offer_rows(result, served.freshness, now=served.clock.now())
    headers = {"X-Total-Count": str(result.total)}
    # Encoded as the SDK decodes it: checking each row of a hundred once more takes longer than the search.
    return Response(msgspec.json.encode(rows), headers=headers, media_type="application/json")


@router.get("/explanation")
async def explain_offers(served: Served, query: AskedQuery) -> SearchReport:
    """Say how many offers fit; where none does, what each filter removed, and the nearest ones."""
    return search_report(await served.prices.search(query), served.freshness, now=served.clock.now())
