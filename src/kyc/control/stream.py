"""The stream loop: the embedded stream server runs, whatever happens to it."""

from __future__ import annotations

from dataclasses import dataclass

from kyc.control.context import Context
from kyc.domain.event import Event, EventKind


@dataclass(slots=True)
class StreamKeeper:
    """Starts the stream server when it is not there, and says so."""

    context: Context
    _was_up: bool = False

    async def tick(self) -> None:
        """Make sure that the server answers; raises UnreachableError while it cannot be had."""
        started = await self.context.stream_host.ensure()
        if started:
            reason = "it was gone" if self._was_up else "the master needs it"
            event = Event(kind=EventKind.STREAM_STARTED, subject="stream", at=self.context.clock.now(), reason=reason)
            await self.context.store.save(events=[event])
            self.context.signal.notify()
        self._was_up = True
