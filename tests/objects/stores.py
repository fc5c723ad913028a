"""The three kinds of object stores that a stream may lie in, each a place of its own in a running one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from kyc.domain.snapshot import StreamAccess
from tests.azure import blobs
from tests.emulators.storage import storage
from tests.needs import need
from tests.objects import server as s3


@dataclass(frozen=True, slots=True)
class Store:
    """A stream's URL and token; `wrong` is a token of the same form that is not the store's."""

    url: str
    token: str
    wrong: str

    def access(self, token: str = "") -> StreamAccess:
        return StreamAccess(url=self.url, workload="", token=token or self.token)


@asynccontextmanager
async def simple_storage() -> AsyncIterator[Store]:
    """SeaweedFS."""
    need("objects")
    server = await asyncio.to_thread(s3.shared_server)
    yield Store(server.url(s3.fresh_prefix()), server.token, "tests:wrong")


@asynccontextmanager
async def google_storage() -> AsyncIterator[Store]:
    """An emulator of ours: the public ones do not keep conditional writes over the API that is used here."""
    async with storage() as emulator, storage() as other:
        yield Store(emulator.url("test"), emulator.token, other.token)


@asynccontextmanager
async def blob_storage() -> AsyncIterator[Store]:
    """Azurite, Microsoft's emulator."""
    need("azurite")
    server = await asyncio.to_thread(blobs.shared_server)
    yield Store(server.url(blobs.fresh_prefix()), server.key, base64.b64encode(bytes(64)).decode())


STORES: dict[str, Callable[[], AbstractAsyncContextManager[Store]]] = {
    "s3": simple_storage,
    "gs": google_storage,
    "az": blob_storage,
}
