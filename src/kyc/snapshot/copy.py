"""Bringing a workload's snapshots into another stream, while others still write to the first one or not.

Chunks are copied as they are sealed, each opened once to see that it is whole. Lists of files name their chunks' places
in the stream, so they are written anew; a snapshot keeps its epoch and its time, by which it is found again, and gets
another number. What was put before a copy was cut off is remembered in a notebook beside the master's database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from kyc.domain.errors import ConflictError, DamagedDataError, NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.maintenance import Copied, OnCopied, Place
from kyc.ports.stream import StreamReader, StreamWriter
from kyc.snapshot.listing import Listing, PageBlob, relocated
from kyc.snapshot.manifest import Head, ManifestReader, Opened, closing_chunks, encode, open_chunk

_IN_FLIGHT_BYTES = 16 * 1024 * 1024
_Identity = tuple[int, int]  # a snapshot's epoch and the microsecond when it was taken: no two have both


class Notebook:
    """Which chunks are in the target without being in any of its snapshots yet: one line each, appended."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[ChunkId, ChunkRef]:
        """Return what was noted; a line that was cut off ends it."""
        found: dict[ChunkId, ChunkRef] = {}
        if not self._path.exists():
            return found
        for line in self._path.read_bytes().splitlines():
            try:
                ref = msgspec.json.decode(line, type=ChunkRef)
            except msgspec.DecodeError:
                break
            found[ref.id] = ref
        return found

    def note(self, refs: Sequence[ChunkRef]) -> None:
        """Append them."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.writelines(msgspec.json.encode(ref) + b"\n" for ref in refs)

    def forget(self) -> None:
        """All that was noted is in a snapshot now."""
        self._path.unlink(missing_ok=True)


@dataclass(slots=True)
class Copier:
    """One copy; see ports.maintenance."""

    source: Place
    target: Place
    notebook: Notebook
    on_copied: OnCopied
    sent_bytes: int = 0

    async def copy(self, *, epoch: int) -> Copied:
        """Copy what the target lacks."""
        workload = self.source.workload
        await self.target.stream.create(workload)
        there = await self.target.stream.open_reader(workload)
        writer = await self.target.stream.open_writer(workload, epoch)
        reader = await self.source.stream.open_reader(workload)
        try:
            copied, known = await self._survey(there)
            known |= await asyncio.to_thread(self.notebook.read)
            return await self._copy_all(reader, writer, copied, known)
        finally:
            await reader.close()
            await writer.close()
            await there.close()

    async def _survey(self, there: StreamReader) -> tuple[dict[_Identity, int], dict[ChunkId, ChunkRef]]:
        """Return which snapshots are there, and where the newest one's chunks lie."""
        manifests = ManifestReader(there, self.target.key, self.target.workload)
        copied: dict[_Identity, int] = {}
        newest: Opened | None = None
        try:
            for ref in await manifests.refs():
                newest = await manifests.open(ref.sequence)
                copied[_identity(newest.head)] = ref.sequence
            if newest is None:
                return copied, {}
            return copied, await asyncio.to_thread((await manifests.listing(newest)).chunks)
        except DamagedDataError as error:
            raise ConflictError(
                f"the other stream has snapshots of a {self.target.workload} that are not ours: {error}",
                next_step="Name another prefix or folder in the stream's URL.",
            ) from error

    async def _copy_all(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        copied: dict[_Identity, int],
        known: dict[ChunkId, ChunkRef],
    ) -> Copied:
        manifests = ManifestReader(reader, self.source.key, self.source.workload)
        numbers: dict[int, int] = {}  # the snapshots' numbers here and there
        skipped: list[tuple[int, str]] = []
        for ref in await manifests.refs():
            try:
                opened = await manifests.open(ref.sequence)
                number = copied.get(_identity(opened.head))
                if number is None:
                    listing = await manifests.listing(opened)
                    await self._send_chunks(manifests, reader, writer, listing, known)
                    number = await self._commit(manifests, writer, opened.head, listing, (numbers, known))
                    await asyncio.to_thread(self.notebook.forget)
                numbers[ref.sequence] = number
            except (DamagedDataError, NotFoundError) as error:
                await self._still_there(reader)
                skipped.append((ref.sequence, str(error)))
        return Copied(snapshots=len(numbers), sent_bytes=self.sent_bytes, skipped=tuple(skipped))

    async def _still_there(self, reader: StreamReader) -> None:
        """Raise the NotFoundError of a place that is gone altogether; a snapshot may go while it is copied."""
        await reader.manifests()

    async def _send_chunks(
        self,
        manifests: ManifestReader,
        reader: StreamReader,
        writer: StreamWriter,
        listing: Listing,
        known: dict[ChunkId, ChunkRef],
    ) -> None:
        """Put what the target lacks of a snapshot, with a bounded number of bytes on the way."""
        needed = await asyncio.to_thread(listing.chunks)
        missing = [ref for ref in needed.values() if ref.id not in known]
        total = sum(ref.stored_bytes for ref in needed.values())
        done = total - sum(ref.stored_bytes for ref in missing)
        self.on_copied(done, total)
        async with _Lanes(writer) as lanes, closing_chunks(reader.chunks(missing)) as chunks:
            async for chunk, payload in chunks:
                open_chunk(manifests.sealer, manifests.keys, chunk, payload)
                fresh = await lanes.put(needed[chunk], payload)
                await self._note(fresh, known)
                done += len(payload)
                self.sent_bytes += len(payload)
                self.on_copied(done, total)
            await self._note(await lanes.finish(), known)

    async def _note(self, fresh: list[ChunkRef], known: dict[ChunkId, ChunkRef]) -> None:
        if fresh:
            known.update((ref.id, ref) for ref in fresh)
            await asyncio.to_thread(self.notebook.note, fresh)

    async def _commit(
        self,
        manifests: ManifestReader,
        writer: StreamWriter,
        head: Head,
        listing: Listing,
        known: tuple[dict[int, int], dict[ChunkId, ChunkRef]],
    ) -> int:
        numbers, places = known
        pages = []
        for page in listing.pages:
            plain = relocated(page.plain(), places)
            moved = PageBlob.of(manifests.keys.chunk_id(plain), plain, page.entries)
            if page.ref is not None:
                payload = manifests.sealer.seal(moved.id, plain)
                moved.ref = replace(await writer.put(moved.id, payload), plain_bytes=len(plain))
                self.sent_bytes += len(payload)
            pages.append(moved)
        parent = None if head.parent is None else numbers.get(head.parent)
        return await writer.commit(encode(replace(head, parent=parent), Listing(pages), manifests.sealer))


