"""Freeing what no kept snapshot needs.

Safe while a writer is at work: what it may still name is in the newest manifest, which is kept, or was put by itself
since, in its own epoch; and a discarded copy is never a newer one of the same content (see ports.stream). So it needs
no lock, and the master runs it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from kyc.domain.snapshot import ChunkRef
from kyc.planning.retention import Retention, plan_retention
from kyc.ports.stream import Copy, CopyReader, ManifestRef, Stream, StreamReader
from kyc.snapshot.listing import page_chunks
from kyc.snapshot.manifest import ManifestReader, Opened, closing_chunks, open_chunk

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What went away: snapshots by their sequence, chunks and their bytes as stored.

    `swept` is the epoch below which no copy is left that nobody needs.
    """

    snapshots: tuple[int, ...] = ()
    chunks: int = 0
    stored_bytes: int = 0
    swept: int = 0


async def collect(
    stream: Stream, workload: str, key: bytes, retention: Retention, *, now: datetime, swept: int = 0
) -> Collected:
    """Delete the snapshots that the retention does not keep, and then the chunks that nothing names any more.

    What no snapshot ever named is looked for once an epoch: below `swept` it was. Raises DamagedDataError, and deletes
    nothing, if any manifest cannot be read: it may name anything.
    """
    reader = await stream.open_reader(workload)
    try:
        manifests = ManifestReader(reader, key, workload)
        refs = await manifests.refs()
        summaries = [await manifests.summary(ref) for ref in refs]
        kept = plan_retention(summaries, retention, now=now)
        dropped = [ref.sequence for ref in refs if ref.sequence not in kept]
        below = _to_sweep(reader, refs, swept)
        if not dropped and below is None:
            return Collected(swept=swept)
        stays = [await manifests.open(sequence) for sequence in sorted(kept)]
        goes = [await manifests.open(sequence) for sequence in dropped]
        garbage = await _garbage(manifests, reader, (stays, goes), below)
    finally:
        await reader.close()
    # Manifests first: a snapshot that is listed can be read. Chunks in portions, so that a lost server costs little.
    await stream.discard(workload, manifests=dropped, chunks=())
    for start in range(0, len(garbage), _AT_ONCE):
        await stream.discard(workload, manifests=(), chunks=garbage[start : start + _AT_ONCE])
    freed = sum(ref.stored_bytes for ref in garbage)
    return Collected(snapshots=tuple(dropped), chunks=len(garbage), stored_bytes=freed, swept=below or swept)


def _to_sweep(reader: StreamReader, refs: list[ManifestRef], swept: int) -> int | None:
    """Return the epoch below which strays are to be looked for: nobody can commit there any more."""
    newest = refs[-1].epoch if refs else 0
    return newest if isinstance(reader, CopyReader) and newest > swept else None


async def _garbage(
    manifests: ManifestReader, reader: StreamReader, snapshots: tuple[list[Opened], list[Opened]], below: int | None
) -> list[ChunkRef]:
    """Return the copies that are named only in what goes, and those below an epoch that nothing names.

    Where a stream keeps one copy of each chunk, a later one has taken the place of the one that is named.
    """
    stays, goes = snapshots
    of: Callable[[ChunkRef], object] = _copy if isinstance(reader, CopyReader) else lambda ref: ref.id
    kept_pages = {ref.id: ref for opened in stays for ref in opened.pages}
    other_pages = {ref.id: ref for opened in goes for ref in opened.pages if ref.id not in kept_pages}
    named = {_copy(ref): ref for opened in (*stays, *goes) for ref in opened.pages}
    needed = {of(ref) for opened in stays for ref in opened.pages}
    async for ref in _named(manifests, reader, stays, kept_pages.values()):
        named[_copy(ref)] = ref
        needed.add(of(ref))
    async for ref in _named(manifests, reader, goes, other_pages.values()):
        named[_copy(ref)] = ref
    garbage = [ref for ref in named.values() if of(ref) not in needed]
    if below is not None and isinstance(reader, CopyReader):
        garbage += [ref async for ref in reader.strays(named.keys(), before=below)]
    return garbage


def _copy(ref: ChunkRef) -> Copy:
    return ref.id, ref.location


async def _named(
    manifests: ManifestReader, reader: StreamReader, opened: list[Opened], pages: Iterable[ChunkRef]
) -> AsyncIterator[ChunkRef]:
    """Yield the chunks that these manifests name, in themselves or in these pages."""
    for one in opened:
        if one.inline:
            for ref in page_chunks(one.inline):
                yield ref
    async with closing_chunks(reader.chunks(list(pages))) as chunks:
        async for page, payload in chunks:
            for ref in page_chunks(open_chunk(manifests.sealer, manifests.keys, page, payload)):
                yield ref
