"""The answer of a request that takes long: progress, then its result or the problem. Pure: clients bring the bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from kyc.domain.errors import UnreachableError
from kyc.sdk.calls import Call
from kyc.sdk.sse import EventParser
from kyc.wire.api import Problem, Progress
from kyc.wire.problem import error_of

T = TypeVar("T")

OnProgress = Callable[[int, int], None]
HEADERS = {"Accept": "text/event-stream"}


class LongAnswer(Generic[T]):
    """Takes the bytes as they come; `end` gives the result once there are no more."""

    def __init__(self, call: Call[T], on_progress: OnProgress | None) -> None:
        self._reply = call.reply
        self._on_progress = on_progress
        self._parser = EventParser()
        self._result: list[T] = []

    def feed(self, piece: bytes) -> None:
        """Take some bytes; raise the error that the master tells of."""
        for event in self._parser.feed(piece):
            match event.event:
                case "progress":
                    progress = _decoded(event.data, Progress)
                    if self._on_progress is not None:
                        self._on_progress(progress.done, progress.total)
                case "result":
                    self._result = [_decoded(event.data, self._reply)]
                case "problem":
                    raise error_of(_decoded(event.data, Problem))

    def end(self) -> T:
        """Return the result; raise UnreachableError if the answer broke off before it."""
        if not self._result:
            raise UnreachableError("the master's answer broke off before its end", next_step="Ask again.")
        return self._result[0]


def _decoded(data: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise UnreachableError(
            f"the master sent an event that makes no sense: {error}",
            next_step="Run the same version of kyc on both sides.",
        ) from error
