"""Whether a replica can serve: one GET or one connection, by hand, so that the agent stays light."""

from __future__ import annotations

import asyncio
import contextlib

from kyc.wire.replica import ProbeOrder

_MOST_HEAD = 16_384


async def probe(order: ProbeOrder, host: str, port: int) -> str:
    """Return why the replica is not ready; empty if it is."""
    try:
        async with asyncio.timeout(order.timeout_s):
            reader, writer = await asyncio.open_connection(host, port, limit=_MOST_HEAD)
            try:
                return await _get(reader, writer, order.path, host, port) if order.path else ""
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        return f"no answer within {order.timeout_s:g} s"
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        return f"port {port}: {error}"


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, host: str, port: int) -> str:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: kyc-probe\r\nConnection: close\r\n\r\n"
    writer.write(request.encode())
    await writer.drain()
    words = (await reader.readline()).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return f"GET {path} is not answered by HTTP"
    status = int(words[1])
    return "" if 200 <= status < 300 else f"GET {path} answers {status}"
