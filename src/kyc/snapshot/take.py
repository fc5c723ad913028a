"""One pass over a workload's files: what is new since the snapshot before, sealed, and the listing of all there is.

Runs in a thread of its own and does nothing but read, cut, hash and seal; whoever drives it (`publish`) sends what it
yields and tells it where each chunk came to lie. The walk and the listing before are both in order, so they are merged
as they come, and neither is ever in memory as a whole. A file that cannot be read whole is named in `missed` and stays
as it was in the snapshot before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from kyc.domain.snapshot import ChunkId, ChunkRef, Entry, EntryKind
from kyc.snapshot.cipher import Buffer
from kyc.snapshot.cut import Cutter
from kyc.snapshot.listing import NO_SIGNATURE, Built, Listing, PageBlob, Signature, sort_key
from kyc.snapshot.manifest import INLINE_LIMIT_BYTES
from kyc.snapshot.order import EntryQueue
from kyc.snapshot.pack import Packer
from kyc.snapshot.read import Content, FileReader, UnsettledFileError, signature_of
from kyc.snapshot.scan import Found, Missed, Scope, walk
from kyc.snapshot.seal import Keyring, Sealer

_QUEUE_LIMIT = 4096


class Sealed(NamedTuple):
    """A chunk to be put into the stream."""

    id: ChunkId
    payload: bytes
    plain_bytes: int


Outgoing = Generator[Sealed | None, None, None]  # None: a sign of life, nothing to send


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is snapshotted: the root, the scope under it, and whether unchanged inodes are read all the same."""

    root: str
    scope: Scope
    paranoid: bool = False


