"""Following a server-sent stream over broken connections and restarts. Pure: the clients bring time and bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from kyc.domain.errors import UnreachableError
from kyc.sdk.sse import EventParser, ServerEvent

T = TypeVar("T")

IDLE_S = 45.0  # a silent connection is opened anew after this; the master speaks at least every 15 s
PATIENCE_S = 60.0
_FIRST_DELAY_S = 0.1
_LAST_DELAY_S = 2.0


class Resume(Generic[T]):
    """Where a followed stream stands. Nothing is given twice, nothing is skipped.

    `cursor` is the id of the last row given. One `Resume` sees many connections, each begun by `connected`.
    """

    def __init__(self, reply: type[T], *, after: int, now_s: float, patience_s: float = PATIENCE_S) -> None:
        self.cursor = after
        self._decoder = msgspec.json.Decoder(reply)
        self._parser = EventParser()
        self._patience_s = patience_s
        self._heard_s = now_s
        self._delay_s = _FIRST_DELAY_S

    @property
    def headers(self) -> dict[str, str]:
        """What a connection asks with, so that the stream goes on behind the cursor."""
        return {"Accept": "text/event-stream", "Last-Event-ID": str(self.cursor)}

    def connected(self) -> None:
        """A new connection begins; half an event of the old one is forgotten, the stream will tell it again."""
        self._parser = EventParser()

    def feed(self, piece: bytes, *, now_s: float) -> Iterator[T]:
        """Yield the rows that the bytes complete; raise UnreachableError for bytes that are no such stream."""
        self._heard_s = now_s
        self._delay_s = _FIRST_DELAY_S
        for event in self._parser.feed(piece):
            number = _number(event)
            if number is not None and number > self.cursor:
                row = self._row(event)
                self.cursor = number
                yield row

    def delay_s(self, error: UnreachableError | None, *, now_s: float) -> float:
        """Return how long to wait before the next try; raise the error once nothing was heard for the patience."""
        if error is not None and now_s - self._heard_s >= self._patience_s:
            raise error
        delay = self._delay_s
        self._delay_s = min(_LAST_DELAY_S, delay * 2)
        return delay

    def _row(self, event: ServerEvent) -> T:
        try:
            return self._decoder.decode(event.data)
        except msgspec.DecodeError as error:
            raise UnreachableError(
                f"the master sent an event that makes no sense: {error}",
                next_step="Run the same version of kyc on both sides.",
            ) from error


def _number(event: ServerEvent) -> int | None:
    return int(event.id) if event.id.isdecimal() else None
