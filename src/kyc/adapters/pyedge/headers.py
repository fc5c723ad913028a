"""What is told of a request's way in its headers, and which client it is from."""

from __future__ import annotations

import uuid

from aiohttp import web
from multidict import CIMultiDict

COOKIE = "kyc-sticky"
HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


def forwarded(request: web.BaseRequest) -> CIMultiDict[str]:
    """Return the headers as the replica gets them."""
    named = {each.strip().lower() for each in request.headers.get("Connection", "").split(",")}
    headers = CIMultiDict(
        (k, v)
        for k, v in request.headers.items()
        if (low := k.lower()) not in HOP and low not in named and low != "expect"
    )
    headers.add("X-Forwarded-For", request.remote or "unknown")
    headers["X-Forwarded-Proto"] = "https" if request.secure else "http"
    headers.setdefault("X-Forwarded-Host", request.headers.get("Host", ""))
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return headers


def sticky(request: web.BaseRequest) -> tuple[str, bool]:
    """Return who the client is, and whether it does not know that yet."""
    known = request.cookies.get(COOKIE)
    return (known, False) if known else (uuid.uuid4().hex, True)
