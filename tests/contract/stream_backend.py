"""The back ends that the stream's contract is run on: one line each in BACKENDS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from kyc.adapters.fake.stream import FakeStream, Shelf
from kyc.ports.stream import Stream


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


BACKENDS: dict[str, Callable[[Path], AbstractAsyncContextManager[Backend]]] = {
    "fake": fake_backend,
}
