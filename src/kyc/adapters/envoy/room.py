"""The waiting room: Envoy asks here whether a request to a service without an endpoint may go on.

Only the head of each request comes by; the request itself stays in Envoy, whatever its protocol. The answer
comes once there is an endpoint, or past the time or the number that may wait; in any case Envoy then tries, and answers
503 with Retry-After itself if there still is none.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kyc.domain.ids import WorkloadName
from kyc.hosting.socketpath import short_path

_LARGEST_HEAD = 1 << 20
_GO = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long and how many."""

    wait_s: float
    most: int


class WaitingRoom:
    """Serves a Unix socket while it is open; `update` says for which services nobody has to wait any more."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._server: asyncio.Server | None = None
        self._bounds: Mapping[str, Bounds] = {}
        self._doors: dict[str, asyncio.Event] = {}
        self._waiting: Counter[str] = Counter()
        self._talks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen; what an earlier master listened on is gone."""
        if self._server is not None and self._server.is_serving():
            return
        self._socket.unlink(missing_ok=True)
        with short_path(self._socket) as short:
            self._server = await asyncio.start_unix_server(self._talk, short, limit=_LARGEST_HEAD)
        self._socket.chmod(0o600)

    async def close(self) -> None:
        """Let go on whoever waits, and end."""
        for door in self._doors.values():
            door.set()
        if self._server is not None:
            self._server.close()
            self._server = None
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def close_door(self, name: WorkloadName, bounds: Bounds) -> None:
        """Have the service's requests wait from now on."""
        self._bounds = {**self._bounds, name: bounds}
        self._door(name).clear()

    def open_door(self, name: WorkloadName) -> None:
        """Let all of the service's requests go on."""
        self._door(name).set()

    def waiting(self, name: WorkloadName) -> int:
        """Return how many wait."""
        return self._waiting[name]

    def _door(self, name: str) -> asyncio.Event:
        if name not in self._doors:
            self._doors[name] = asyncio.Event()
            self._doors[name].set()  # whoever is not known to wait goes on
        return self._doors[name]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                service = head.split(b" ", 2)[1].decode("latin-1").split("/", 2)[1]
                await self._wait(service, reader)
                writer.write(_GO)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass  # the client went away, or Envoy did
        finally:
            self._talks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _wait(self, service: str, reader: asyncio.StreamReader) -> None:
        """Return when the request may go on; raise ConnectionResetError if its client went away."""
        door, bounds = self._door(service), self._bounds.get(service)
        if door.is_set() or bounds is None or self._waiting[service] >= bounds.most:
            return
        self._waiting[service] += 1
        opened = asyncio.ensure_future(door.wait())
        left = asyncio.ensure_future(reader.read(1))  # Envoy asks no second thing before it has an answer
        try:
            done, _ = await asyncio.wait({opened, left}, timeout=bounds.wait_s, return_when=asyncio.FIRST_COMPLETED)
            if left in done:
                raise ConnectionResetError
        finally:
            self._waiting[service] -= 1
            for task in (opened, left):
                task.cancel()
            await asyncio.gather(opened, left, return_exceptions=True)
