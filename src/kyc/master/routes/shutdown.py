"""`/shutdown`: the master's end."""

from __future__ import annotations

from fastapi import APIRouter, Response, status

from kyc.master.auth import Served
from kyc.wire.api import ShutdownRequest

router = APIRouter(prefix="/shutdown", tags=["master"])


@router.post("", status_code=status.HTTP_202_ACCEPTED, response_class=Response)
async def shut_down(request: ShutdownRequest, served: Served) -> Response:
    """Stop the master; what it runs goes on without it. With `everything` all of that ends first."""
    await served.operations.shutdown(everything=request.everything)
    return Response(status_code=status.HTTP_202_ACCEPTED)
