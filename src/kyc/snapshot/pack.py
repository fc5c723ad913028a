"""Small files share chunks: a message for each of 20,000 small files would make a snapshot twice as slow.

A pack is never changed. When most of its files have changed since, those that have not are packed again with others,
and so are many little packs: `wasteful_packs` names them, and the next pass reads their files again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kyc.domain.snapshot import ChunkId, ChunkRef, Entry, Piece
from kyc.snapshot.order import Waiting
from kyc.snapshot.seal import MAX_PLAIN_BYTES, Keyring

PACKED_BELOW_BYTES = 128 * 1024
_LEAST_USED = 0.4
_LITTLE_BYTES = 256 * 1024
_LITTLE_PACKS = 64
_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class Pack:
    """A closed pack."""

    id: ChunkId
    data: bytearray


class Packer:
    """Collects small files until a pack is full."""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys
        self._data = bytearray()
        self._members: list[tuple[Waiting, Entry, int]] = []

    def fits(self, data: bytes) -> bool:
        """Say whether the open pack has room for it."""
        return len(self._data) + len(data) <= MAX_PLAIN_BYTES

    def add(self, waiting: Waiting, entry: Entry, data: bytes) -> None:
        """Put a file's content into the open pack; its entry is filled in when the pack is closed."""
        self._members.append((waiting, entry, len(self._data)))
        self._data += data

    def close(self) -> Pack | None:
        """Close the open pack, and tell its files where they lie; None if it is empty."""
        if not self._members:
            return None
        pack = Pack(self._keys.chunk_id(self._data), self._data)
        for waiting, entry, offset in self._members:
            waiting.entry = Entry(  # by hand: dataclasses.replace takes five times as long, for each of 20,000 files
                path=entry.path,
                kind=entry.kind,
                mode=entry.mode,
                mtime_ns=entry.mtime_ns,
                size=entry.size,
                pieces=(Piece(chunk=pack.id, offset=offset, length=entry.size),),
                digest=entry.digest,
            )
        self._data, self._members = bytearray(), []
        return pack


def wasteful_packs(entries: Iterable[Entry], chunks: Mapping[ChunkId, ChunkRef]) -> frozenset[ChunkId]:
    """Return the packs whose files should be packed again, the emptiest first and not too many at once."""
    used: Counter[ChunkId] = Counter()
    for entry in entries:
        if entry.digest and entry.pieces:
            used[entry.pieces[0].chunk] += entry.size
    sizes = {chunk: chunks[chunk].plain_bytes or 1 for chunk in used}
    hollow = sorted((used[chunk] / sizes[chunk], chunk) for chunk in used if used[chunk] < _LEAST_USED * sizes[chunk])
    wasteful = {chunk for _, chunk in hollow[:_AT_ONCE]}
    little = [chunk for chunk, size in sizes.items() if size < _LITTLE_BYTES]
    if len(little) > _LITTLE_PACKS:
        wasteful.update(little)
    return frozenset(wasteful)
