"""The list of a snapshot's files, in pages: each page is a chunk of its own, so that a change sends few pages again.

Entries are in the order of a walk (a folder before what is in it, names by code point). A page ends where its last path
says so, not after a number of entries, so that inserting a file moves no other page's border. A file of many pieces
goes on over several rows. A page carries a table of the chunks that its rows name, with their places in the stream.

A page, before it is sealed like any chunk, is MessagePack: [version, rows, chunks];
row: [kind, path, mode, mtime_ns, size, target, digest, [[index in chunks or -1 for a hole, offset, length], ...]].
"""

from __future__ import annotations

import os
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec
import zstandard

from kyc.domain.errors import DamagedDataError
from kyc.domain.snapshot import ChunkId, ChunkRef, Entry, EntryKind, Piece

VERSION = 1
PAGE_LIMIT_BYTES = 700_000
_LEAST_ROWS = 64
_BORDER_MASK = 0x1FF  # a border after every 512th path, on average
_RUNS_PER_ROW = 2048
_KINDS = (EntryKind.FILE, EntryKind.FOLDER, EntryKind.SYMLINK, EntryKind.HARDLINK)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_MORE = 4  # this row goes on with the file before it
_HOLE = -1


class Signature(NamedTuple):
    """What a file's inode says while its content stays the same; (0, 0) never matches."""

    inode: int
    ctime_ns: int


NO_SIGNATURE = Signature(0, 0)


class _Row(msgspec.Struct, array_like=True, frozen=True):
    kind: int
    path: bytes
    mode: int
    mtime_ns: int
    size: int
    target: bytes
    digest: bytes
    runs: list[tuple[int, int, int]]


class _Page(msgspec.Struct, array_like=True, frozen=True):
    version: int
    rows: list[_Row]
    chunks: list[tuple[bytes, int, int, str]]  # id, stored bytes, plain bytes, location


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Page)


def sort_key(path: str) -> str:
    """Return what the order of a listing compares: a folder's content comes right after it."""
    return path.replace("/", "\0")


@dataclass(slots=True)
class PageBlob:
    """A page in memory, compressed; `ref` is its place in the stream (None: inside the manifest itself).

    `signatures` holds two numbers an entry where the files are on this machine; empty where they are not.
    """

    id: ChunkId
    packed: bytes
    entries: int
    ref: ChunkRef | None = None
    signatures: array[int] = field(default_factory=lambda: array("Q"))

    @staticmethod
    def of(page_id: ChunkId, plain: bytes, entries: int) -> PageBlob:
        """Keep a page."""
        return PageBlob(page_id, zstandard.ZstdCompressor(level=1).compress(plain), entries)

    def plain(self) -> bytes:
        """Return the page as it was encoded."""
        return zstandard.ZstdDecompressor().decompress(self.packed)


@dataclass(slots=True)
class Listing:
    """A whole list in memory: about 50 bytes a file."""

    pages: list[PageBlob] = field(default_factory=list)

    def entries(self) -> Iterator[tuple[Entry, Signature]]:
        """Yield every entry with its signature (NO_SIGNATURE where there is none), in order."""
        signatures = self._signatures()
        for entry in join_rows(page.plain() for page in self.pages):
            yield entry, next(signatures, NO_SIGNATURE)

    def chunks(self) -> dict[ChunkId, ChunkRef]:
        """Return every chunk that its files need, by its id."""
        return {ref.id: ref for page in self.pages for ref in page_chunks(page.plain())}

    def signed(self, signatures: Iterable[Signature]) -> Listing:
        """Return the same list with other signatures, one an entry."""
        source = iter(signatures)
        pages = []
        for page in self.pages:
            numbers = array("Q", [number for _ in range(page.entries) for number in next(source)])
            pages.append(replace(page, signatures=numbers))
        return Listing(pages)

    def _signatures(self) -> Iterator[Signature]:
        for page in self.pages:
            numbers = page.signatures
            for at in range(page.entries):
                yield Signature(numbers[2 * at], numbers[2 * at + 1]) if numbers else NO_SIGNATURE


