"""Test requests through the edge, as a client would send them, and who answered: by hand, for they are few."""

from __future__ import annotations

import asyncio
import ssl
import time

from kyc.domain.service import Service
from kyc.wire.api import TrialReply, TrialRequest

_TIMEOUT_S = 30.0
_HEADERS = 64  # of an answer; more are not looked at


async def send_tests(service: Service, host: str, request: TrialRequest) -> list[TrialReply]:
    """Send the requests, each on a connection of its own; return the answers in their order."""
    places = asyncio.Semaphore(request.together)

    async def one() -> TrialReply:
        async with places:
            return await _send(service, host, request.path)

    return list(await asyncio.gather(*(one() for _ in range(request.count))))


async def _send(service: Service, host: str, path: str) -> TrialReply:
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            status, headers = await _get(service, host, path)
    except (OSError, ValueError, asyncio.IncompleteReadError, TimeoutError) as error:
        took_ms = round((time.monotonic() - begun_s) * 1000, 2)
        return TrialReply(status=None, instance=None, replica=None, took_ms=took_ms, error=str(error) or "no answer")
    took_ms = round((time.monotonic() - begun_s) * 1000, 2)
    return TrialReply(
        status=status, instance=headers.get("x-kyc-instance"), replica=headers.get("x-kyc-replica"), took_ms=took_ms
    )


async def _get(service: Service, host: str, path: str) -> tuple[int, dict[str, str]]:
    tls = None if service.spec.tls is None else _trusting()
    reader, writer = await asyncio.open_connection(host, service.edge_port, ssl=tls)
    try:
        told = f"GET {path} HTTP/1.1\r\nHost: {host}:{service.edge_port}\r\nX-Kyc-Test: 1\r\nConnection: close\r\n\r\n"
        writer.write(told.encode())
        await writer.drain()
        words = (await reader.readline()).split(None, 2)
        if len(words) < 2 or not words[1].isdigit():
            raise ValueError("the edge closed the connection without an answer")
        headers: dict[str, str] = {}
        for _ in range(_HEADERS):
            line = (await reader.readline()).decode("latin-1").strip()
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(words[1]), headers
    finally:
        writer.close()


def _trusting() -> ssl.SSLContext:
    """Our own edge on our own machine, whose certificate names the service's public host."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
