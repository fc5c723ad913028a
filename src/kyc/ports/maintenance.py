"""What the master has done with whole snapshots: copies to another stream, reading back, and freeing what is old."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kyc.ports.stream import Stream

OnCopied = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy came to: snapshots that are in the target now, and the bytes that this call sent.

    `skipped` are snapshots that cannot be read in the source, each with the reason.
    """

    snapshots: int
    sent_bytes: int
    skipped: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What went away: snapshots, chunks and their bytes as stored."""

    snapshots: int
    chunks: int
    stored_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A workload's place in a stream, and the key that its snapshots are sealed with."""

    stream: Stream
    workload: str
    key: bytes


class Maintenance(Protocol):
    """Work on a workload's snapshots as wholes. All raise what the stream's port raises.

    `copy` brings every snapshot of the source that the target lacks into it, oldest first, every chunk checked on the
    way; it may be cut off at any time, and called again goes on where it was. It opens `epoch` in the target, which has
    to be higher at each call; `name` tells the target from others. `on_copied` hears (bytes, of so many) of the
    snapshot that is on its way. ConflictError if the target's place is another workload's.
    `sift` reads everything in a target back, takes out of it the snapshots that are not whole, so that the next `copy`
    brings them anew, and returns what was damaged or missing, in words.
    `free` deletes what the retention does not keep.
    """

    async def copy(self, source: Place, target: Place, *, name: str, epoch: int, on_copied: OnCopied) -> Copied: ...

    async def sift(self, target: Place, *, name: str) -> list[str]: ...

    async def free(self, place: Place, *, now: datetime) -> Freed: ...