class ListingBuilder:
    """Takes entries in order and gives back pages as they fill up."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._index: dict[ChunkId, int] = {}
        self._chunks: list[tuple[bytes, int, int, str]] = []
        self._signatures = array("Q")
        self._bytes = 0

    def add(self, entry: Entry, signature: Signature, chunks: Mapping[ChunkId, ChunkRef | None]) -> list[Built]:
        """Append an entry whose chunks are all in the stream; return the pages that are full now."""
        path = os.fsencode(entry.path)
        runs = list(_runs(entry))
        full: list[Built] = []
        self._signatures.extend(signature)
        for start in range(0, max(1, len(runs)), _RUNS_PER_ROW):
            part = runs[start : start + _RUNS_PER_ROW]
            self._rows.append(self._row(entry, path, part, chunks, first=start == 0))
            if self._bytes > PAGE_LIMIT_BYTES // 2:
                full.append(self._close())
        if len(self._rows) >= _LEAST_ROWS and zlib.crc32(path) & _BORDER_MASK == 0:
            full.append(self._close())
        return full

    def finish(self) -> list[Built]:
        """Return the last page, if there is one."""
        return [self._close()] if self._rows else []

    def _row(
        self,
        entry: Entry,
        path: bytes,
        runs: list[tuple[ChunkId | None, int, int]],
        chunks: Mapping[ChunkId, ChunkRef | None],
        *,
        first: bool,
    ) -> _Row:
        numbered = [
            (_HOLE if chunk is None else self._number(chunks[chunk]), offset, length) for chunk, offset, length in runs
        ]
        self._bytes += 12 * len(numbered) + 48
        if not first:
            return _Row(_MORE, b"", 0, 0, 0, b"", b"", numbered)
        target = os.fsencode(entry.target)
        self._bytes += len(path) + len(target)
        digest = bytes.fromhex(entry.digest)
        return _Row(_NUMBERS[entry.kind], path, entry.mode, entry.mtime_ns, entry.size, target, digest, numbered)

    def _number(self, ref: ChunkRef | None) -> int:
        assert ref is not None, "a chunk of an entry is not in the stream"
        number = self._index.get(ref.id)
        if number is None:
            number = self._index[ref.id] = len(self._chunks)
            self._chunks.append((bytes.fromhex(ref.id), ref.stored_bytes, ref.plain_bytes, ref.location))
            self._bytes += 48 + len(ref.location)
        return number

    def _close(self) -> Built:
        plain = _encoder.encode(_Page(VERSION, self._rows, self._chunks))
        entries = sum(row.kind != _MORE for row in self._rows)
        built = Built(plain, entries, self._signatures)
        self._rows, self._index, self._chunks = [], {}, []
        self._signatures, self._bytes = array("Q"), 0
        return built


class Built(NamedTuple):
    """A page that is full: its encoded rows, how many entries begin in it, and their signatures."""

    plain: bytes
    entries: int
    signatures: array[int]


def page_chunks(plain: bytes) -> list[ChunkRef]:
    """Return the chunks that a page names; raise DamagedDataError for what is not a page."""
    return _refs(_decode(plain))


def relocated(plain: bytes, places: Mapping[ChunkId, ChunkRef]) -> bytes:
    """Return the page with its chunks at other places, as they lie in another stream."""
    page = _decode(plain)
    moved = [places[ref.id] for ref in _refs(page)]
    chunks = [(bytes.fromhex(ref.id), ref.stored_bytes, ref.plain_bytes, ref.location) for ref in moved]
    return _encoder.encode(_Page(VERSION, page.rows, chunks))


def page_entries(plain: bytes) -> int:
    """Return how many entries begin in a page; raise DamagedDataError for what is not a page."""
    return sum(row.kind != _MORE for row in _decode(plain).rows)


def join_rows(pages: Iterable[bytes]) -> Iterator[Entry]:
    """Yield the entries of the pages; raise DamagedDataError for what is not a listing."""
    head: _Row | None = None
    runs: list[tuple[ChunkId | None, int, int]] = []
    for plain in pages:
        page = _decode(plain)
        ids = [ref.id for ref in _refs(page)]
        for row in page.rows:
            if row.kind != _MORE:
                if head is not None:
                    yield _entry(head, runs)
                head, runs = row, []
            elif head is None:
                raise DamagedDataError("a listing begins in the middle of a file")
            runs.extend(_numbered(row, ids))
    if head is not None:
        yield _entry(head, runs)


def _decode(plain: bytes) -> _Page:
    try:
        page = _decoder.decode(plain)
    except msgspec.DecodeError as error:
        raise DamagedDataError(f"a page of the listing is damaged: {error}") from error
    if page.version != VERSION:
        raise DamagedDataError(
            f"the snapshot's listing has version {page.version}, this kyc reads {VERSION}",
            next_step="Read it with the kyc that wrote it, or a newer one.",
        )
    return page


def _refs(page: _Page) -> list[ChunkRef]:
    refs = []
    for raw, stored, plain, location in page.chunks:
        if len(raw) != 32 or stored < 0 or plain < 0:
            raise DamagedDataError("a page of the listing names a chunk that cannot be")
        refs.append(ChunkRef(id=ChunkId(raw.hex()), stored_bytes=stored, location=location, plain_bytes=plain))
    return refs


def _numbered(row: _Row, ids: list[ChunkId]) -> Iterator[tuple[ChunkId | None, int, int]]:
    for number, offset, length in row.runs:
        if not _HOLE <= number < len(ids) or offset < 0 or length <= 0:
            raise DamagedDataError("a row of the listing names bytes that cannot be")
        yield None if number == _HOLE else ids[number], offset, length


def _runs(entry: Entry) -> Iterator[tuple[ChunkId | None, int, int]]:
    """Yield the file's pieces and holes in the order of its bytes."""
    at = 0
    holes = iter(entry.holes)
    hole = next(holes, None)
    for piece in entry.pieces:
        while hole is not None and hole[0] == at:
            yield None, 0, hole[1]
            at += hole[1]
            hole = next(holes, None)
        yield piece.chunk, piece.offset, piece.length
        at += piece.length
    while hole is not None:
        yield None, 0, hole[1]
        hole = next(holes, None)


def _entry(row: _Row, runs: list[tuple[ChunkId | None, int, int]]) -> Entry:
    if not 0 <= row.kind < len(_KINDS):
        raise DamagedDataError(f"the listing holds an entry of an unknown kind ({row.kind})")
    pieces, holes, at = [], [], 0
    for chunk, offset, length in runs:
        if chunk is None:
            holes.append((at, length))
        else:
            pieces.append(Piece(chunk=chunk, offset=offset, length=length))
        at += length
    return Entry(
        path=os.fsdecode(row.path),
        kind=_KINDS[row.kind],
        mode=row.mode,
        mtime_ns=row.mtime_ns,
        size=row.size,
        pieces=tuple(pieces),
        target=os.fsdecode(row.target),
        holes=tuple(holes),
        digest=row.digest.hex(),
    )
