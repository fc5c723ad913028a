"""The stream in a plain directory: `file:///path`, an attached disk or a network file system that all instances mount.

    <path>/<workload>/chunks/...   one file a copy of a chunk
    <path>/<workload>/log/...      one file a record: see `log`

Chunks are forced to the disk before the manifest that names them is written, and the manifest before `commit` returns:
a committed snapshot survives a loss of power.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import shutil
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kyc.adapters.directory.chunks import Chunks
from kyc.adapters.directory.files import Disk
from kyc.adapters.directory.log import MANIFEST, OPENED, Log, Record, missing
from kyc.domain.errors import DamagedDataError, FencedError, InvalidInputError, NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef, StreamAccess
from kyc.ports.stream import MAX_PAYLOAD_BYTES, Copy, ManifestRef

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_READ_AT_ONCE = 8
_FORCED_AT_ONCE = 64


class DirectoryWriter:
    """A StreamWriter in a directory; `open_writer` makes one. A committed snapshot survives a loss of power."""

    def __init__(self, disk: Disk, place: Path, epoch: int) -> None:
        self.epoch = epoch
        self._disk = disk
        self._log = Log(place / "log")
        self._chunks = Chunks(place / "chunks")
        self._name = secrets.token_bytes(12)
        self._last = 0  # the log's last record, as far as we know
        self._unsure = b""  # the digest of a commit that may have happened
        self._unsettled: list[ChunkRef] = []

    async def open(self) -> None:
        """Open the epoch; FencedError if it, or a higher one, is open already."""
        record = Record(1, OPENED, self.epoch, self._name)
        while True:
            self._last, last = await self._disk.do(self._log.tail)
            if last == record:
                return
            if last is not None and last.epoch >= self.epoch:
                raise self._fenced(last)
            if await self._disk.do(partial(self._log.append, self._last + 1, record)):
                self._last += 1
                return

    async def put(self, chunk: ChunkId, payload: bytes) -> ChunkRef:
        """Store a copy."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise InvalidInputError(f"a payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES}")
        ref = await self._disk.do(partial(self._chunks.put, chunk, payload, epoch=self.epoch))
        self._unsettled.append(ref)
        return ref

    async def commit(self, payload: bytes) -> int:
        """Force the chunks to the disk, then append the manifest, unless somebody opened a higher epoch."""
        await self._settle(self._unsettled[:])
        digest = hashlib.blake2b(payload, digest_size=16).digest()
        record = Record(1, MANIFEST, self.epoch, self._name, digest, payload)
        was_unsure, self._unsure = self._unsure, digest
        if was_unsure == digest and (done := await self._disk.do(partial(self._catch_up, digest))):
            return self._done(done)
        while not await self._disk.do(partial(self._append, record)):
            if done := await self._disk.do(partial(self._catch_up, digest)):
                return self._done(done)
        return self._done(self._last + 1)

    async def close(self) -> None:
        """Nothing is held: the epoch stays open until a higher one is."""

    async def _settle(self, refs: list[ChunkRef]) -> None:
        """Force these chunks, the first that were put, to the disk; the disk's limit of time is for each portion."""
        for start in range(0, len(refs), _FORCED_AT_ONCE):
            await self._disk.do(partial(self._chunks.settle, refs[start : start + _FORCED_AT_ONCE]))
        await self._disk.do(partial(self._chunks.settle_names, refs))
        del self._unsettled[: len(refs)]

    def _append(self, record: Record) -> bool:
        if self._log.read(self._last) is None:
            raise missing(self._log.folder.parent.name)  # deleted, and perhaps made again
        return self._log.append(self._last + 1, record)

    def _catch_up(self, digest: bytes) -> int | None:
        """Learn the log's last record: return its number if it is the commit we were unsure of."""
        self._last, last = self._log.tail()
        if last is None or last.epoch < self.epoch:
            raise missing(self._log.folder.parent.name)
        if last.epoch > self.epoch or last.writer != self._name:
            raise self._fenced(last)
        return self._last if last.digest == digest else None

    def _done(self, number: int) -> int:
        self._last, self._unsure = number, b""
        return number

    def _fenced(self, last: Record) -> FencedError:
        return FencedError(
            f"epoch {last.epoch} of {self._log.folder.parent.name} is open, this writer has {self.epoch}",
            next_step="Another instance works on it now: stop.",
        )


