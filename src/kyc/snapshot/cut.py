"""Where files are cut into chunks.

A file seen for the first time is cut by its content (FastCDC, 128 KiB to 999,971 bytes, 256 KiB on average), so that an
insertion moves no later cut. A file that changed is first compared with its own earlier cuts, at their places: what is
rewritten in place then costs its own range only, and is cut on a fixed grid from then on, since it is likely to be
written again. What matches nowhere near is cut by content again. So what a file does chooses how it is cut.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pyfastcdc import FastCDC

from kyc.domain.snapshot import ChunkId, Piece
from kyc.snapshot.seal import MAX_PLAIN_BYTES, Keyring

WINDOW_BYTES = 4 * 1024 * 1024
GRID_BYTES = 256 * 1024
_MIN_BYTES = 128 * 1024  # nobody looks for a cut before it: the cutter takes a third less time than for half of it
_MID_BYTES = 192 * 1024  # FastCDC's mean comes out above what it is told: 256 KiB for this, measured on random bytes
_LOOK_AHEAD = 8  # old pieces after a changed one; further away nothing is believed to be in its old place
_STRETCH_BYTES = 16 * 1024 * 1024  # of a rewritten file that are cut by content before the old places are tried again


class Cut(NamedTuple):
    """A run of a file: its content (valid until the next cut is asked for), or the old piece that still holds it."""

    offset: int
    length: int
    chunk: ChunkId
    data: memoryview | None


class TruncatedFileError(Exception):
    """The file is shorter than it was a moment ago."""


class Cutter:
    """Cuts one workload's files. For one thread: it reuses its window."""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys
        self._memory = mmap.mmap(-1, WINDOW_BYTES)  # not a bytearray: what was never used takes no memory
        self._window = memoryview(self._memory)
        self._cdc = FastCDC(
            _MID_BYTES, min_size=_MIN_BYTES, max_size=MAX_PLAIN_BYTES, normalized_chunking=2, seed=keys.cut_seed
        )

    def rest(self) -> None:
        """Give the window's memory back until the next file; no cut's data may be in use."""
        self._memory.madvise(mmap.MADV_DONTNEED)

    def cuts(self, handle: int, size: int, old: Sequence[Piece], *, same_size: bool) -> Iterator[Cut]:
        """Yield the file's cuts in order, holes left out; raise TruncatedFileError when it ends early.

        `old` are its earlier pieces, one after the other from its start, or nothing if it is new (or was sparse).
        """
        for start, end in data_extents(handle, size):
            if start == 0 and end == size and old:
                yield from self._against(handle, size, old, same_size=same_size)
            else:
                yield from self._by_content(handle, start, end)

    def _against(self, handle: int, size: int, old: Sequence[Piece], *, same_size: bool) -> Iterator[Cut]:
        """Compare with the old pieces at their places."""
        starts = [0]
        for piece in old:
            starts.append(starts[-1] + piece.length)
        at = 0
        while at < len(old):
            if starts[at + 1] > size or (at == len(old) - 1 and size > starts[-1]):
                break  # what was appended to goes on being cut by content
            if self._is_at(handle, starts[at], old[at]):
                yield Cut(starts[at], old[at].length, old[at].chunk, None)
                at += 1
                continue
            found = self._next_in_place(handle, size, starts, old, at + 1)
            if found is not None:
                yield from self._on_grid(handle, starts[at], starts[found])
                at = found
            elif same_size and (stop := _border(starts, starts[at] + _STRETCH_BYTES)) is not None:
                yield from self._by_content(handle, starts[at], starts[stop])
                at = stop
            else:
                break
        yield from self._by_content(handle, starts[at], size)

    def _next_in_place(
        self, handle: int, size: int, starts: Sequence[int], old: Sequence[Piece], first: int
    ) -> int | None:
        for number in range(first, min(first + _LOOK_AHEAD, len(old))):
            if starts[number + 1] <= size and self._is_at(handle, starts[number], old[number]):
                return number
        return None

    def _is_at(self, handle: int, offset: int, piece: Piece) -> bool:
        if piece.length > len(self._window):
            return False
        data = self._window[: piece.length]
        _read_full(handle, data, offset)
        return self._keys.chunk_id(data) == piece.chunk

    def _on_grid(self, handle: int, start: int, end: int) -> Iterator[Cut]:
        while start < end:
            stop = min(end, (start // GRID_BYTES + 1) * GRID_BYTES)
            data = self._window[: stop - start]
            _read_full(handle, data, start)
            yield Cut(start, stop - start, self._keys.chunk_id(data), data)
            start = stop

    def _by_content(self, handle: int, start: int, end: int) -> Iterator[Cut]:
        left = 0  # bytes at the window's front that were read but not cut
        while start + left < end:
            fill = min(len(self._window), end - start)
            _read_full(handle, self._window[left:fill], start + left)
            used = 0
            for chunk in self._cdc.cut_buf(self._window[:fill]):
                if used + chunk.length == fill and start + fill < end:
                    break  # it goes on in the next window
                data = self._window[used : used + chunk.length]
                yield Cut(start + used, chunk.length, self._keys.chunk_id(data), data)
                used += chunk.length
            left = fill - used
            self._window[:left] = bytes(self._window[used:fill])
            start += used


def data_extents(handle: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) runs of a file that are not holes; the whole file where holes cannot be asked for."""
    if os.fstat(handle).st_blocks * 512 >= size:
        yield from [(0, size)] if size else []
        return
    at = 0
    while at < size:
        try:
            start = os.lseek(handle, at, os.SEEK_DATA)
            end = min(size, os.lseek(handle, start, os.SEEK_HOLE))
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # only a hole is left
            yield at, size
            return
        if start >= size:
            return
        yield start, end
        at = end


def _border(starts: Sequence[int], offset: int) -> int | None:
    """Return the number of the first old piece that starts at or after the offset; None if that is beyond the last."""
    for number, start in enumerate(starts[:-1]):
        if start >= offset:
            return number
    return None


def _read_full(handle: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        count = os.preadv(handle, [data[done:]], offset + done)
        if count == 0:
            raise TruncatedFileError
        done += count
