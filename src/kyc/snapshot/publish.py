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

_BATCH_BYTES = 2 * 1024 * 1024


class Publisher:
    """Puts chunks into the stream: at most `in_flight_bytes` at once, at most `bytes_per_s` if that is not 0."""

    def __init__(self, writer: StreamWriter, clock: Clock, *, in_flight_bytes: int, bytes_per_s: float = 0) -> None:
        self.sent_bytes = 0
        self._writer = writer
        self._clock = clock
        self._limit = in_flight_bytes
        self._bytes_per_s = bytes_per_s
        self._free_at_s = 0.0
        self._puts: dict[asyncio.Task[None], int] = {}
        self._in_flight = 0

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
            self._puts.clear()
            self._in_flight = 0
            await worker.do(source.close)

    def _start(self, sealed: Sealed, stored: dict[ChunkId, ChunkRef | None]) -> None:
        async def put() -> None:
            ref = await self._writer.put(sealed.id, sealed.payload)
            stored[sealed.id] = replace(ref, plain_bytes=sealed.plain_bytes)
            self.sent_bytes += len(sealed.payload)

        self._puts[asyncio.create_task(put())] = len(sealed.payload)
        self._in_flight += len(sealed.payload)

    async def _make_room(self, size: int) -> None:
        """Wait until so many more bytes may be on their way."""
        while self._puts and self._in_flight + size > self._limit:
            done, _ = await asyncio.wait(self._puts, return_when=asyncio.FIRST_COMPLETED)
            for put in done:
                self._in_flight -= self._puts.pop(put)
                put.result()

    async def _keep_to_the_rate(self, size: int) -> None:
        if self._bytes_per_s <= 0:
            return
        now_s = self._clock.monotonic_s()
        self._free_at_s = max(self._free_at_s, now_s) + size / self._bytes_per_s
        if self._free_at_s - now_s > 1:  # up to a second ahead is a burst, not a rate
            await self._clock.sleep_s(self._free_at_s - now_s - 1)


def _weight(sealed: Sealed) -> int:
    return len(sealed.payload)
