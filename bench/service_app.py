"""The service that `bench.services` loads: `/`, `/slow?ms=N`, and a WebSocket that echoes. PORT and HOST are given."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import signal
from urllib.parse import parse_qs, urlsplit

BODY = b"x" * 1024
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the client goes."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode("latin-1").split("\r\n")
            url = urlsplit(lines[0].split(" ")[1])
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
            if headers.get("upgrade", "").lower() == "websocket":
                await echo(reader, writer, headers["sec-websocket-key"])
                return
            if url.path == "/slow":
                await asyncio.sleep(int(parse_qs(url.query)["ms"][0]) / 1000)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
    """Send every short frame back."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest())
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    writer.write(upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while True:
        first, length = await reader.readexactly(2)
        mask = await reader.readexactly(4)
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(length & 0x7F)))
        writer.write(bytes([first, len(data)]) + data)
        await writer.drain()
        if first & 0x0F == 8:
            return


async def main() -> None:
    """Serve until SIGTERM."""
    leave = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave.set)
    server = await asyncio.start_server(serve_connection, os.environ["HOST"], int(os.environ["PORT"]))
    async with server:
        await leave.wait()


if __name__ == "__main__":
    asyncio.run(main())
