"""The newest events in memory: one read of the database for all who follow the timeline, however many they are.

Whoever asks for what is older reads the database itself, as before. What other masters write on the same database is
seen a second later at most, when somebody looks.
"""

from __future__ import annotations

import asyncio
from collections import deque

from kyc.control.signal import Signal
from kyc.domain.event import Event
from kyc.ports.clock import Clock
from kyc.ports.store import EventFilter, Store

_KEPT = 2000
_PAGE = 500
_FRESH_S = 1.0


class Timeline:
    """Everything after one seq and up to another, as of the last look."""

    def __init__(self, store: Store, signal: Signal, clock: Clock) -> None:
        self._store = store
        self._signal = signal
        self._clock = clock
        self._events: deque[Event] = deque()
        self._after: int | None = None  # all that comes after this, and up to `_upto`, is here
        self._upto = 0
        self._mark = -1
        self._looked_s = 0.0
        self._looking = asyncio.Lock()

    async def events_after(self, seq: int, *, limit: int, wanted: EventFilter) -> tuple[list[Event], int]:
        """Return the wanted events after the place, `limit` at most, and up to where all there is was looked at.

        Raises UnreachableError.
        """
        await self._look()
        upto = self._upto
        if self._after is None or seq < self._after:
            found = await self._store.events_after(seq, limit=limit, wanted=wanted)
        else:
            found = [event for event in self._events if event.seq > seq and _fits(event, wanted)][:limit]
        if len(found) == limit:
            return found, found[-1].seq
        return found, max([seq, upto, *(event.seq for event in found[-1:])])

    async def _look(self) -> None:
        """Read what is new, unless somebody has done so since the last hint that there may be something."""
        if self._is_fresh():
            return
        async with self._looking:
            if self._is_fresh():
                return
            mark = self._signal.mark
            if self._after is None:
                self._after = self._upto = await self._store.last_event_seq()
            while new := await self._store.events_after(self._upto, limit=_PAGE):
                self._events += new
                self._upto = new[-1].seq
                if len(new) < _PAGE:
                    break
            while len(self._events) > _KEPT:
                self._after = self._events.popleft().seq
            self._mark, self._looked_s = mark, self._clock.monotonic_s()

    def _is_fresh(self) -> bool:
        return self._mark == self._signal.mark and self._clock.monotonic_s() - self._looked_s < _FRESH_S


def _fits(event: Event, wanted: EventFilter) -> bool:
    return (wanted.kinds is None or event.kind in wanted.kinds) and wanted.subject in {None, event.subject}
