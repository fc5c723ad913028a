"""The REST API as an ASGI app. Everything it needs comes with the services; it holds no state of its own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from kyc.master import pages, problem
from kyc.master.auth import caller_of, permit, require_admin
from kyc.master.guard import SecurityHeaders
from kyc.master.routes import (
    agents,
    archives,
    budgets,
    catalog,
    check,
    clouds,
    costs,
    deployments,
    events,
    health,
    instances,
    jobs,
    logs,
    market,
    metrics,
    notifications,
    offers,
    overview,
    services,
    session,
    shutdown,
    simulate,
    snapshots,
    streams,
    sweep,
    users,
    workloads,
)
from kyc.master.services import Services
from kyc.master.vocabulary import complete
from kyc.version import VERSION
from kyc.wire.api import Problem
from kyc.wire.problem import MEDIA_TYPE

PREFIX = "/api/v1"
_FOR_PEOPLE = (  # administrators do all of it, viewers only what reads
    metrics,
    workloads,
    jobs,
    services,
    logs,
    snapshots,
    streams,
    archives,
    instances,
    deployments,
    offers,
    catalog,
    market,
    notifications,
    simulate,
    events,
    costs,
    overview,
    budgets,
    clouds,
    sweep,
    shutdown,
)
_FOR_ADMINS = (users,)
_DESCRIPTION = """Runs jobs on spot instances of any cloud and never loses their files.

Every call but `GET /health` and `/session` needs the header `Authorization: Bearer TOKEN` or a session's cookie; the
operator's token lies in the file `token` of the master's KYC_HOME. With a cookie, a call that changes something needs
the header `X-Kyc-Request: 1`, or the Origin of this master. Errors are RFC 9457 problem details with a `next_step`.
Times are UTC, money is USD, sizes are bytes."""


def create_app(services: Services) -> FastAPI:
    """Return the app that serves `/api/v1` by these services, and the dashboard at `/`."""
    app = _described()
    app.state.services = services
    problem.install(app)
    app.add_middleware(SecurityHeaders)
    app.include_router(pages.router)  # the last one: it takes every path that is left
    return app


def describe() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return complete(_described().openapi())


def _described() -> FastAPI:
    app = FastAPI(
        title="Keep Your Cost",
        version=VERSION,
        description=_DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # the pages load scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.include_router(_api())
    return app


def _api() -> APIRouter:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    failed = {"model": Problem, "description": "A problem, with what to do next", "content": content}
    api = APIRouter(prefix=PREFIX, responses={"default": failed})
    api.include_router(health.router)
    api.include_router(agents.router)
    api.include_router(session.router)
    documented = Depends(HTTPBearer(auto_error=False, description="The operator's token, or one of `/tokens`."))
    for module in _FOR_PEOPLE:
        api.include_router(module.router, dependencies=[documented, Depends(permit)])
    for router in (notifications.own, simulate.asking, check.router):  # what viewers may, though it is a POST
        api.include_router(router, dependencies=[documented, Depends(caller_of)])
    for module in _FOR_ADMINS:
        api.include_router(module.router, dependencies=[documented, Depends(require_admin)])
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name
