"""Work that blocks, in a thread of its own, a batch at a time, so that the event loop stays free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_BATCH_S = 0.1


class Worker:
    """One thread, started at the first call. `close` it when nothing runs in it any more. `busy_s`: how long it ran."""

    def __init__(self, name: str) -> None:
        self.busy_s = 0.0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, call: Callable[[], T], *, on_cancel: Callable[[], None] | None = None) -> T:
        """Run the call in the thread, after those before it; a cancelled wait ends only when the call has.

        `on_cancel` may tell the call to hurry.
        """
        running = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, call)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if on_cancel is not None:
                on_cancel()
            await asyncio.wait([running])
            raise

    def _timed(self, call: Callable[[], T]) -> T:
        began_s = time.monotonic()
        try:
            return call()
        finally:
            self.busy_s += time.monotonic() - began_s

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(wait=True)


def next_batch(source: Iterator[T | None], *, weight: Callable[[T], int], limit: int) -> tuple[list[T], bool]:
    """Take from the iterator until `limit` is weighed or a moment has passed; True with the last of it.

    None is a sign of life: it lets a moment pass in which there is nothing to take.
    """
    taken: list[T] = []
    total = 0
    until = time.monotonic() + _BATCH_S
    for item in source:
        if item is not None:
            taken.append(item)
            total += weight(item)
        if total >= limit or time.monotonic() > until:
            return taken, False
    return taken, True
