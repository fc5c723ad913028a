"""One GET of a replica, by hand, so that the agent stays light."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_MOST_LINE = 16_384


@asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection that is closed afterwards; raise OSError if there is none."""
    reader, writer = await asyncio.open_connection(host, port, limit=_MOST_LINE)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def send_get(writer: asyncio.StreamWriter, path: str, host: str, port: int, *, version: str) -> None:
    """Send the request, of this version of HTTP; the answer ends with the connection."""
    request = f"GET {path} HTTP/{version}\r\nHost: {host}:{port}\r\nUser-Agent: kyc-probe\r\nConnection: close\r\n\r\n"
    writer.write(request.encode())
    await writer.drain()
