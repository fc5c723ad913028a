"""Every refusal and failure as RFC 9457 problem+json: what is wrong and what to do next, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from kyc.domain.errors import InvalidInputError, KycError, UnreachableError
from kyc.wire.api import Problem
from kyc.wire.problem import MEDIA_TYPE, problem_of

log = logging.getLogger(__name__)
_MOST_PLACES = 5  # of a wrong input are named


def install(app: FastAPI) -> None:
    """Have the app answer with problems."""
    app.add_exception_handler(KycError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_cut_off)
    app.add_exception_handler(Exception, _on_defect)


def render(problem: Problem) -> Response:
    """Return the problem as a response."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == HTTPStatus.UNAUTHORIZED else None
    return Response(msgspec.json.encode(problem), problem.status, headers, media_type=MEDIA_TYPE)


def describe_invalid(errors: Sequence[Any]) -> str:
    """Return one sentence that names each wrong place: `body.count: Input should be a valid integer`."""
    told = [f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors[:_MOST_PLACES]]
    rest = len(errors) - len(told)
    return "; ".join([*told, f"and {rest} more"] if rest else told)


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, KycError)
    problem = problem_of(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", extra={"path": request.url.path, "why": str(error)})
    return render(problem)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    detail = describe_invalid(error.errors())
    return render(problem_of(InvalidInputError(detail, next_step="The API's description is at /api/v1/openapi.json.")))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    unknown = error.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=f"there is no {request.method} {request.url.path}" if unknown else str(error.detail),
        next_step="The API's description is at /api/v1/openapi.json.",
    )
    response = render(problem)
    response.headers.update(error.headers or {})
    return response


async def _on_cut_off(_request: Request, _error: Exception) -> Response:
    return render(problem_of(UnreachableError("the request was cut off")))  # for the log: nobody hears it


async def _on_defect(request: Request, error: Exception) -> Response:
    # The framework raises the error again afterwards; its traceback reaches the log there, and only there.
    log.error("request_defect", extra={"path": request.url.path, "error": type(error).__name__})
    failed = KycError(
        "the master failed at this: a defect of kyc", next_step="logs/master.log in its KYC_HOME says more."
    )
    return render(problem_of(failed))
