"""Runs of chunks on their way: how many at once, what has come, which of them failed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from kyc.domain.snapshot import ChunkId, ChunkRef

_IN_FLIGHT_BYTES = 16_000_000
_IN_FLIGHT_RUNS = 64


class Fetching:
    """Runs that were asked for and have not all come. What came and was not taken counts as in flight, too."""

    def __init__(self) -> None:
        self._asked: set[asyncio.Task[None]] = set()
        self._came: deque[tuple[ChunkRef, bytes]] = deque()
        self._failed: list[BaseException] = []
        self._some = asyncio.Event()
        self._in_flight = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is on its way, nothing waits to be taken, and no failure waits to be told."""
        return not (self._asked or self._came or self._failed)

    def has_room_for(self, run: Sequence[ChunkRef]) -> bool:
        """Say whether one more run may be asked for now."""
        fits = len(self._asked) < _IN_FLIGHT_RUNS and self._in_flight + _stored_bytes(run) <= _IN_FLIGHT_BYTES
        return fits or not self._asked

    def begin(self, run: Sequence[ChunkRef], fetch: Coroutine[Any, Any, None]) -> None:
        """Start to fetch a run; `fetch` calls `arrive` for each of it."""
        self._in_flight += _stored_bytes(run)
        task = asyncio.create_task(fetch)
        self._asked.add(task)
        task.add_done_callback(self._end)

    def arrive(self, ref: ChunkRef, payload: bytes) -> None:
        """Take what came."""
        self._came.append((ref, payload))
        self._some.set()

    async def some(self) -> None:
        """Wait until something came or a run ended; raise what a run failed with."""
        if self._asked and not self._came:
            self._some.clear()
            await self._some.wait()
        if self._failed:
            raise self._failed[0]

    def take(self) -> Iterator[tuple[ChunkId, bytes]]:
        """Yield what has come."""
        while self._came:
            ref, payload = self._came.popleft()
            self._in_flight -= ref.stored_bytes
            yield ref.id, payload

    async def stop(self) -> None:
        """End whatever is still on its way."""
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._asked.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed.append(error)
        self._some.set()


def runs(wanted: Sequence[ChunkRef], *, limit: int) -> Iterator[list[ChunkRef]]:
    """Yield what is wanted as it lies in the stream, a list for what lies side by side, of `limit` bytes at most."""
    run: list[ChunkRef] = []
    size = 0
    for ref in sorted(wanted, key=_number):
        beside = bool(run) and _number(ref) == _number(run[-1]) + 1
        if run and (not beside or size + ref.stored_bytes > limit):
            yield run
            run, size = [], 0
        run.append(ref)
        size += ref.stored_bytes
    if run:
        yield run


def _number(ref: ChunkRef) -> int:
    """Return the copy's number in the stream."""
    return int(ref.location or 0)


def _stored_bytes(run: Sequence[ChunkRef]) -> int:
    return sum(ref.stored_bytes for ref in run)