class _Lanes:
    """Puts under way: at most _IN_FLIGHT_BYTES at once. The first error ends all and is raised."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self._puts: dict[asyncio.Task[ChunkRef], int] = {}
        self._in_flight = 0

    async def __aenter__(self) -> _Lanes:
        return self

    async def __aexit__(self, *_: object) -> None:
        for put in self._puts:
            put.cancel()
        await asyncio.gather(*self._puts, return_exceptions=True)

    async def put(self, ref: ChunkRef, payload: bytes) -> list[ChunkRef]:
        """Start a put once there is room; return what has arrived meanwhile."""
        arrived = await self._wait(lambda: self._in_flight + len(payload) > _IN_FLIGHT_BYTES)

        async def put() -> ChunkRef:
            return replace(await self._writer.put(ref.id, payload), plain_bytes=ref.plain_bytes)

        self._puts[asyncio.create_task(put())] = len(payload)
        self._in_flight += len(payload)
        return arrived

    async def finish(self) -> list[ChunkRef]:
        """Return what was still under way, when it has arrived."""
        return await self._wait(lambda: True)

    async def _wait(self, is_full: Callable[[], bool]) -> list[ChunkRef]:
        arrived: list[ChunkRef] = []
        while self._puts and is_full():
            done, _ = await asyncio.wait(self._puts, return_when=asyncio.FIRST_COMPLETED)
            for put in done:
                self._in_flight -= self._puts.pop(put)
                arrived.append(put.result())
        return arrived


def _identity(head: Head) -> _Identity:
    return head.epoch, int(head.taken_at.timestamp() * 1e6)
