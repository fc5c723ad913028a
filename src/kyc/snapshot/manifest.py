"""The manifest: the one small record by which a snapshot exists, and the reading of it.

MessagePack, compressed and sealed under the workload's name, so that it cannot be passed off as another's:
    [version, workload, epoch, parent, taken_at (ns), kept, ignored, files, bytes, missed, pages, inline]
`pages` names the listing's pages as chunks: [id, stored bytes, plain bytes, location, entries]; a short listing lies in
`inline` instead.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from kyc.domain.errors import DamagedDataError
from kyc.domain.snapshot import ChunkId, ChunkRef, Manifest, SnapshotSummary
from kyc.ports.stream import ManifestRef, StreamReader
from kyc.snapshot.listing import VERSION, Listing, PageBlob, page_entries
from kyc.snapshot.seal import MAX_PLAIN_BYTES, Keyring, Sealer

Chunk = tuple[ChunkId, bytes]

INLINE_LIMIT_BYTES = 48 * 1024
_ROOT_LIMIT_BYTES = 256 * 1024 * 1024


class _Root(msgspec.Struct, array_like=True, frozen=True):
    version: int
    workload: str
    epoch: int
    parent: int | None
    taken_at_ns: int
    kept: list[bytes]
    ignored: list[str]
    file_count: int
    byte_count: int
    missed: list[bytes]
    pages: list[tuple[bytes, int, int, str, int]]
    inline: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a manifest says itself, without its listing."""

    workload: str
    epoch: int
    parent: int | None
    taken_at: datetime
    kept: tuple[str, ...]
    ignored: tuple[str, ...]
    files: int
    bytes: int
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A manifest as read: its head and its listing, whose pages are there already or still to be fetched."""

    head: Head
    pages: tuple[ChunkRef, ...]
    entries: tuple[int, ...]
    inline: bytes


def encode(head: Head, listing: Listing, sealer: Sealer) -> bytes:
    """Return the manifest's payload; every page without a place in the stream goes inside."""
    inside = [page for page in listing.pages if page.ref is None]
    assert len(inside) <= 1, "only a listing of one page can lie inside the manifest"
    root = _Root(
        VERSION,
        head.workload,
        head.epoch,
        head.parent,
        int(head.taken_at.timestamp() * 1e6) * 1000,
        [os.fsencode(path) for path in head.kept],
        list(head.ignored),
        head.files,
        head.bytes,
        [os.fsencode(path) for path in head.missed],
        [_place(page) for page in listing.pages if page.ref is not None],
        inside[0].plain() if inside else b"",
    )
    return sealer.seal(_name(head.workload), _encoder.encode(root))


def decode(workload: str, payload: bytes, sealer: Sealer) -> Opened:
    """Open a manifest's payload; raise DamagedDataError if it is not one of this workload."""
    plain = sealer.open(_name(workload), payload, limit=_ROOT_LIMIT_BYTES)
    try:
        root = _decoder.decode(plain)
        taken_at = datetime.fromtimestamp(root.taken_at_ns / 1e9, UTC)
    except (msgspec.DecodeError, OverflowError, ValueError, OSError) as error:
        raise DamagedDataError(f"the manifest of {workload} is damaged: {error}") from error
    if root.version != VERSION:
        raise DamagedDataError(
            f"the manifest has version {root.version}, this kyc reads {VERSION}",
            next_step="Read it with the kyc that wrote it, or a newer one.",
        )
    if root.workload != workload or root.file_count < 0 or root.byte_count < 0:
        raise DamagedDataError(f"the manifest is not one of {workload}")
    head = Head(
        workload=root.workload,
        epoch=root.epoch,
        parent=root.parent,
        taken_at=taken_at,
        kept=tuple(os.fsdecode(path) for path in root.kept),
        ignored=tuple(root.ignored),
        files=root.file_count,
        bytes=root.byte_count,
        missed=tuple(os.fsdecode(path) for path in root.missed),
    )
    return Opened(head, tuple(_ref(page) for page in root.pages), tuple(page[4] for page in root.pages), root.inline)


