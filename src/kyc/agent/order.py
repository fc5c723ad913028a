"""What the master wants of one attempt, newest first; whoever carries it out waits here for the next phase."""

from __future__ import annotations

import asyncio

from kyc.wire.agent import Assignment


class Order:
    """The newest assignment of one attempt."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self._changed = asyncio.Event()

    def update(self, assignment: Assignment) -> None:
        """Take the newer assignment; wake who waits for a phase."""
        self.assignment = assignment
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def phase(self) -> str:
        """The phase wanted now."""
        return self.assignment.phase

    async def until(self, *phases: str) -> Assignment:
        """Return the assignment once one of these phases is wanted."""
        while self.assignment.phase not in phases:
            await self._changed.wait()
        return self.assignment
