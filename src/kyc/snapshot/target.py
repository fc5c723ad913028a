"""Writing restored files: without a name, or beside their place under one of their own, until the last byte is there.

A large file of which most is there already is taken aside, mended, and renamed back; so at no moment does a name hold a
file that is torn. An unfinished one is found again by its name, and what is right in it is not fetched twice.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from kyc.domain.errors import DamagedDataError
from kyc.domain.snapshot import ChunkId, Entry
from kyc.snapshot.cipher import Buffer
from kyc.snapshot.scan import PART_PREFIX
from kyc.snapshot.tree import Tree

_OPEN_FILES = 64


@dataclass(slots=True)
class Job:
    """A file to be written; there may be hundreds of thousands, so that it holds no more than that takes.

    `left` of its pieces are still to come; `fresh`: nothing of it was there before; `whole`: all of it comes at once;
    otherwise several threads may have pieces of it.
    """

    path: str
    mode: int
    mtime_ns: int
    size: int
    left: int
    fresh: bool
    sparse: bool
    whole: bool
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """A run of a chunk that belongs into a file."""

    job: Job
    file_offset: int
    chunk_offset: int
    length: int


def part_of(path: str) -> str:
    """Return the name under which a file is written: in the same folder, the same each time."""
    folder = path.rpartition("/")[0]
    name = PART_PREFIX + hashlib.blake2b(os.fsencode(path), digest_size=10).hexdigest()
    return f"{folder}/{name}" if folder else name


class Target:
    """The files being written. For one thread; several may work on the same jobs if they share the lock."""

    def __init__(self, tree: Tree, lock: Lock) -> None:
        self._tree = tree
        self._lock = lock
        self._open: OrderedDict[str, int] = OrderedDict()
        self.files = 0
        self.bytes = 0

    def begin(self, entry: Entry, *, left: int, fresh: bool) -> Job:
        """Start a file, of which `left` pieces are missing; `fresh`: nothing of it is there."""
        job = Job(
            entry.path,
            entry.mode,
            entry.mtime_ns,
            entry.size,
            left,
            fresh,
            sparse=bool(entry.holes),
            whole=fresh and len(entry.pieces) <= 1,
        )
        if not left and not (job.whole and self._write_whole(job, memoryview(b""), 0)):
            self._finish(job, self._handle(job))
        return job

    def write(self, chunk: ChunkId, plain: Buffer, uses: list[Use]) -> None:
        """Put a chunk's bytes where they belong; a file whose last piece this is takes its place."""
        view = memoryview(plain)
        for use in uses:
            job = use.job
            data = view[use.chunk_offset : use.chunk_offset + use.length]
            if len(data) < use.length:
                raise DamagedDataError(f"chunk {chunk} is shorter than the listing says")
            self.bytes += use.length
            if job.whole and self._write_whole(job, data, use.file_offset):
                continue
            handle = self._handle(job)
            _write_all(handle, data, use.file_offset)
            with self._lock:
                job.left -= 1
                is_last = not job.left
            if is_last:
                self._finish(job, handle)

    def close(self) -> None:
        """Close what is open; unfinished files stay for the next try."""
        for handle in self._open.values():
            os.close(handle)
        self._open.clear()
        self._tree.close()

    def _write_whole(self, job: Job, data: memoryview, offset: int) -> bool:
        """Write a file that nobody sees before it is whole: half the kernel's work of a name beside and a renaming.

        False: such files cannot be had here.
        """
        handle = self._tree.create_unnamed(job.path)
        if handle is None:
            return False
        try:
            _write_all(handle, data, offset)
            _dress(job, handle)
            try:
                self._tree.name(handle, job.path)
            except FileExistsError:
                part = part_of(job.path)
                self._tree.remove(part)
                self._tree.name(handle, part)
                self._tree.rename(part, job.path)
        finally:
            os.close(handle)
        self.files += 1
        return True

    def _finish(self, job: Job, handle: int) -> None:
        """Make the file what it is to be, and give it its name."""
        _dress(job, handle)
        del self._open[job.path]
        os.close(handle)
        self._tree.rename(part_of(job.path), job.path)
        self.files += 1

    def _handle(self, job: Job) -> int:
        handle = self._open.get(job.path)
        if handle is not None:
            return handle
        while len(self._open) >= _OPEN_FILES:
            os.close(self._open.popitem(last=False)[1])
        with self._lock:
            handle = self._create(job)
        self._open[job.path] = handle
        return handle

    def _create(self, job: Job) -> int:
        part = part_of(job.path)
        if not job.fresh or job.begun:
            return self._tree.open(part, os.O_RDWR)
        handle = self._tree.create(part)
        job.begun = True
        return handle


def _write_all(handle: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(handle, data[done:], offset + done)


def _dress(job: Job, handle: int) -> None:
    """Give a file its size, permissions and time."""
    if not job.fresh or job.sparse:
        os.ftruncate(handle, job.size)
    os.fchmod(handle, job.mode)
    os.utime(handle, ns=(job.mtime_ns, job.mtime_ns))
