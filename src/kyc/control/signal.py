"""A wake-up hint: something may have changed. Losing one costs time, never correctness."""

from __future__ import annotations

import asyncio


class Signal:
    """Wakes everybody who waits. `mark` before looking, `wait(mark)` after: a hint in between is not missed."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = asyncio.Event()

    @property
    def mark(self) -> int:
        """How often it was notified so far."""
        return self._count

    def notify(self) -> None:
        """Wake all who wait now."""
        self._count += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self, mark: int, *, timeout_s: float) -> None:
        """Return once notified since the mark was taken, or after the time-out."""
        if mark != self._count:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return
