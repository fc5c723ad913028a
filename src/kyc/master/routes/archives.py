"""`/archives`: uploaded workdirs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response, status

from kyc.master.auth import Served

router = APIRouter(prefix="/archives", tags=["workloads"])


@router.head("/{sha256}")
async def has_archive(sha256: str, served: Served) -> Response:
    """Say whether the archive is there: 200 with its size, or 404."""
    size = served.archives.path(sha256).stat().st_size
    return Response(headers={"Content-Length": str(size)})


@router.put("/{sha256}", status_code=status.HTTP_201_CREATED, response_class=Response)
async def put_archive(
    sha256: str, request: Request, served: Served, content_length: Annotated[int | None, Header()] = None
) -> Response:
    """Upload a tar.zst under the SHA-256 of its bytes, in lower-case hex; it is stored only if they agree."""
    size = await served.archives.put(sha256, request.stream(), announced_bytes=content_length)
    return Response(status_code=status.HTTP_201_CREATED, headers={"X-Stored-Bytes": str(size)})
