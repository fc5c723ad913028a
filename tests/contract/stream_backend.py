"""The back ends that the stream's contract is run on: one line each in BACKENDS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from kyc.adapters.directory.stream import DirectoryStream
from kyc.adapters.fake.stream import FakeStream, Shelf
from kyc.adapters.kafka.open import open_stream as open_kafka
from kyc.adapters.nats.host import NatsHost
from kyc.adapters.objects.open import open_stream as open_objects
from kyc.adapters.system.clock import SystemClock
from kyc.domain.snapshot import StreamAccess
from kyc.ports.stream import Stream
from tests.kafka.shared import fresh_prefix, shared_broker
from tests.needs import need
from tests.objects.stores import STORES, Store


class Backend(Protocol):
    """A running back end: `connect` gives a new connection with the rights to everything."""

    async def connect(self) -> Stream: ...


class FakeBackend:
    def __init__(self) -> None:
        self._shelf = Shelf()

    async def connect(self) -> Stream:
        return FakeStream(self._shelf)


@asynccontextmanager
async def fake_backend(folder: Path) -> AsyncIterator[Backend]:
    yield FakeBackend()


class DirectoryBackend:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def connect(self) -> Stream:
        return DirectoryStream(self._folder)


@asynccontextmanager
async def directory_backend(folder: Path) -> AsyncIterator[Backend]:
    yield DirectoryBackend(folder / "stream")


class KafkaBackend:
    def __init__(self, url: str) -> None:
        self._url = url

    async def connect(self) -> Stream:
        return open_kafka(StreamAccess(url=self._url, workload=""))


@asynccontextmanager
async def kafka_backend(folder: Path) -> AsyncIterator[Backend]:
    need("kafka")
    yield KafkaBackend(f"kafka://{shared_broker().address}?prefix={fresh_prefix()}")


class ObjectsBackend:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def connect(self) -> Stream:
        return open_objects(self._store.access())


def objects_backend(kind: str) -> Callable[[Path], AbstractAsyncContextManager[Backend]]:
    @asynccontextmanager
    async def backend(folder: Path) -> AsyncIterator[Backend]:
        async with STORES[kind]() as store:
            yield ObjectsBackend(store)

    return backend


class NatsBackend:
    def __init__(self, host: NatsHost) -> None:
        self._host = host

    async def connect(self) -> Stream:
        return await self._host.stream()


@asynccontextmanager
async def nats_backend(folder: Path) -> AsyncIterator[Backend]:
    host = NatsHost(folder / "nats", clock=SystemClock())
    await host.ensure()
    try:
        yield NatsBackend(host)
    finally:
        await host.stop()


BACKENDS: dict[str, Callable[[Path], AbstractAsyncContextManager[Backend]]] = {
    "directory": directory_backend,
    "fake": fake_backend,
    "kafka": kafka_backend,
    "nats": nats_backend,
    "s3": objects_backend("s3"),
    "gs": objects_backend("gs"),
    "az": objects_backend("az"),
}
