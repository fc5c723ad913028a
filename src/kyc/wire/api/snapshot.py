"""Snapshots of a workload: which there are, what changed between two, whether they can be read back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRow:
    """One committed snapshot."""

    sequence: int
    epoch: int
    taken_at: datetime
    files: int
    bytes: int
    missed: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDifference:
    """`GET /workloads/{name}/snapshots/diff`: paths, in order. `changed` means content, kind or target."""

    older: int
    newer: int
    added: list[str]
    removed: list[str]
    changed: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedFile:
    """A file that cannot be restored whole, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSnapshot:
    """One snapshot as it was read back. `unreadable` says why not even its list of files could be read."""

    sequence: int
    files: int
    chunks: int
    stored_bytes: int
    damaged: list[DamagedFile]
    unreadable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """The end of a verification: `ok` if every snapshot that was looked at could be restored whole."""

    name: str
    ok: bool
    snapshots: list[VerifiedSnapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a long request has come: `done` of `total`."""

    done: int
    total: int
