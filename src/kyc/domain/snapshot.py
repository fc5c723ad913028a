"""Files at one instant: the entries of a tree, the chunks that hold their bytes, and the manifest that names both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

ChunkId = NewType("ChunkId", str)  # BLAKE3 of the plain bytes, keyed by the workload, hex


class EntryKind(StrEnum):
    """What kind of thing a path is."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of a file's bytes: `length` bytes at `offset` of the chunk's plain content."""

    chunk: ChunkId
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path under the workload's root, '/' between names, never absolute and never with '..'.

    `mode` holds the permission bits, `target` a symlink's text or the path a hard link shares its file with;
    `holes` the (offset, length) runs of a sparse file that no piece covers; `digest` is the keyed BLAKE3 (hex) of a
    small file that shares its chunk with others. A name that is not UTF-8 has its bytes as lone surrogates (PEP 383).
    """

    path: str
    kind: EntryKind
    mode: int
    mtime_ns: int
    size: int = 0
    pieces: tuple[Piece, ...] = ()
    target: str = ""
    holes: tuple[tuple[int, int], ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRef:
    """Where one copy of a chunk lies in the stream: its stored size, and the backend's own word for the place.

    Each put makes a new copy with its own location, so that discarding an old copy never harms a newer one.
    """

    id: ChunkId
    stored_bytes: int
    location: str = ""
    plain_bytes: int = 0  # before it was sealed; 0 where nobody has said


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The list of a snapshot; it exists only if every chunk that it names does."""

    workload: str
    epoch: int
    sequence: int
    parent: int | None
    taken_at: datetime
    entries: tuple[Entry, ...]
    chunks: tuple[ChunkRef, ...]
    missed: tuple[str, ...] = ()  # paths that could not be read whole, by name

    @property
    def file_count(self) -> int:
        """How many regular files it holds (hard links count)."""
        return sum(1 for entry in self.entries if entry.kind in {EntryKind.FILE, EntryKind.HARDLINK})

    @property
    def byte_count(self) -> int:
        """How many bytes its files have in all."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSummary:
    """What is told about a snapshot without reading its manifest."""

    sequence: int
    epoch: int
    taken_at: datetime
    files: int
    bytes: int
    missed: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAccess:
    """What an agent needs to reach one workload's part of the stream: a URL and a secret.

    `lasts_s` is the secret's life from when it was granted, in seconds; None: it does not expire.
    """

    url: str
    workload: str
    token: str = ""
    lasts_s: float | None = None
