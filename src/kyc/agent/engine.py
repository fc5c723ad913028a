"""What the supervisor needs of the replication engine, by need: tests and wiring fit an engine to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from kyc.domain.snapshot import StreamAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files to replicate: `keep` paths under `root`, of a workload whose chunks are sealed with `key`."""

    workload: str
    root: Path
    keep: Sequence[str]
    key: bytes
    access: StreamAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A snapshot that is in the stream."""

    sequence: int
    files: int
    bytes: int
    sent_bytes: int
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is not yet safe: an estimate, from the last look at the files."""

    dirty_bytes: int = 0
    dirty_since: datetime | None = None
    flush_estimate_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A snapshot that is on the disk. `fetched_bytes` came over the network; the rest was there already."""

    sequence: int
    files: int
    bytes: int
    fetched_bytes: int


class Publisher(Protocol):
    """Takes snapshots in one epoch; one call at a time.

    `snapshot` returns None when nothing has changed, unless `final`. It raises FencedError, UnreachableError
    and the other errors of ports.stream; repeating it after an error is safe.
    """

    async def snapshot(self, *, final: bool) -> Taken | None: ...

    def backlog(self) -> Backlog: ...

    async def close(self) -> None: ...


class Restorer(Protocol):
    """Brings snapshots to the disk, whatever is there now.

    `newest` is the newest committed sequence, None before the first. `restore` makes the kept paths those of that
    snapshot, fetching what differs only; NotFoundError if the snapshot is gone, DamagedDataError if it cannot be
    trusted: what is on the disk then is usable for another restore only.
    """

    async def newest(self) -> int | None: ...

    async def restore(self, sequence: int) -> Fetched: ...

    async def close(self) -> None: ...


class Engine(Protocol):
    """Opens both ends for one tree. `publisher` opens the epoch, which fences every lower one."""

    async def restorer(self, tree: Tree) -> Restorer: ...

    async def publisher(self, tree: Tree, epoch: int) -> Publisher: ...
