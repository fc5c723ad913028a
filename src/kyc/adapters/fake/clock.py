"""Time that moves only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)
_EPSILON_S = 1e-9  # below it two times are the same: sums of floats


class FakeClock:
    """A Clock whose hands are moved by `advance`.

    Sleepers wake in the order of their times, each at exactly its own time; between two of them the event loop turns
    `turns` times, so that what woke up gets as far as its next wait before the hands move on.
    """

    def __init__(self, start: datetime = START, *, turns: int = 50) -> None:
        self._now = start
        self._monotonic_s = 0.0
        self._turns = turns
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        """Return the wall clock as set."""
        return self._now

    def monotonic_s(self) -> float:
        """Return the seconds advanced so far."""
        return self._monotonic_s

    async def sleep_s(self, seconds: float) -> None:
        """Wait until the hands have moved on by `seconds`; 0 only lets others run."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        self.call_in_s(seconds, woken.set)
        await woken.wait()

    def call_in_s(self, seconds: float, callback: Callable[[], None]) -> None:
        """Have the callback called when the hands have moved on by `seconds`."""
        heapq.heappush(self._due, (self._monotonic_s + seconds, next(self._order), callback))

    async def advance(self, seconds: float) -> None:
        """Move the hands on by `seconds`, calling and waking on the way whoever is due."""
        end = self._monotonic_s + seconds
        await self._turn()
        while self._due and self._due[0][0] <= end + _EPSILON_S:
            due, _, callback = heapq.heappop(self._due)
            self._set(max(due, self._monotonic_s))
            callback()
            await self._turn()
        self._set(end)
        await self._turn()

    def jump(self, by: timedelta) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; the monotonic clock stays."""
        self._now += by

    def _set(self, monotonic_s: float) -> None:
        self._now += timedelta(seconds=monotonic_s - self._monotonic_s)
        self._monotonic_s = monotonic_s

    async def _turn(self) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(0)