class ManifestReader:
    """Reads manifests and listings of one workload. Pages read once are kept: the next snapshot shares most of them."""

    def __init__(self, reader: StreamReader, key: bytes, workload: str) -> None:
        self.keys = Keyring(key)
        self.sealer = Sealer(self.keys)
        self.workload = workload
        self._reader = reader
        self._pages: dict[ChunkId, PageBlob] = {}

    async def refs(self) -> list[ManifestRef]:
        """List what is committed, oldest first."""
        return await self._reader.manifests()

    async def open(self, sequence: int) -> Opened:
        """Read one manifest; NotFoundError, DamagedDataError, UnreachableError."""
        return decode(self.workload, await self._reader.manifest(sequence), self.sealer)

    async def summary(self, ref: ManifestRef) -> SnapshotSummary:
        """Read what people are told about a snapshot."""
        head = (await self.open(ref.sequence)).head
        return SnapshotSummary(
            sequence=ref.sequence,
            epoch=ref.epoch,
            taken_at=head.taken_at,
            files=head.files,
            bytes=head.bytes,
            missed=head.missed,
        )

    async def listing(self, opened: Opened) -> Listing:
        """Return the manifest's listing; only pages that were not read before are fetched."""
        if opened.inline:
            page_id = self.keys.chunk_id(opened.inline)
            return Listing([PageBlob.of(page_id, opened.inline, page_entries(opened.inline))])
        wanted = {ref.id: ref for ref in opened.pages}
        if len(wanted) < len(opened.pages):
            raise DamagedDataError("the manifest names a page of the listing twice")
        self._pages = {page_id: page for page_id, page in self._pages.items() if page_id in wanted}
        missing = [ref for page_id, ref in wanted.items() if page_id not in self._pages]
        async with closing_chunks(self._reader.chunks(missing)) as chunks:
            async for page_id, payload in chunks:
                plain = open_chunk(self.sealer, self.keys, page_id, payload)
                self._pages[page_id] = PageBlob.of(page_id, plain, page_entries(plain))
                self._pages[page_id].ref = wanted[page_id]
        return Listing([self._pages[ref.id] for ref in opened.pages])

    async def manifest(self, sequence: int) -> Manifest:
        """Read a whole manifest, every entry and every chunk of it."""
        opened = await self.open(sequence)
        listing = await self.listing(opened)
        head = opened.head
        return Manifest(
            workload=head.workload,
            epoch=head.epoch,
            sequence=sequence,
            parent=head.parent,
            taken_at=head.taken_at,
            entries=tuple(entry for entry, _ in listing.entries()),
            chunks=tuple(listing.chunks().values()),
            missed=head.missed,
        )


@asynccontextmanager
async def closing_chunks(chunks: AsyncIterator[Chunk]) -> AsyncIterator[AsyncIterator[Chunk]]:
    """Have a stream's chunks ended where reading them ends, not when the garbage collector comes by."""
    try:
        yield chunks
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


def open_chunk(sealer: Sealer, keys: Keyring, chunk: ChunkId, payload: bytes) -> bytes:
    """Return a chunk's content; raise DamagedDataError if it is not exactly what was named."""
    plain = sealer.open(chunk, payload, limit=MAX_PLAIN_BYTES)
    if keys.chunk_id(plain) != chunk:
        raise DamagedDataError(f"chunk {chunk} does not have the content that it is named by")
    return plain


def _name(workload: str) -> str:
    return f"manifest of {workload}"


def _place(page: PageBlob) -> tuple[bytes, int, int, str, int]:
    ref = page.ref
    assert ref is not None
    return bytes.fromhex(ref.id), ref.stored_bytes, ref.plain_bytes, ref.location, page.entries


def _ref(page: tuple[bytes, int, int, str, int]) -> ChunkRef:
    raw, stored, plain, location, _entries = page
    if len(raw) != 32 or stored < 0 or plain < 0:
        raise DamagedDataError("the manifest names a page that cannot be")
    return ChunkRef(id=ChunkId(raw.hex()), stored_bytes=stored, location=location, plain_bytes=plain)
