"""Clients for `bench.services`: fast and slow requests on kept connections, and WebSockets; every failure is kept."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_KEY = base64.b64encode(os.urandom(16)).decode()
_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Load:
    """So many clients at a time against one URL, until told to stop."""

    url: str
    requests: int = 0
    websockets: int = 0
    failures: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    pause_s: float = 0.0

    async def run(self, *, fast: int, slow: int, sockets: int) -> None:
        """Run the clients until `stop` is set."""
        async with asyncio.TaskGroup() as clients:
            for _ in range(fast):
                clients.create_task(self._repeat(lambda: self._requests("/", 50)))
            for _ in range(slow):
                clients.create_task(self._repeat(lambda: self._requests("/slow?ms=400", 3)))
            for _ in range(sockets):
                clients.create_task(self._repeat(self._socket))

    async def _repeat(self, once: Callable[[], Coroutine[None, None, None]]) -> None:
        while not self.stop.is_set():
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await once()
            except (OSError, ValueError, asyncio.IncompleteReadError, TimeoutError) as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {type(error).__name__}: {error}")
                await asyncio.sleep(0.1)

    async def _requests(self, path: str, count: int) -> None:
        """Send requests on one connection, as a browser does; an answer other than 200 is a failure."""
        place = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            for _ in range(count):
                writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
                await writer.drain()
                self.requests += 1
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                status = head.split(" ", 2)[1]
                await reader.readexactly(_length(head))
                if status != "200":
                    raise ValueError(f"status {status}")
                if self.stop.is_set():
                    return
                if self.pause_s:
                    await asyncio.sleep(self.pause_s)
        finally:
            writer.close()

    async def _socket(self) -> None:
        """Open a WebSocket, send five words half a second in all, each of which must come back, close it."""
        place = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            asked = "GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            writer.write(f"{asked}Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise ValueError(f"no WebSocket: {head[:60]!r}")
            for number in range(5):
                word = f"word {number}".encode()
                writer.write(bytes([0x81, 0x80 | len(word), 0, 0, 0, 0]) + word)
                _, length = await reader.readexactly(2)
                if await reader.readexactly(length) != word:
                    raise ValueError("a word came back otherwise")
                await asyncio.sleep(0.1)
            self.websockets += 1
        finally:
            writer.close()


def _length(head: str) -> int:
    for line in head.lower().split("\r\n"):
        if line.startswith("content-length:"):
            return int(line.partition(":")[2])
    return 0
