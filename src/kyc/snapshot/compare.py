"""What of a file is on the disk already."""

from __future__ import annotations

import os
from collections.abc import Iterator

from kyc.domain.snapshot import Entry, Piece
from kyc.snapshot.cut import data_extents
from kyc.snapshot.seal import MAX_PLAIN_BYTES, Keyring

_ZEROS = bytes(256 * 1024)


def laid_out(entry: Entry) -> Iterator[tuple[int, Piece]]:
    """Yield the file's pieces with their places in it."""
    holes = dict(entry.holes)
    at = 0
    for piece in entry.pieces:
        while at in holes:
            at += holes[at]
        yield at, piece
        at += piece.length


def has_same_bytes(one: Entry, other: Entry) -> bool:
    """Say whether two entries describe the same content."""
    return one.pieces == other.pieces and one.holes == other.holes and one.size == other.size


class Comparer:
    """Compares open files with entries. For one thread: it reuses its buffer."""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys
        self._buffer = memoryview(bytearray(MAX_PLAIN_BYTES))

    def is_small_file(self, handle: int, entry: Entry) -> bool:
        """Say whether the file is exactly the small one of the entry."""
        data = self._read(handle, 0, entry.size)
        return data is not None and self._keys.digest(data) == entry.digest

    def right_pieces(self, handle: int, entry: Entry) -> set[int]:
        """Return the numbers of the pieces that are in their places, found by reading them."""
        right = set()
        for number, (offset, piece) in enumerate(laid_out(entry)):
            data = self._read(handle, offset, piece.length)
            if data is not None and self._keys.chunk_id(data) == piece.chunk:
                right.add(number)
        return right

    def holes_are_empty(self, handle: int, entry: Entry) -> bool:
        """Say whether the entry's holes read as zeros, as far as the file reaches."""
        size = os.fstat(handle).st_size
        for start, end in data_extents(handle, size):
            for at, length in entry.holes:
                low, high = max(start, at), min(end, at + length)
                while low < high:
                    data = os.pread(handle, min(high - low, len(_ZEROS)), low)
                    if not data or data != _ZEROS[: len(data)]:
                        return False
                    low += len(data)
        return True

    def _read(self, handle: int, offset: int, length: int) -> memoryview | None:
        """Return exactly so many bytes from there, None if the file does not have them."""
        data = self._buffer[:length]
        done = 0
        while done < length:
            count = os.preadv(handle, [data[done:]], offset + done)
            if count == 0:
                return None
            done += count
        return data


def known_pieces(earlier: Entry, entry: Entry) -> set[int]:
    """Return the numbers of the entry's pieces that lay at the same places before."""
    before = dict(laid_out(earlier))
    return {number for number, (offset, piece) in enumerate(laid_out(entry)) if before.get(offset) == piece}
