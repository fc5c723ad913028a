"""Server-sent events (WHATWG HTML, section 9.2): bytes in, events out. Pure; the clients bring the bytes."""

from __future__ import annotations

from dataclasses import dataclass

from kyc.domain.errors import UnreachableError

MAX_EVENT_BYTES = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event. `id` is the last id the stream has named, '' before any."""

    id: str
    event: str
    data: str


class EventParser:
    """Takes a stream's bytes as they come, in any pieces, and gives the events that are complete.

    An event cut off by the stream's end is never given, as the specification demands.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""
        self._event = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """Return the events that the piece completes; raise UnreachableError for one that is absurdly large."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) + self._size > MAX_EVENT_BYTES:
            raise UnreachableError(
                "the master sends an event without end", next_step="Check that KYC_URL is a kyc master."
            )
        found = (self._line(line.removesuffix(b"\r").decode("utf-8", "replace")) for line in lines)
        return [event for event in found if event is not None]

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
                self._size += len(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
        return None

    def _complete(self) -> ServerEvent | None:
        data, self._data, self._size = self._data, [], 0
        event, self._event = self._event or "message", ""
        return ServerEvent(id=self._id, event=event, data="\n".join(data)) if data else None
