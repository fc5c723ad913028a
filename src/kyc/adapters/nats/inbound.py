"""What comes from a NATS server, cut into lines and messages: the reading side of its protocol."""

from __future__ import annotations

import mmap
from collections.abc import Callable

_CRLF = b"\r\n"
_BUFFER_BYTES = 1_100_000  # one message of the largest payload, its headers and its control line
_LINE_LIMIT = 65_536

TakeLine = Callable[[bytes, bytes], None]  # (operation, the rest)
TakeMessage = Callable[[int, bytes, bytes], None]  # (token, block of headers, payload)


class NotNatsError(Exception):
    """What came is not the protocol."""


class Inbound:
    """A buffer that the socket reads into. A message goes to `take_message`, by the last word of its subject, a number.

    Every other line goes to `take_line`.
    """

    def __init__(self, take_line: TakeLine, take_message: TakeMessage) -> None:
        self._take_line = take_line
        self._take_message = take_message
        self._store = mmap.mmap(-1, _BUFFER_BYTES)  # not a bytearray: what was never used takes no memory
        self._view = memoryview(self._store)
        self._start = self._end = 0
        self._body: tuple[int, int, int] | None = None  # the message being received: token, header bytes, all bytes

    def room(self) -> memoryview:
        """Give room for what comes next: the rest of the message at least, so that it lies in one piece."""
        pending = self._end - self._start
        wanted = max(self._body[2] + 2 if self._body else 0, _LINE_LIMIT)
        if len(self._store) - self._start < wanted or self._end == len(self._store):
            if len(self._store) < wanted:
                grown = mmap.mmap(-1, wanted)
                grown[:pending] = self._view[self._start : self._end]
                self._store, self._view = grown, memoryview(grown)
            else:
                self._view[:pending] = bytes(self._view[self._start : self._end])
            self._start, self._end = 0, pending
        return self._view[self._end :]

    def add(self, count: int) -> None:
        """Take what came, and hand on all that is whole; raise NotNatsError."""
        self._end += count
        while self._take_one():
            pass
        if self._start == self._end:
            self._start = self._end = 0

    def _take_one(self) -> bool:
        if self._body is not None:
            token, header_bytes, size = self._body
            if self._end - self._start < size + 2:
                return False
            self._body = None
            body = self._view[self._start : self._start + size]
            self._start += size + 2
            self._take_message(token, bytes(body[:header_bytes]), bytes(body[header_bytes:]))
            return True
        found = self._store.find(_CRLF, self._start, self._end)
        if found < 0:
            if self._end - self._start >= _LINE_LIMIT:
                raise NotNatsError
            return False
        operation, _, rest = bytes(self._view[self._start : found]).partition(b" ")
        self._start = found + 2
        match operation.upper():
            case b"MSG":
                words = rest.split()
                self._body = (_token(words[0]), 0, int(words[-1]))
            case b"HMSG":
                words = rest.split()
                self._body = (_token(words[0]), int(words[-2]), int(words[-1]))
            case other:
                self._take_line(other, rest)
        return True


def _token(subject: bytes) -> int:
    return int(subject.rpartition(b".")[2])
