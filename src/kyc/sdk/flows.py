"""What takes several calls, as generators that yield a call and are sent its reply: one text for both clients."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import TypeVar

from kyc.sdk import calls
from kyc.sdk.calls import Call
from kyc.wire.api import EventRow

T = TypeVar("T")
R = TypeVar("R")
Flow = Generator[Call[T], T, R]

# The domain's words, spelled out: importing its state machines takes longer than `kyc ps` may. A test compares them.
OVER = frozenset({"succeeded", "failed", "stopped"})
ENDINGS = ("job.succeeded", "job.failed", "job.stopped", "service.stopped", "service.failed")


def is_over(state: str) -> bool:
    """Say whether a workload in this state has ended."""
    return state in OVER


def last_seq() -> Flow[list[EventRow], int]:
    """Return the number of the newest event, 0 if there is none: follow after it to see only what is new."""
    newest = yield calls.events(after=None, limit=None, kinds=(), subject=None, tail=1)
    return newest[-1].seq if newest else 0


def seq_before(at: datetime) -> Flow[list[EventRow], int]:
    """Return the number to read after to see what happened since `at`, by a few calls however long the timeline."""
    low, high = 0, (yield from last_seq())
    while low < high:  # every event up to `low` is older than `at`, the first one after `high` is not
        middle = (low + high) // 2
        page = yield calls.events(after=middle, limit=1, kinds=(), subject=None, tail=None)
        if page and page[0].at < at:
            low = page[0].seq
        else:
            high = middle
    return low
