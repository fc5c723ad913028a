"""`/market`: spot prices now and over time; `/alerts`: lines that people draw across them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Response, status
from pydantic import AwareDatetime

from kyc.domain.alert import Market, PriceAlert, Side, Then
from kyc.domain.errors import InvalidInputError
from kyc.domain.offer import ANY_ZONE, Purchase
from kyc.domain.workload import Requirement
from kyc.master.auth import Served
from kyc.master.market_views import offer_rows
from kyc.master.routes.offers import AskedQuery
from kyc.planning.offers import OfferQuery
from kyc.wire.api import AlertRequest, AlertRow, OfferRow, PriceHistory, PricePoint

router = APIRouter(tags=["market"])
_KEPT = timedelta(days=7)
E = TypeVar("E", bound=StrEnum)


@router.get("/market/prices")
async def list_prices(served: Served, query: AskedQuery, response: Response) -> list[OfferRow]:
    """List spot prices with the same machine's on-demand price; `X-Total-Count` says how many there are."""
    result = await served.prices.search(replace(query, purchase=Purchase.SPOT))
    response.headers["X-Total-Count"] = str(result.total)
    return offer_rows(result, served.freshness, now=served.clock.now())


@router.get("/market/history")
async def get_history(  # one for each parameter of the query
    *,
    served: Served,
    cloud: str,
    region: str,
    instance_type: Annotated[str, Query(alias="type")],
    zone: Annotated[str | None, Query(description="Default: every zone.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Default: a week ago.")] = None,
) -> PriceHistory:
    """Read how the spot price of a type changed in a region, as far as this master has seen it."""
    market = Market(cloud=cloud, region=region, instance_type=instance_type, zone=zone or "")
    begin = since or served.clock.now() - _KEPT
    points = await served.prices.history(market, begin)
    wish = Requirement(cloud=cloud, region=region, instance_type=instance_type, zone=zone)
    listed = await served.prices.search(OfferQuery(any_of=(wish,), purchase=Purchase.ON_DEMAND, limit=1))
    price = next((offer.price_usd_per_hour for offer in listed.offers), None)
    return PriceHistory(
        cloud=cloud,
        region=region,
        type=instance_type,
        since=begin,
        recorded_since=min((point.at for point in points), default=None),
        on_demand_usd_per_hour=None if price is None else float(round(price, 6)),
        points=[
            PricePoint(at=p.at, zone=p.zone or ANY_ZONE, usd_per_hour=float(round(p.usd_per_hour, 6))) for p in points
        ],
    )


@router.get("/alerts")
async def list_alerts(served: Served) -> list[AlertRow]:
    """List the price alerts, the newest last."""
    return [alert_row(alert) for alert in await served.alerts.all()]


@router.post("/alerts", status_code=status.HTTP_201_CREATED)
async def add_alert(request: AlertRequest, served: Served) -> AlertRow:
    """Have something happen, once for each time that a spot price crosses a line."""
    zone = "" if request.zone in {None, ANY_ZONE} else request.zone or ""
    market = Market(cloud=request.cloud, region=request.region, instance_type=request.type, zone=zone)
    side, then = _word(Side, "side", request.side), _word(Then, "then", request.then)
    price = Decimal(str(request.usd_per_hour))
    return alert_row(await served.alerts.add(market, side, price, then, request.workload))


@router.delete("/alerts/{alert_id}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def remove_alert(alert_id: str, served: Served) -> Response:
    """Forget an alert; jobs that rest because of it go on."""
    await served.alerts.remove(alert_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def alert_row(alert: PriceAlert) -> AlertRow:
    """Return an alert's line."""
    seen = alert.seen_usd_per_hour
    return AlertRow(
        id=alert.id,
        cloud=alert.market.cloud,
        region=alert.market.region,
        zone=alert.market.zone or None,
        type=alert.market.instance_type,
        side=alert.side.value,
        usd_per_hour=float(alert.usd_per_hour),
        then=alert.then.value,
        workload=alert.workload,
        created_at=alert.created_at,
        crossed=alert.crossed,
        seen_usd_per_hour=None if seen is None else float(round(seen, 6)),
        seen_at=alert.seen_at,
        fired=alert.fired,
        fired_at=alert.fired_at,
        paused=list(alert.paused),
    )


def _word(kind: type[E], place: str, text: str) -> E:
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidInputError(f"body.{place}: {text[:40]!r} is not one of {', '.join(kind)}") from error
