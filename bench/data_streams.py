"""The streams `make bench-data` puts our engine on: the embedded NATS server, a folder, Kafka where it can be had."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kafka import jars
from tests.kafka.broker import Broker

from bench.data_contender import Ours, empty
from kyc.adapters.nats.host import NatsHost
from kyc.adapters.system.clock import SystemClock
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream
from kyc.streams import connect


@contextmanager
def nats_stream(folder: Path) -> Iterator[Ours]:
    """Run the embedded server for the bench."""
    host = NatsHost(folder, clock=SystemClock())
    asyncio.run(host.ensure())

    async def access(workload: str) -> StreamAccess:
        await _create(await host.stream(), workload)
        return await host.access(workload)

    async def forget(workload: str) -> None:
        await _delete(await host.stream(), workload)

    try:
        yield Ours(
            "nats",
            lambda name: asyncio.run(access(name)),
            lambda name: asyncio.run(forget(name)),
            host.pid,
        )
    finally:
        asyncio.run(host.stop())


def folder_stream(folder: Path) -> Ours:
    """Put it into a folder: what a backup tool does with a local repository, no server between."""

    def access(workload: str) -> StreamAccess:
        (folder / workload).mkdir(parents=True)
        return _access(f"file://{folder / workload}", workload)

    return Ours("folder", access, lambda workload: empty(folder / workload), lambda: None)


@contextmanager
def kafka_stream() -> Iterator[Ours | None]:
    """Run a broker for the bench; None where this machine has no Java or cannot get Kafka's jars."""
    if not jars.can_be_had():
        yield None
        return
    broker = Broker()
    url = f"kafka://{broker.address}?prefix=bench"

    def forget(workload: str) -> None:
        asyncio.run(_delete(connect(StreamAccess(url=url, workload=workload)), workload))

    try:
        broker.start()
        yield Ours("kafka", lambda workload: _access(url, workload), forget, lambda: broker.pid)
    finally:
        broker.close()


def _access(url: str, workload: str) -> StreamAccess:
    """Make a workload's place in a stream that needs no credential."""
    access = StreamAccess(url=url, workload=workload)
    asyncio.run(_create(connect(access), workload))
    return access


async def _create(stream: Stream, workload: str) -> None:
    await stream.create(workload)
    await stream.close()


async def _delete(stream: Stream, workload: str) -> None:
    await stream.delete(workload)
    await stream.close()
