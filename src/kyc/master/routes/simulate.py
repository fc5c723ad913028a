"""`/simulate`: what if, on recordings that people put into KYC_HOME/traces."""

from __future__ import annotations

import math

from fastapi import APIRouter, Request, Response, status

from kyc.domain.errors import InvalidInputError
from kyc.master.auth import Served
from kyc.wire.api import (
    JobSimulation,
    ServiceSimulation,
    SimulateJobRequest,
    SimulateServiceRequest,
    TraceRow,
)

router = APIRouter(prefix="/simulate", tags=["simulate"])
asking = APIRouter(prefix="/simulate", tags=["simulate"])  # changes nothing, so viewers may
_MOST_POLICIES = 12


@router.get("/traces")
async def list_traces(served: Served) -> list[TraceRow]:
    """List the recordings."""
    return served.whatif.traces()


@router.put("/traces/{name}", openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}}})
async def put_trace(name: str, request: Request, served: Served) -> TraceRow:
    """Upload a recording."""
    return await served.whatif.put(name, request.stream())


@router.delete("/traces/{name}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def remove_trace(name: str, served: Served) -> Response:
    """Remove a recording."""
    served.whatif.remove(name)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@asking.post("/job")
async def simulate_job(body: SimulateJobRequest, served: Served) -> JobSimulation:
    """Run a job with a deadline on a recording of spot availability, by each policy."""
    _check(body.policies, work_s=body.work_s, deadline_s=body.deadline_s)
    return await served.whatif.run("job", body.trace, body, JobSimulation)


@asking.post("/service")
async def simulate_service(body: SimulateServiceRequest, served: Served) -> ServiceSimulation:
    """Run a service on a recording of requests, by each policy."""
    _check(body.policies, capacity_rps=body.capacity_rps, scale=body.scale)
    return await served.whatif.run("service", body.trace, body, ServiceSimulation)


def _check(policies: list[str], **amounts: float) -> None:
    if not 1 <= len(policies) <= _MOST_POLICIES:
        raise InvalidInputError(f"body.policies: name 1 to {_MOST_POLICIES}")
    for name, amount in amounts.items():
        if not math.isfinite(amount) or amount <= 0:
            raise InvalidInputError(f"body.{name}: {amount} is not above 0")