class Tools(NamedTuple):
    """What a workload's passes share; for one thread at a time."""

    keys: Keyring
    sealer: Sealer
    cutter: Cutter

    @staticmethod
    def of(key: bytes) -> Tools:
        """Make them for a workload's key."""
        keys = Keyring(key)
        return Tools(keys, Sealer(keys), Cutter(keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What is known from earlier passes: the last listing, chunks put since, and packs whose files are packed anew.

    `mapped` are inode numbers of files to read again even if they look the same.
    """

    listing: Listing
    stored: Mapping[ChunkId, ChunkRef]
    wasteful: frozenset[ChunkId] = frozenset()
    mapped: frozenset[int] = frozenset()


def never() -> bool:
    """Say that there is time."""
    return False


class SnapshotPass:
    """One pass: drive `run`, then, when all that it yielded is in the stream, `finish` the same way, then `listing`.

    Whoever drives sets in `stored` where each yielded chunk came to lie; None there: it is on its way.
    """

    def __init__(self, source: Source, tools: Tools, before: Before, *, is_late: Callable[[], bool] = never) -> None:
        self.files = self.bytes = self.mapped_bytes = 0
        self._missed = Missed()
        self.stored: dict[ChunkId, ChunkRef | None] = {**before.stored, **before.listing.chunks()}
        self._source = source
        self._tools = tools
        self._wasteful = before.wasteful
        self._mapped = before.mapped
        self._reader = FileReader(tools.cutter, is_late)
        self._packer = Packer(tools.keys)
        self._base = before.listing.entries()
        self._ahead: tuple[Entry, Signature] | None = next(self._base, None)
        self._base_pages = {page.id: page for page in before.listing.pages}
        self._base_ids = list(self._base_pages)
        self._links: dict[tuple[int, int], str] = {}
        self._sent: set[ChunkId] = set()
        self._queue = EntryQueue()
        self._pages: list[PageBlob] = []
        self._held: bytes | None = None  # the first page, until there is a second: alone it goes into the manifest

    @property
    def read_bytes(self) -> int:
        """How much was read so far."""
        return self._reader.read_bytes

    @property
    def missed(self) -> Sequence[str]:
        """The paths that could not be read whole so far."""
        return self._missed.unread

    @property
    def special(self) -> Sequence[str]:
        """Pipes, sockets and devices seen so far, each with what it is."""
        return self._missed.special

    @property
    def changed(self) -> bool:
        """Whether the listing differs from the one before; known when `finish` is through."""
        return [page.id for page in self._pages] != self._base_ids

    def run(self) -> Outgoing:
        """Walk, and yield what the stream does not have yet."""
        for found in walk(self._source.root, self._source.scope, self._missed):
            yield None
            yield from self._take(found)
            if len(self._queue) > _QUEUE_LIMIT:
                yield from self._close_pack()
            yield from self._send_pages(self._queue.drain(self.stored))
        yield from self._close_pack()

    def finish(self) -> Outgoing:
        """Yield the pages that are left."""
        yield from self._send_pages(self._queue.finish(self.stored))
        if self._held is not None and len(self._held) > INLINE_LIMIT_BYTES:
            yield from self._send_page(self._held)

    def fresh(self) -> dict[ChunkId, ChunkRef]:
        """Return the chunks that this pass added to the stream, as far as is known by now."""
        return {chunk: ref for chunk, ref in self.stored.items() if ref is not None and chunk in self._sent}

    def listing(self) -> Listing:
        """Return the list of all there is, with the places of its pages."""
        for page in self._pages:
            page.ref = self.stored.get(page.id)
        return Listing(self._pages)

    # --- one path ----------------------------------------------------------------------------------------------------

    def _take(self, found: Found) -> Outgoing:
        earlier, signature = self._earlier(found.path)
        match found.kind:
            case EntryKind.FOLDER:
                self._queue.append(_entry(found.path, EntryKind.FOLDER, found.stat), NO_SIGNATURE)
            case EntryKind.SYMLINK:
                try:
                    target = os.readlink(f"{self._source.root}/{found.path}")  # noqa: PTH115  # a Path tidies it up
                except OSError:
                    return  # it is gone, or not a link any more: the next pass sees what it is
                link = replace(_entry(found.path, EntryKind.SYMLINK, found.stat), target=target)
                self._queue.append(link, NO_SIGNATURE)
            case _:
                inode = (found.stat.st_dev, found.stat.st_ino)
                if found.stat.st_nlink > 1 and inode in self._links:
                    entry = _entry(found.path, EntryKind.HARDLINK, found.stat)
                    link = replace(entry, target=self._links[inode])
                    self._queue.append(link, NO_SIGNATURE)
                    self.files += 1
                    return
                is_file = earlier is not None and earlier.kind is EntryKind.FILE
                yield from self._take_file(found, earlier if is_file else None, signature)

    def _take_file(self, found: Found, earlier: Entry | None, signature: Signature) -> Outgoing:
        if found.stat.st_ino in self._mapped:
            self.mapped_bytes += found.stat.st_size
        try:
            if earlier is not None and self._is_unchanged(found, earlier, signature):
                self._append(earlier, signature)
            else:
                yield from self._read(found.path, earlier)
        except FileNotFoundError:
            return
        except (OSError, UnsettledFileError):
            self._missed.unread.append(found.path)
            if earlier is None:
                return
            self._append(earlier, NO_SIGNATURE)
        if found.stat.st_nlink > 1:
            self._links[found.stat.st_dev, found.stat.st_ino] = found.path

    def _is_unchanged(self, found: Found, earlier: Entry, signature: Signature) -> bool:
        return (
            signature == signature_of(found.stat)
            and earlier.size == found.stat.st_size
            and earlier.mtime_ns == found.stat.st_mtime_ns
            and not self._source.paranoid
            and found.stat.st_ino not in self._mapped
            and not (earlier.digest and earlier.pieces[0].chunk in self._wasteful)
        )

    def _earlier(self, path: str) -> tuple[Entry | None, Signature]:
        """Return the path's entry in the listing before: both are in the same order."""
        key = sort_key(path)
        while self._ahead is not None and sort_key(self._ahead[0].path) < key:
            self._ahead = next(self._base, None)
        if self._ahead is not None and self._ahead[0].path == path:
            return self._ahead
        return None, NO_SIGNATURE

    def _read(self, path: str, earlier: Entry | None) -> Outgoing:
        reading = self._reader.read(f"{self._source.root}/{path}", earlier)
        content: Content
        while True:
            try:
                cut = next(reading)
            except StopIteration as end:
                content = end.value
                break
            if cut.data is None:
                yield None
            else:
                yield from self._send(cut.chunk, cut.data)
        digest = self._tools.keys.digest(content.data) if content.data else ""
        entry = _entry(path, EntryKind.FILE, content.looked, digest)
        if content.data:
            yield from self._append_small(entry, content.data, signature_of(content.looked), earlier)
        else:
            whole = replace(entry, pieces=content.pieces, holes=content.holes)
            self._append(whole, signature_of(content.looked))

    def _append_small(self, entry: Entry, data: bytes, signature: Signature, earlier: Entry | None) -> Outgoing:
        if earlier is not None and earlier.digest == entry.digest and earlier.pieces[0].chunk not in self._wasteful:
            self._append(replace(entry, pieces=earlier.pieces), signature)
            return
        if not self._packer.fits(data):
            yield from self._close_pack()
        self._count(entry)
        self._packer.add(self._queue.append(None, signature), entry, data)

    def _append(self, entry: Entry, signature: Signature) -> None:
        self._count(entry)
        self._queue.append(entry, signature)

    def _count(self, entry: Entry) -> None:
        self.files += 1
        self.bytes += entry.size

    # --- what goes out -----------------------------------------------------------------------------------------------

    def _close_pack(self) -> Outgoing:
        pack = self._packer.close()
        if pack is not None:
            yield from self._send(pack.id, pack.data)

    def _send(self, chunk: ChunkId, data: Buffer) -> Outgoing:
        if chunk not in self.stored:
            self.stored[chunk] = None
            self._sent.add(chunk)
            yield Sealed(chunk, self._tools.sealer.seal(chunk, data), len(data))

    def _send_pages(self, pages: Iterator[Built]) -> Outgoing:
        for built in pages:
            page_id = self._tools.keys.chunk_id(built.plain)
            same = self._base_pages.get(page_id)
            page = PageBlob.of(page_id, built.plain, built.entries)
            page.signatures = built.signatures
            self._pages.append(page)
            if same is not None and same.ref is not None:
                self.stored[page_id] = same.ref
            if len(self._pages) == 1:
                self._held = built.plain
                continue
            if self._held is not None:
                yield from self._send_page(self._held)
            yield from self._send_page(built.plain)

    def _send_page(self, plain: bytes) -> Outgoing:
        self._held = None
        yield from self._send(self._tools.keys.chunk_id(plain), plain)


def _entry(path: str, kind: EntryKind, looked: os.stat_result, digest: str = "") -> Entry:
    size = looked.st_size if kind is EntryKind.FILE else 0
    mode, mtime_ns = stat.S_IMODE(looked.st_mode), looked.st_mtime_ns
    return Entry(path=path, kind=kind, mode=mode, mtime_ns=mtime_ns, size=size, digest=digest)
