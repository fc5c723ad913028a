"""The durable back ends as processes that can be killed, for tests that hold all of them to the same.

Each may be reached through a `Wire`; the master's rights then go past it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from kyc.adapters.nats.host import NatsHost
from kyc.adapters.system.clock import SystemClock
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream
from kyc.streams import connect
from tests.emulators.wire import Wire
from tests.kafka.broker import Broker
from tests.needs import need
from tests.objects.server import ObjectServer
from tests.objects.server import fresh_prefix as fresh_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Durable:
    """A back end: how an agent and a master reach it, and its server's end and beginning (nothing without one)."""

    name: str
    access: StreamAccess
    master: StreamAccess
    kill: Callable[[], None]
    start: Callable[[], None]

    def connect(self) -> Stream:
        """Connect as an agent does."""
        return connect(self.access)

    def rights(self) -> Stream:
        """Connect with the rights to everything."""
        return connect(self.master)


@asynccontextmanager
async def nats(folder: Path, wire: Wire | None = None) -> AsyncIterator[Durable]:
    host = NatsHost(folder / "nats", clock=SystemClock())
    await host.ensure()

    def kill() -> None:
        pid = host.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def start() -> None:
        asyncio.run(host.ensure())

    try:
        master = host.master_access()
        access = through(wire, await host.access("train"), int(master.url.rpartition(":")[2]))
        yield Durable(name="nats", access=access, master=master, kill=kill, start=start)
    finally:
        await host.stop()


@asynccontextmanager
async def kafka(folder: Path, wire: Wire | None = None) -> AsyncIterator[Durable]:
    need("kafka")
    broker = Broker(advertised_port=wire.port if wire else None)
    try:
        await asyncio.to_thread(broker.start)
        master = StreamAccess(url=f"kafka://{broker.address}?timeout=10", workload="train")
        access = through(wire, master, broker.port)
        yield Durable(name="kafka", access=access, master=master, kill=broker.kill, start=broker.start)
    finally:
        await asyncio.to_thread(broker.close)


@asynccontextmanager
async def objects(folder: Path, wire: Wire | None = None) -> AsyncIterator[Durable]:
    need("objects")
    server = ObjectServer()
    try:
        await asyncio.to_thread(server.start)
        master = StreamAccess(url=server.url(fresh_folder()) + "&timeout=5", workload="train", token=server.token)
        access = through(wire, master, int(server.endpoint.rpartition(":")[2]))
        yield Durable(name="objects", access=access, master=master, kill=server.kill, start=server.start)
    finally:
        await asyncio.to_thread(server.close)


@asynccontextmanager
async def directory(folder: Path, wire: Wire | None = None) -> AsyncIterator[Durable]:
    access = StreamAccess(url=f"file://{folder}/stream", workload="train")
    yield Durable(name="directory", access=access, master=access, kill=lambda: None, start=lambda: None)


def through(wire: Wire | None, access: StreamAccess, port: int) -> StreamAccess:
    """Lead to the server by way of the wire."""
    if wire is None:
        return access
    wire.target = port
    return replace(access, url=access.url.replace(f":{port}", f":{wire.port}"))


class Begin(Protocol):
    """Begins a back end in a folder, reached through the wire if there is one."""

    def __call__(self, folder: Path, wire: Wire | None = None) -> AbstractAsyncContextManager[Durable]: ...


DURABLE: dict[str, Begin] = {
    "nats": nats,
    "kafka": kafka,
    "objects": objects,
    "directory": directory,
}