class DirectoryReader:
    """A CopyReader in a directory."""

    def __init__(self, disk: Disk, place: Path) -> None:
        self._disk = disk
        self._log = Log(place / "log")
        self._chunks = Chunks(place / "chunks")
        self._seen: dict[int, ManifestRef | None] = {}  # records never change but to be buried

    async def manifests(self) -> list[ManifestRef]:
        """List what is committed, oldest first."""
        return await self._disk.do(self._list)

    async def manifest(self, sequence: int) -> bytes:
        """Return a manifest."""
        record = await self._disk.do(partial(self._log.read, sequence))
        if record is None or record.kind != MANIFEST:
            raise NotFoundError(f"{self._log.folder.parent.name} has no snapshot {sequence}")
        return record.body

    async def chunks(self, wanted: Sequence[ChunkRef]) -> AsyncIterator[tuple[ChunkId, bytes]]:
        """Yield each wanted chunk once, in the order given, reading a few ahead."""
        waiting = deque(wanted)
        reading: deque[tuple[ChunkRef, asyncio.Task[bytes]]] = deque()
        try:
            while waiting or reading:
                while waiting and len(reading) < _READ_AT_ONCE:
                    ref = waiting.popleft()
                    reading.append((ref, asyncio.create_task(self._disk.do(partial(self._chunks.get, ref)))))
                ref, task = reading[0]
                payload = await task
                reading.popleft()
                yield ref.id, payload
        finally:
            for _, task in reading:
                task.cancel()
            await asyncio.gather(*(task for _, task in reading), return_exceptions=True)

    async def strays(self, named: Collection[Copy], *, before: int) -> AsyncIterator[ChunkRef]:
        """Yield the copies of lower epochs that are not named."""
        for folder in await self._disk.do(self._chunks.folders):
            for ref in await self._disk.do(partial(self._chunks.copies, folder, before=before)):
                if (ref.id, ref.location) not in named:
                    yield ref

    async def close(self) -> None:
        """Nothing is held."""

    def _list(self) -> list[ManifestRef]:
        none = {number for number, ref in self._seen.items() if ref is None}
        self._seen = {number: None if number in none else self._look(number) for number in self._log.numbers()}
        return [ref for ref in self._seen.values() if ref is not None]

    def _look(self, number: int) -> ManifestRef | None:
        """Return a manifest's record; a damaged one may be one: whoever reads it is told, and takes another."""
        try:
            record = self._log.read(number)
        except DamagedDataError:
            return ManifestRef(sequence=number, epoch=0, stored_bytes=0)
        if record is None or record.kind != MANIFEST:
            return None
        return ManifestRef(sequence=number, epoch=record.epoch, stored_bytes=len(record.body))


class DirectoryStream:
    """A Stream in a directory: `DirectoryStream(Path("/mnt/stream"))`."""

    def __init__(self, root: Path, *, timeout_s: float = 30) -> None:
        self._root = root
        self._disk = Disk(root, timeout_s=timeout_s)

    async def create(self, workload: str) -> None:
        """Make the workload's folders, the log last: the place is there only if all of it is."""
        place = self._place(workload)

        def create() -> None:
            (place / "chunks").mkdir(parents=True, exist_ok=True)
            (place / "log").mkdir(exist_ok=True)

        await self._disk.do(create)

    async def delete(self, workload: str) -> None:
        """Remove the workload's folder: first out of the way, then with all it has."""
        place = self._place(workload)
        aside = self._root / f".deleted-{secrets.token_hex(8)}"

        def delete() -> None:
            try:
                place.rename(aside)
            except FileNotFoundError:
                return
            shutil.rmtree(aside)

        await self._disk.do(delete)

    async def open_writer(self, workload: str, epoch: int) -> DirectoryWriter:
        """Open the epoch."""
        writer = DirectoryWriter(self._disk, self._place(workload), epoch)
        await writer.open()
        return writer

    async def open_reader(self, workload: str) -> DirectoryReader:
        """Open the workload's folder for reading."""
        place = self._place(workload)
        await self._disk.do(Log(place / "log").numbers)
        return DirectoryReader(self._disk, place)

    async def discard(self, workload: str, *, manifests: Sequence[int], chunks: Sequence[ChunkRef]) -> None:
        """Bury these manifests, then remove these copies."""
        place = self._place(workload)

        def discard() -> None:
            log = Log(place / "log")
            log.numbers()
            for number in manifests:
                log.bury(number)
            log.sweep()
            Chunks(place / "chunks").discard(list(chunks))

        await self._disk.do(discard)

    def renew(self, access: StreamAccess) -> None:
        """Nobody signs in to a folder."""

    async def close(self) -> None:
        """Let the threads go."""
        self._disk.close()

    def _place(self, workload: str) -> Path:
        if not _NAME.fullmatch(workload):
            raise InvalidInputError(f"{workload!r} cannot be the name of a folder in a stream")
        return self._root / workload


class DirectoryHost:
    """A StreamHost for a directory that is there already; whoever mounts it may use all of it."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def identity(self) -> str:
        """Where new workloads go."""
        return self._url

    async def ensure(self) -> bool:
        """Have the directory there; nothing needs starting."""
        disk = Disk(path_of(self._url), timeout_s=30)
        try:
            await disk.do(partial(disk.root.mkdir, parents=True, exist_ok=True))
        finally:
            disk.close()
        return False

    async def stream(self, workload: str = "") -> DirectoryStream:
        """Return the stream."""
        return DirectoryStream(path_of(self._url))

    async def access(self, workload: str) -> StreamAccess:
        """Say where it is: the file system's permissions are all there is."""
        return StreamAccess(url=self._url, workload=workload)

    async def stop(self) -> None:
        """Nothing runs."""


def path_of(url: str) -> Path:
    """Return the directory of a file:///path URL; InvalidInputError for any other."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        raise InvalidInputError(f"{url!r} is not a directory's URL", next_step="Write it as file:///path.")
    return Path(unquote(parts.path))
