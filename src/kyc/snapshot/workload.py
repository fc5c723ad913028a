"""Whose files are replicated and restored, and what is said about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from kyc.domain.errors import KycError
from kyc.snapshot.listing import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadFiles:
    """Whose files, where: the kept paths relative to `root`, patterns that are left out, the workload's 32-byte key."""

    name: str
    root: Path
    key: bytes = field(repr=False)
    kept: Sequence[str] = (".",)
    ignored: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationOptions:
    """How often and how much. `paranoid` reads unchanged files again; `bytes_per_s` 0: as fast as the stream takes it.

    `rescan` is the longest time between two walks: the safety net for changes that the kernel does not tell.
    """

    interval: timedelta = timedelta(seconds=2)
    rescan: timedelta = timedelta(seconds=30)
    in_flight_bytes: int = 16 * 1024 * 1024
    bytes_per_s: float = 0
    paranoid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What is on this machine as of one snapshot: a restore ends with it, a replicator goes on from it."""

    sequence: int
    listing: Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A snapshot that is in the stream. `flushed`: it was asked for as the last one.

    A flush that finds nothing changed names the snapshot before, with `sent_bytes` 0. `rpo_s` is how long the oldest
    change in it had been unsafe, `dirty_bytes` what changed again while it was taken, `busy_s` what of `took_s` was not
    waiting for the stream. `special` are pipes, sockets and
    devices, with the reason why they are not in it: each is told once, and none makes anything unsafe.
    """

    sequence: int
    files: int
    bytes: int
    sent_bytes: int
    took_s: float
    missed: tuple[str, ...]
    flushed: bool
    read_bytes: int = 0
    busy_s: float = 0
    rpo_s: float = 0
    dirty_bytes: int = 0
    special: tuple[str, ...] = ()


async def nobody(_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Who is told: of every snapshot, and of every attempt that the stream did not take."""

    commit: Callable[[Commit], Awaitable[None]] = nobody
    trouble: Callable[[KycError], Awaitable[None]] = nobody
