"""The end of the timeline, of which the store only knows how to read onwards."""

from __future__ import annotations

from kyc.domain.event import Event
from kyc.ports.store import EventFilter, Store


async def newest_events(store: Store, count: int, wanted: EventFilter, *, before: int | None = None) -> list[Event]:
    """Return the newest `count` wanted events (of those before a seq), oldest first.

    It looks back in windows that double, until enough is found or the beginning is reached.
    """
    last = await store.last_event_seq() if before is None else before - 1
    window = max(count, 1)
    while True:
        start = max(0, last - window)
        events = await store.events_after(start, limit=window, wanted=wanted)
        found = [event for event in events if event.seq <= last]
        if len(found) >= count or start == 0:
            return found[len(found) - min(count, len(found)) :]
        window *= 2
