"""What a replica prints, on its way to the master in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kyc.agent.output import BATCH_BYTES
from kyc.ports.clock import Clock
from kyc.wire.agent import AnyFact
from kyc.wire.replica import ReplicaPrinted

BATCH_S = 0.25


class Lines:
    """Tells the lines of one replica. `add` takes one; `run` tells them soon; `flush` tells all at once."""

    def __init__(self, replica: str, *, tell: Callable[[AnyFact], None], clock: Clock) -> None:
        self._replica = replica
        self._tell = tell
        self._clock = clock
        self._lines: list[str] = []
        self._bytes = 0
        self._waiting = asyncio.Event()

    def add(self, line: str) -> None:
        """Take one line, without its end."""
        self._lines.append(line)
        self._bytes += len(line) + 1
        if self._bytes >= BATCH_BYTES:
            self.flush()
        self._waiting.set()

    async def run(self) -> None:
        """Tell lines a quarter of a second after they came, until cancelled."""
        while True:
            await self._waiting.wait()
            await self._clock.sleep_s(BATCH_S)
            self._waiting.clear()
            self.flush()

    def flush(self) -> None:
        """Tell everything now."""
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            self._lines, self._bytes = [], 0
            self._tell(ReplicaPrinted(at=self._clock.now(), replica=self._replica, text=text))
