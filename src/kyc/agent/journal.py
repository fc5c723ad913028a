"""Numbered lines in files: appended at one end, read in order, dropped from the other end.

A file's name is the number of its first line; the others follow without a gap. The last file is never removed, so that
its name and its lines say which number comes next, also to the agent's next life.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

SEGMENT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place to read on from: `number` is the next line's, at `offset` of the file that begins with `segment`."""

    segment: int = 0
    offset: int = 0
    number: int = 0


@dataclass(slots=True)
class _Segment:
    """A file with the lines `first`, `first + 1`..., `count` of them in `size` bytes."""

    path: Path
    first: int
    count: int = 0
    size: int = 0

    @property
    def next(self) -> int:
        return self.first + self.count


class Journal:
    """The files of one folder, which it makes. Nothing is synced: only a power cut loses lines."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segments = sorted((_recover(path) for path in folder.glob("*.jsonl")), key=lambda found: found.first)
        self._file: int | None = None  # the last segment, open for appending; None: the next line begins a new one

    @property
    def first(self) -> int | None:
        """The number of the oldest line kept, or of the next one if none is; None for a new journal."""
        return self._segments[0].first if self._segments else None

    @property
    def next(self) -> int | None:
        """The number after the newest line's; None for a new journal."""
        return self._segments[-1].next if self._segments else None

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(segment.size for segment in self._segments)

    def append(self, number: int, line: bytes) -> None:
        """Write the line (it ends with a newline and has no other); raise OSError, with nothing written, if it cannot.

        `number` is the next one, or a higher one after a failure or in a journal just opened.
        """
        segment, file = self._segment_for(number)
        try:
            if os.write(file, line) != len(line):
                raise OSError("the disk took a part of the line only")
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file, segment.size)
            self._give_up(segment)
            raise
        segment.count += 1
        segment.size += len(line)

    def read(self, cursor: Cursor, *, max_bytes: int) -> tuple[list[str], Cursor]:
        """Return lines from the cursor on, without their ends, and where to go on; none: there are no more now.

        They are about `max_bytes` together, and all of one file, so that they are numbered from `Cursor.number - len`.
        """
        for segment in self._segments:
            if segment.next > cursor.number and segment.count:
                offset = cursor.offset if segment.first == cursor.segment else 0
                number = cursor.number if segment.first == cursor.segment else segment.first
                lines, size = _whole_lines(segment.path, offset, max_bytes)
                return lines, Cursor(segment=segment.first, offset=offset + size, number=number + len(lines))
        return [], cursor

    def drop(self, upto: int) -> None:
        """Remove the files all of whose lines have a number up to this one, but for the last file."""
        while len(self._segments) > 1 and self._segments[0].next <= upto + 1:
            self._segments.pop(0).path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the open file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _segment_for(self, number: int) -> tuple[_Segment, int]:
        if self._file is not None and self._segments[-1].size < self._segment_bytes:
            return self._segments[-1], self._file
        path = self._folder / f"{number:016d}.jsonl"
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.close()
        self._file = opened
        self._segments.append(_Segment(path, number))
        return self._segments[-1], opened

    def _give_up(self, segment: _Segment) -> None:
        self.close()
        if not segment.count and len(self._segments) > 1:
            self._segments.remove(segment)
            segment.path.unlink(missing_ok=True)


def _whole_lines(path: Path, offset: int, max_bytes: int) -> tuple[list[str], int]:
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read(max_bytes)
        whole = block[: block.rfind(b"\n") + 1] or block + file.readline()
    return whole.decode().split("\n")[:-1], len(whole)  # not splitlines: JSON leaves U+2028 as it is


def _recover(path: Path) -> _Segment:
    """Return what the file holds, with a last line that a crash cut short removed."""
    segment = _Segment(path, int(path.stem))
    with path.open("rb+") as file:
        for line in file:
            if line.endswith(b"\n"):
                segment.size += len(line)
                segment.count += 1
        file.truncate(segment.size)
    return segment
