"""A followed stream of the synchronous client: an iterator that outlives broken connections and restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

from kyc.domain.errors import UnreachableError
from kyc.sdk.calls import Call
from kyc.sdk.resume import IDLE_S, PATIENCE_S, Resume
from kyc.sdk.transport import Opened, Transport

T = TypeVar("T")
OnContact = Callable[[bool], None]


class Follow(Generic[T]):
    """Yields rows in order, each once, as they happen; ends when closed, or at `until_s` (of `time.monotonic`).

    `at` gives the call for a cursor. Raises UnreachableError once the master was silent for `patience_s`, and at once
    what it answers instead (NotFoundError, NotAllowedError). `close` may be called by another thread. `on_contact` is
    told False once when the master is found silent, and True once when it answers again.
    """

    def __init__(
        self,
        transport: Transport,
        at: Callable[[int], Call[T]],
        *,
        after: int,
        patience_s: float = PATIENCE_S,
        until_s: float | None = None,
        on_contact: OnContact | None = None,
    ) -> None:
        self._transport = transport
        self._at = at
        self._until_s = until_s
        self._on_contact = on_contact
        self._in_contact = True
        self._resume = Resume(at(after).reply, after=after, now_s=time.monotonic(), patience_s=patience_s)
        self._closed = threading.Event()
        self._opened: Opened | None = None
        self._rows = self._follow()

    @property
    def cursor(self) -> int:
        """The number of the last row given: where another `Follow` would go on."""
        return self._resume.cursor

    def close(self) -> None:
        """End the iteration, also one that waits in another thread."""
        self._closed.set()
        if self._opened is not None:
            self._opened.close()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return next(self._rows)

    def __enter__(self) -> Follow[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self) -> Iterator[T]:
        while not self._is_over():
            broken: UnreachableError | None = None
            try:
                yield from self._read_one_connection()
            except UnreachableError as error:
                broken = error
            if self._is_over():
                return
            if broken is not None:
                self._tell(in_contact=False)
            delay_s = self._resume.delay_s(broken, now_s=time.monotonic())
            self._closed.wait(min(delay_s, self._left_s()))

    def _read_one_connection(self) -> Iterator[T]:
        self._resume.connected()
        call = self._at(self._resume.cursor)
        idle_s = max(0.01, min(IDLE_S, self._left_s()))
        with self._transport.open(call, self._resume.headers, idle_s=idle_s) as self._opened:
            self._tell(in_contact=True)
            while not self._is_over() and (piece := self._opened.piece()):
                yield from self._resume.feed(piece, now_s=time.monotonic())

    def _tell(self, *, in_contact: bool) -> None:
        if in_contact != self._in_contact and self._on_contact is not None:
            self._on_contact(in_contact)
        self._in_contact = in_contact

    def _left_s(self) -> float:
        return float("inf") if self._until_s is None else max(0.0, self._until_s - time.monotonic())

    def _is_over(self) -> bool:
        return self._closed.is_set() or self._left_s() <= 0
