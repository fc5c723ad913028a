"""How much may be in flight at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Window:
    """A number of bytes that senders share, first come first served; one that is larger than all of it goes alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, size: int) -> None:
        """Wait for room and take it; `leave` gives it back."""
        if not self._waiting and self._fits(size):
            self._used += size
            return
        turn = (size, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        try:
            await turn[1]
        except asyncio.CancelledError:
            if not turn[1].cancelled():  # admitted and cancelled at the same moment
                self.leave(size)
            elif turn in self._waiting:
                self._waiting.remove(turn)
                self._admit()
            raise

    def leave(self, size: int) -> None:
        """Give room back."""
        self._used -= size
        self._admit()

    def _fits(self, size: int) -> bool:
        return not self._used or self._used + size <= self._limit

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._used += size
                turn.set_result(None)
