"""Writing restored files: beside their place under a name of their own, and renamed when the last byte is there.

A large file of which most is there already is taken aside, mended, and renamed back; so at no moment does a name hold a
file that is torn. An unfinished one is found again by its name, and what is right in it is not fetched twice.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass

from kyc.domain.errors import DamagedDataError
from kyc.domain.snapshot import ChunkId, Entry
from kyc.snapshot.scan import PART_PREFIX
from kyc.snapshot.seal import Buffer
from kyc.snapshot.tree import Tree

_OPEN_FILES = 64


@dataclass(slots=True)
class Job:
    """A file to be written. `left` of its pieces are still to come."""

    entry: Entry
    part: str
    left: int


@dataclass(frozen=True, slots=True)
class Use:
    """A run of a chunk that belongs into a file."""

    job: Job
    file_offset: int
    chunk_offset: int
    length: int


def part_of(path: str) -> str:
    """Return the name under which a file is written: in the same folder, the same each time."""
    folder, _, _ = path.rpartition("/")
    name = PART_PREFIX + hashlib.blake2b(os.fsencode(path), digest_size=10).hexdigest()
    return f"{folder}/{name}" if folder else name


class Target:
    """The files being written. For one thread."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._open: OrderedDict[str, int] = OrderedDict()
        self.files = 0
        self.bytes = 0

    def begin(self, entry: Entry, *, left: int, fresh: bool) -> Job:
        """Start a file; `fresh`: nothing of it is there."""
        job = Job(entry, part_of(entry.path), left)
        if fresh:
            self._tree.remove(job.part)
        if not left:
            self.finish(job)
        return job

    def write(self, chunk: ChunkId, plain: Buffer, uses: list[Use]) -> None:
        """Put a chunk's bytes where they belong; a file whose last piece this is takes its place."""
        view = memoryview(plain)
        for use in uses:
            if use.chunk_offset + use.length > len(view):
                raise DamagedDataError(f"chunk {chunk} is shorter than the listing says")
            data = view[use.chunk_offset : use.chunk_offset + use.length]
            handle = self._handle(use.job.part)
            done = 0
            while done < len(data):
                done += os.pwrite(handle, data[done:], use.file_offset + done)
            self.bytes += use.length
            use.job.left -= 1
            if not use.job.left:
                self.finish(use.job)

    def finish(self, job: Job) -> None:
        """Give the file its size, permissions and time, and its name."""
        entry = job.entry
        handle = self._handle(job.part)
        if os.fstat(handle).st_size != entry.size:
            os.ftruncate(handle, entry.size)
        os.fchmod(handle, entry.mode)
        os.utime(handle, ns=(entry.mtime_ns, entry.mtime_ns))
        os.close(self._open.pop(job.part))
        self._tree.rename(job.part, entry.path)
        self.files += 1

    def close(self) -> None:
        """Close what is open; unfinished files stay for the next try."""
        for handle in self._open.values():
            os.close(handle)
        self._open.clear()

    def _handle(self, part: str) -> int:
        handle = self._open.get(part)
        if handle is None:
            while len(self._open) >= _OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
            handle = self._open[part] = self._tree.open(part, os.O_RDWR | os.O_CREAT)
        else:
            self._open.move_to_end(part)
        return handle
