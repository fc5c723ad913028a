"""Sending what a pass yields, with a bounded number of bytes on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import replace

from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.clock import Clock
from kyc.ports.stream import StreamWriter
from kyc.snapshot.take import Sealed
from kyc.snapshot.thread import Worker, next_batch

_BATCH_BYTES = 4 * 1024 * 1024


class Publisher:
    """Puts chunks into the stream: at most `in_flight_bytes` at once, at most `bytes_per_s` if that is not 0."""

    def __init__(self, writer: StreamWriter, clock: Clock, *, in_flight_bytes: int, bytes_per_s: float = 0) -> None:
        self.sent_bytes = 0
        self._writer = writer
        self._clock = clock
        self._limit = in_flight_bytes
        self._bytes_per_s = bytes_per_s
        self._free_at_s = 0.0
        self._puts: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._ended = asyncio.Event()
        self._failed: asyncio.Task[None] | None = None

    async def send(
        self,
        worker: Worker,
        source: Generator[Sealed | None, None, None],
        stored: dict[ChunkId, ChunkRef | None],
        *,
        limited: bool = True,
    ) -> None:
        """Send everything the source yields and note in `stored` where it lies; returns when all is acknowledged.

        The worker seals the next batch while this one is on its way. The first error ends it and is raised.
        """
        done = False
        try:
            while not done:
                batch, done = await worker.do(lambda: next_batch(source, weight=_weight, limit=_BATCH_BYTES))
                for sealed in batch:
                    await self._make_room(len(sealed.payload))
                    if limited:
                        await self._keep_to_the_rate(len(sealed.payload))
                    self._start(sealed, stored)
            await self._make_room(self._limit)
        finally:
            for put in self._puts:
                put.cancel()
            await asyncio.gather(*self._puts, return_exceptions=True)
            await worker.do(source.close)

    def _start(self, sealed: Sealed, stored: dict[ChunkId, ChunkRef | None]) -> None:
        size = len(sealed.payload)

        async def put() -> None:
            ref = await self._writer.put(sealed.id, sealed.payload)
            stored[sealed.id] = replace(ref, plain_bytes=sealed.plain_bytes)
            self.sent_bytes += size

        def end(put: asyncio.Task[None]) -> None:
            self._puts.discard(put)
            self._in_flight -= size
            failed = put.cancelled() or put.exception() is not None  # looked at, or asyncio complains
            if failed and self._failed is None:
                self._failed = put
            self._ended.set()

        task = asyncio.create_task(put())
        self._puts.add(task)
        self._in_flight += size
        task.add_done_callback(end)

    async def _make_room(self, size: int) -> None:
        """Wait until so many more bytes may be on their way; raise the first error of those that were."""
        while self._failed is None and self._puts and self._in_flight + size > self._limit:
            self._ended.clear()
            await self._ended.wait()
        if self._failed is not None:
            self._failed.result()

    async def _keep_to_the_rate(self, size: int) -> None:
        if self._bytes_per_s <= 0:
            return
        now_s = self._clock.monotonic_s()
        self._free_at_s = max(self._free_at_s, now_s) + size / self._bytes_per_s
        if self._free_at_s - now_s > 1:  # up to a second ahead is a burst, not a rate
            await self._clock.sleep_s(self._free_at_s - now_s - 1)


def _weight(sealed: Sealed) -> int:
    return len(sealed.payload)
