"""What the supervisor needs of the replication engine, by need: wiring fits the engine to it, tests a fake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from kyc.domain.snapshot import StreamAccess
from kyc.snapshot.workload import Commit, ReplicationOptions, Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files to replicate: `keep` paths under `root`, of a workload whose chunks are sealed with `key`."""

    workload: str
    root: Path
    keep: Sequence[str]
    key: bytes = field(repr=False)
    access: StreamAccess = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore brought. `fetched_bytes` came over the network; the rest was there already."""

    sequence: int | None
    files: int = 0
    bytes: int = 0
    fetched_bytes: int = 0


class Replication(Protocol):
    """Snapshots of one tree in one epoch, which it holds.

    `run` takes them on change until cancelled; it and `flush` raise FencedError once a higher epoch is open, and
    CredentialError. `flush` takes the last one, when the work has stopped; where `within_s` does not do for it, files
    are `missed`, or UnreachableError is raised. `hurry` shortens the interval and takes a snapshot at once.
    What is not yet safe: `dirty_...`, and how long a flush would take.
    """

    @property
    def dirty_bytes(self) -> int: ...

    @property
    def dirty_since(self) -> datetime | None: ...

    @property
    def dirty_paths(self) -> Sequence[str]: ...

    @property
    def flush_estimate_s(self) -> float: ...

    async def run(self) -> None: ...

    async def flush(self, *, within_s: float | None = None) -> Commit: ...

    def hurry(self, interval: timedelta) -> None: ...

    def close(self) -> None: ...


class Session(Protocol):
    """One tree's way to its place in the stream, for reading and, after `replicate`, for writing.

    `newest` is the newest committed sequence, None before the first. `restore` brings the newest that is whole to the
    disk, whatever is there now, fetching what differs; what is on the disk after an error is good for another restore
    only. `open_epoch` fences every lower one; then `replicate` goes on from what was restored last. Errors are those of
    ports.stream, and DamagedDataError where no snapshot can be trusted. `renew` takes a newer credential, whatever else
    goes on. `close` comes last.
    """

    async def newest(self) -> int | None: ...

    async def restore(self) -> Restored: ...

    async def open_epoch(self, epoch: int) -> None: ...

    def replicate(self, *, options: ReplicationOptions, tell: Tell) -> Replication: ...

    def renew(self, access: StreamAccess) -> None: ...

    async def close(self) -> None: ...


class Engine(Protocol):
    """Opens sessions."""

    async def open(self, tree: Tree) -> Session: ...
