"""Whether a replica can serve: one GET or one connection."""

from __future__ import annotations

import asyncio

from kyc.agent.ask import connected, send_get
from kyc.wire.replica import ProbeOrder


async def probe(order: ProbeOrder, host: str, port: int) -> str:
    """Return why the replica is not ready; empty if it is."""
    try:
        async with asyncio.timeout(order.timeout_s), connected(host, port) as (reader, writer):
            return await _get(reader, writer, order.path, host, port) if order.path else ""
    except TimeoutError:
        return f"no answer within {order.timeout_s:g} s"
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        return f"port {port}: {error}"


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, host: str, port: int) -> str:
    await send_get(writer, path, host, port, version="1.1")
    words = (await reader.readline()).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return f"GET {path} is not answered by HTTP"
    status = int(words[1])
    return "" if 200 <= status < 300 else f"GET {path} answers {status}"
