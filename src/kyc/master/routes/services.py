"""`/services`: what is served, how it does, and a button that shows who answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from kyc.domain.errors import ConflictError, InvalidInputError, NotFoundError
from kyc.domain.ids import WorkloadName
from kyc.domain.service import Service, ServiceSpec
from kyc.master.auth import Called, Served
from kyc.master.market_views import offer_row
from kyc.master.service_views import (
    decision_row,
    instance_rows,
    point_row,
    price_span,
    replica_row,
    service_row,
    service_spec_view,
    url_of,
)
from kyc.master.services import Services
from kyc.master.testshot import send_tests
from kyc.wire.api import (
    ServiceDetail,
    ServicePlan,
    ServiceRequest,
    ServiceRow,
    TrafficPoint,
    TrialReport,
    TrialRequest,
)
from kyc.wire.service_file import parse_service
from kyc.wire.workload_file import check_name

router = APIRouter(prefix="/services", tags=["services"])
_SHOWN = 20
_MOST_TESTS, _MOST_TOGETHER = 1000, 64
_NO_OFFER = "no offer meets the service's resources now, and it waits until one does: `kyc offers` says why"


@router.get("")
async def list_services(served: Served) -> list[ServiceRow]:
    """List all services, ended ones too, the newest last."""
    return [await row_of(served, service) for service in await served.store.services()]


@router.post(
    "", status_code=status.HTTP_201_CREATED, responses={200: {"model": ServicePlan, "description": "A dry run"}}
)
async def submit_service(request: ServiceRequest, served: Served, called: Called, response: Response) -> ServicePlan:
    """Store a service, or the next revision of a running one; with `dry_run` only say what the file means."""
    parsed = parse_service(request.file)
    spec = _completed(served, parsed.spec, request)
    before = await served.store.service(spec.name)
    found = await served.servings.offers(spec)
    now = served.clock.now()
    each, least, most = price_span(spec, found[0] if found else None)
    row = None
    if request.dry_run:
        response.status_code = status.HTTP_200_OK
    else:
        row = await row_of(served, await served.servings.submit(spec, user=called.name))
    return ServicePlan(
        name=spec.name,
        spec=service_spec_view(spec),
        warnings=[*parsed.warnings] if found else [*parsed.warnings, _NO_OFFER],
        offers=[offer_row(offer, served.freshness, now=now) for offer in found[:_SHOWN]],
        updates=before is not None and not before.is_over,
        replicas_per_instance=each,
        least_usd_per_hour=least,
        most_usd_per_hour=most,
        row=row,
    )


@router.get("/{name}")
async def get_service(name: str, served: Served) -> ServiceDetail:
    """Show one service: its line, its file as understood, what runs where, and the last decision with its numbers."""
    service = await find_service(served, name)
    seen, history = await served.board.look(service), served.board.history(service.name)
    beats = {name: (served.pulses.newest(name), served.pulses.silent_s(name)) for name in seen.instances}
    now = served.clock.now()
    return ServiceDetail(
        row=service_row(seen, history, served.board.host, now=now),
        spec=service_spec_view(service.spec),
        instances=instance_rows(seen, history, beats, now=now),
        ended=[replica_row(replica, history, None, seen) for replica in reversed(seen.ended)],
        decision=decision_row(served.board.decision(service.name)),
    )


@router.get("/{name}/traffic")
async def get_traffic(
    name: str,
    served: Served,
    since: Annotated[datetime | None, Query(description="Only points after it (with its time zone).")] = None,
    limit: Annotated[int, Query(ge=1, le=1800)] = 1800,
) -> list[TrafficPoint]:
    """Return the last half hour, a point a second, oldest first; it begins with the master's own start."""
    service = await find_service(served, name)
    if since is not None and since.tzinfo is None:
        raise InvalidInputError("query.since has no time zone", next_step="End it with Z, or with +00:00.")
    points = [p for p in served.board.history(service.name).points if since is None or p.at > since]
    return [point_row(point) for point in points[-limit:]]


@router.post("/{name}/stop")
async def stop_service(name: str, served: Served) -> ServiceRow:
    """Ask it to stop: its replicas drain first. One that is over stays as it is."""
    return await row_of(served, await served.servings.stop(WorkloadName(name)))


@router.post("/{name}/test")
async def try_service(name: str, request: TrialRequest, served: Served) -> TrialReport:
    """Send test requests through the edge and say which instance and replica answered each."""
    service = await find_service(served, name)
    if service.is_over:
        raise ConflictError(f"{name} is {service.state}: nothing answers", next_step="Serve it again.")
    if not 1 <= request.count <= _MOST_TESTS or not 1 <= request.together <= _MOST_TOGETHER:
        raise InvalidInputError(f"give 1 to {_MOST_TESTS} requests, at most {_MOST_TOGETHER} at a time")
    if not request.path.startswith("/") or not request.path.isprintable() or " " in request.path:
        raise InvalidInputError("body.path is not a path such as /")
    url = url_of(service, served.board.host)
    return TrialReport(url=url, replies=await send_tests(service, served.board.host, request))


async def find_service(served: Services, name: str) -> Service:
    """Return the service of the name; raise NotFoundError if there is none."""
    service = await served.store.service(WorkloadName(name))
    if service is None:
        raise NotFoundError(f"no service is called {name[:80]!r}", next_step="`kyc ps` lists them.")
    return service


async def row_of(served: Services, service: Service) -> ServiceRow:
    """Return the service's line."""
    seen = await served.board.look(service)
    history = served.board.history(service.name)
    return service_row(seen, history, served.board.host, now=served.clock.now())


def _completed(served: Services, spec: ServiceSpec, request: ServiceRequest) -> ServiceSpec:
    if request.workdir is not None and not request.dry_run:
        served.archives.path(request.workdir)  # raises if it was not uploaded
    name = spec.name if request.name is None else check_name(request.name)
    return replace(spec, name=name, workdir=request.workdir)
