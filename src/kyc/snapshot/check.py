"""Whether a listing can be believed: it was sealed with the workload's key, but is read as if an enemy wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from kyc.domain.errors import DamagedDataError
from kyc.domain.snapshot import ChunkId, ChunkRef, Entry, EntryKind
from kyc.snapshot.listing import Signature, sort_key
from kyc.snapshot.scan import PART_PREFIX, Scope
from kyc.snapshot.seal import DIGEST_BYTES, MAX_PLAIN_BYTES
from kyc.snapshot.tree import check_path

_LARGEST_FILE = 1 << 62
_TIMES = range(-(1 << 63), 1 << 63)
_TARGET_LIMIT = 4096

Signed = tuple[Entry, Signature]


def checked(entries: Iterable[Signed], scope: Scope, chunks: Mapping[ChunkId, ChunkRef]) -> Iterator[Signed]:
    """Yield the entries; raise DamagedDataError at the first that cannot be.

    They are in order, each in a folder that came before it, in the scope, with plain names, and their bytes add up.
    """
    above: list[str] = []  # the folders that lead to where we are
    last = ""
    for entry, signature in entries:
        check_path(entry.path)
        key = sort_key(entry.path)
        if key <= last:
            raise _damaged(entry, "is not in order")
        last = key
        parent = entry.path.rpartition("/")[0]
        while above and above[-1] != parent:
            above.pop()
        if parent and not above:
            raise _damaged(entry, "lies in something that is not a folder")
        if entry.kind is EntryKind.FOLDER:
            above.append(entry.path)
        _check_scope(entry, scope)
        _check_content(entry, chunks)
        yield entry, signature


def _check_scope(entry: Entry, scope: Scope) -> None:
    on_the_way = entry.kind in {EntryKind.FOLDER, EntryKind.SYMLINK} and scope.leads_to(entry.path)
    if not on_the_way and not scope.covers(entry.path):
        raise _damaged(entry, "is not under a kept path")
    if entry.path.rpartition("/")[2].startswith(PART_PREFIX):
        raise _damaged(entry, "has a name that only unfinished files have")


def _check_content(entry: Entry, chunks: Mapping[ChunkId, ChunkRef]) -> None:
    if not 0 <= entry.mode <= 0o7777 or entry.mtime_ns not in _TIMES:
        raise _damaged(entry, "has permissions or a time that cannot be")
    if entry.kind is EntryKind.FILE:
        _check_file(entry, chunks)
        return
    if entry.pieces or entry.holes or entry.size or entry.digest:
        raise _damaged(entry, "has bytes, but is no file")
    is_link = entry.kind is not EntryKind.FOLDER
    if bool(entry.target) != is_link or len(entry.target) > _TARGET_LIMIT or "\0" in entry.target:
        raise _damaged(entry, "has a target that cannot be")
    if entry.kind is EntryKind.HARDLINK:
        check_path(entry.target)
        if sort_key(entry.target) >= sort_key(entry.path):
            raise _damaged(entry, "is a second name of a file that comes later")


def _check_file(entry: Entry, chunks: Mapping[ChunkId, ChunkRef]) -> None:
    total = sum(piece.length for piece in entry.pieces) + sum(length for _, length in entry.holes)
    if entry.target or total != entry.size or not 0 <= entry.size < _LARGEST_FILE:
        raise _damaged(entry, "has a size that its pieces do not have")
    if any(end > start for (at, length), (start, _) in pairwise(entry.holes) if (end := at + length)):
        raise _damaged(entry, "has holes that overlap")
    if entry.digest and (len(entry.digest) != 2 * DIGEST_BYTES or len(entry.pieces) != 1 or entry.holes):
        raise _damaged(entry, "is said to be a small file and is none")
    for piece in entry.pieces:
        ref = chunks.get(piece.chunk)
        if ref is None or piece.offset + piece.length > min(ref.plain_bytes, MAX_PLAIN_BYTES):
            raise _damaged(entry, "needs bytes that its chunk does not have")
        if not entry.digest and (piece.offset or piece.length != ref.plain_bytes):
            raise _damaged(entry, "needs a part of a chunk, which only small files do")


def _damaged(entry: Entry, why: str) -> DamagedDataError:
    return DamagedDataError(
        f"the snapshot's listing is wrong: {entry.path!r} {why}", next_step="Restore an older snapshot."
    )
