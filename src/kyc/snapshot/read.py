"""Reading one file so that what is kept of it is what it was at one moment.

A file counts as read only if its inode says the same before and after, and had said so for longer than the kernel's
clock ticks when reading began; else it is read again, and given up after some attempts.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from kyc.domain.snapshot import Entry, Piece
from kyc.snapshot.cut import Cut, Cutter, TruncatedFileError
from kyc.snapshot.listing import Signature
from kyc.snapshot.pack import PACKED_BELOW_BYTES

_ATTEMPTS = 3
_CLOCK_OF_FILES = 5  # Linux's CLOCK_REALTIME_COARSE, which Python has no name for
_TICK_NS = int(time.clock_getres(_CLOCK_OF_FILES) * 1e9) + 1_000_000
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_U64 = (1 << 64) - 1


class UnsettledFileError(Exception):
    """The file kept changing, or there is no time left to read it."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was read: a small file's bytes, or a large one's pieces and holes. `looked` is the inode, as it stayed."""

    looked: os.stat_result
    data: bytes | None = None
    pieces: tuple[Piece, ...] = ()
    holes: tuple[tuple[int, int], ...] = ()


Reading = Generator[Cut, None, Content]


class FileReader:
    """Reads files of one workload. For one thread."""

    def __init__(self, cutter: Cutter, is_late: Callable[[], bool]) -> None:
        self._cutter = cutter
        self._is_late = is_late
        self.read_bytes = 0

    def read(self, place: str, earlier: Entry | None) -> Reading:
        """Yield a large file's cuts as they are found, and return what was read.

        After a change in the middle of reading, the cuts come again from the start. Raises UnsettledFileError, OSError.
        """
        for _ in range(_ATTEMPTS):
            handle = os.open(place, _OPEN)
            try:
                looked = os.fstat(handle)
                if not stat.S_ISREG(looked.st_mode):
                    raise UnsettledFileError
                wait_for_tick(looked.st_ctime_ns)  # the kernel takes files' times from a clock that ticks
                content = yield from self._content(handle, looked, earlier)
                if signature_of(looked) == signature_of(os.fstat(handle)):
                    return content
            except TruncatedFileError:
                pass
            finally:
                os.close(handle)
        raise UnsettledFileError

    def _content(self, handle: int, looked: os.stat_result, earlier: Entry | None) -> Reading:
        self._check_time()
        size = looked.st_size
        if size < PACKED_BELOW_BYTES:
            data = os.pread(handle, size, 0)
            self.read_bytes += len(data)
            if len(data) < size:
                raise TruncatedFileError
            return Content(looked, data)
        old = earlier.pieces if earlier is not None and not earlier.holes and not earlier.digest else ()
        same_size = earlier is not None and earlier.size == size
        pieces: list[Piece] = []
        holes: list[tuple[int, int]] = []
        at = 0
        for cut in self._cutter.cuts(handle, size, old, same_size=same_size):
            self._check_time()
            if cut.offset > at:
                holes.append((at, cut.offset - at))
            yield cut
            self.read_bytes += cut.length
            pieces.append(Piece(chunk=cut.chunk, offset=0, length=cut.length))
            at = cut.offset + cut.length
        if at < size:
            holes.append((at, size - at))
        return Content(looked, None, tuple(pieces), tuple(holes))

    def _check_time(self) -> None:
        if self._is_late():
            raise UnsettledFileError


def signature_of(looked: os.stat_result) -> Signature:
    """Return what changes whenever the file's content may have."""
    return Signature(looked.st_ino & _U64, looked.st_ctime_ns & _U64)


def wait_for_tick(since_ns: int) -> None:
    """Wait until a file written from now on gets a later time than `since_ns`."""
    age_ns = time.time_ns() - since_ns
    if 0 <= age_ns < _TICK_NS:
        time.sleep((_TICK_NS - age_ns) / 1e9)
