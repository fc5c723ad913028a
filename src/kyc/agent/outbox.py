"""What the agent has still to say: numbered facts, kept until the master has acknowledged them.

In files rather than in memory, so that a day without the master costs no memory, and an agent that was killed and
started again still tells what the killed one knew.

Bounds: output is dropped while `limit_bytes` wait already, and the next output says how much; all other facts are
always kept, being small: some 40 MB for a day of steady progress. While the disk is full they stay in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import msgspec

from kyc.agent.journal import SEGMENT_BYTES, Cursor, Journal
from kyc.wire.agent import AnyFact, Fact, Printed, frame

LIMIT_BYTES = 256 * 1024 * 1024
MEMORY_LIMIT_BYTES = 4 * 1024 * 1024
RESTART_GAP = 1_000_000  # numbers that a killed agent may have used without a file to show it (its disk was full)


class Outbox:
    """The facts of one agent. `tell` never waits and never fails; an `OutboxReader` reads them back in order."""

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int = LIMIT_BYTES,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.journal = Journal(folder, segment_bytes=segment_bytes)
        self._limit_bytes = limit_bytes
        self._memory_limit_bytes = memory_limit_bytes
        self._last = (self.journal.next or 1) - 1
        self._next = self._last + 1 + (RESTART_GAP if self.journal.next is not None else 0)
        self._acknowledged = (self.journal.first or 1) - 1
        self._memory: list[str] = []  # the newest facts, from when the disk would not take them
        self._memory_bytes = 0
        self._dropped_bytes = 0
        self._news = asyncio.Event()
        self._heard = asyncio.Event()

    @property
    def last(self) -> int:
        """The number of the newest fact; 0 before the first."""
        return self._last

    @property
    def acknowledged(self) -> int:
        """The number up to which the master has everything."""
        return self._acknowledged

    def tell(self, fact: AnyFact) -> None:
        """Number the fact and keep it; wake whoever waits for news."""
        if isinstance(fact, Printed):
            if self._is_full():
                self._dropped_bytes += len(fact.text.encode())
                return
            fact = self._noted(fact)
        self._keep(frame(Fact(number=self._next, fact=fact)) + "\n")
        self._last = self._next
        self._next += 1
        self._news.set()
        self._news = asyncio.Event()

    async def wait_beyond(self, number: int) -> None:
        """Return once there is a fact with a higher number."""
        while self.last <= number:
            await self._news.wait()

    async def wait_until_heard(self) -> None:
        """Return once the master has everything."""
        while self._acknowledged < self._last:
            await self._heard.wait()

    def acknowledge(self, upto: int) -> None:
        """Forget the facts up to this number; a number acknowledged before, or never used, changes nothing."""
        if not self._acknowledged < upto <= self.last:
            return
        self._acknowledged = upto
        if upto == self._last:
            self._heard.set()
            self._heard = asyncio.Event()
        self.journal.drop(upto)
        known = self._memory[: max(0, upto + 1 - self.memory_from)]
        del self._memory[: len(known)]
        self._memory_bytes -= sum(map(len, known))

    @property
    def memory_from(self) -> int:
        """The number of the first fact that is in memory, or would be."""
        return self._next - len(self._memory)

    def from_memory(self, number: int) -> list[str]:
        """Return the facts from this number on that are in memory."""
        return self._memory[max(0, number - self.memory_from) :]

    def close(self) -> None:
        """Let go of the open file; the facts stay on disk."""
        self.journal.close()

    def _is_full(self) -> bool:
        return self._memory_bytes >= self._memory_limit_bytes or self.journal.size_bytes >= self._limit_bytes

    def _noted(self, fact: Printed) -> Printed:
        if not self._dropped_bytes:
            return fact
        note = f"[kyc: {self._dropped_bytes} bytes of output were dropped here, since too much waited to be sent]\n"
        self._dropped_bytes = 0
        return msgspec.structs.replace(fact, text=note + fact.text)

    def _keep(self, line: str) -> None:
        if not self._memory:  # else it would overtake those in memory
            with contextlib.suppress(OSError):
                self.journal.append(self._next, line.encode())
                return
        self._memory.append(line)
        self._memory_bytes += len(line)


class OutboxReader:
    """Reads on from the oldest fact that was not acknowledged when it was made."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._cursor = Cursor()
        self._read = outbox.acknowledged  # the number of the last fact returned

    async def next(self, *, max_bytes: int = 65_536) -> list[str]:
        """Return the next frames, at least one, about `max_bytes` together; wait until there are some."""
        while True:
            await self._outbox.wait_beyond(self._read)
            frames = self._from_files(max_bytes) or self._from_memory()
            if frames:
                return frames

    def _from_files(self, max_bytes: int) -> list[str]:
        while True:
            lines, self._cursor = self._outbox.journal.read(self._cursor, max_bytes=max_bytes)
            new = lines[max(0, self._read + 1 - (self._cursor.number - len(lines))) :]
            if lines:
                self._read = max(self._read, self._cursor.number - 1)
            if new or not lines:
                return new

    def _from_memory(self) -> list[str]:
        frames = self._outbox.from_memory(self._read + 1)
        self._read = self._outbox.last
        return [line.rstrip("\n") for line in frames]
