"""Freeing what no kept snapshot needs.

Safe while a writer is at work: what it may still name is in the newest manifest, which is kept, or was put by itself
since; and a discarded copy is never a newer one of the same content (see ports.stream). So it needs no lock, and the
master runs it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime

from kyc.domain.snapshot import ChunkRef
from kyc.planning.retention import Retention, plan_retention
from kyc.ports.stream import Stream, StreamReader
from kyc.snapshot.listing import page_chunks
from kyc.snapshot.manifest import ManifestReader, Opened, closing_chunks, open_chunk

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What went away: snapshots by their sequence, chunks and their bytes as stored."""

    snapshots: tuple[int, ...]
    chunks: int
    stored_bytes: int


async def collect(stream: Stream, workload: str, key: bytes, retention: Retention, *, now: datetime) -> Collected:
    """Delete the snapshots that the retention does not keep, and then the chunks that only they named.

    Raises DamagedDataError, and deletes nothing, if any manifest cannot be read: it may name anything.
    """
    reader = await stream.open_reader(workload)
    try:
        manifests = ManifestReader(reader, key, workload)
        refs = await manifests.refs()
        summaries = [await manifests.summary(ref) for ref in refs]
        kept = plan_retention(summaries, retention, now=now)
        dropped = [ref.sequence for ref in refs if ref.sequence not in kept]
        if not dropped:
            return Collected(snapshots=(), chunks=0, stored_bytes=0)
        stays = [await manifests.open(sequence) for sequence in sorted(kept)]
        goes = [await manifests.open(sequence) for sequence in dropped]
        garbage = await _garbage(manifests, reader, stays, goes)
    finally:
        await reader.close()
    # Manifests first: a snapshot that is listed can be read. Chunks in portions, so that a lost server costs little.
    await stream.discard(workload, manifests=dropped, chunks=())
    for start in range(0, len(garbage), _AT_ONCE):
        await stream.discard(workload, manifests=(), chunks=garbage[start : start + _AT_ONCE])
    freed = sum(ref.stored_bytes for ref in garbage)
    return Collected(snapshots=tuple(dropped), chunks=len(garbage), stored_bytes=freed)


async def _garbage(
    manifests: ManifestReader, reader: StreamReader, stays: list[Opened], goes: list[Opened]
) -> list[ChunkRef]:
    """Return the copies that are named in what goes, of chunks that nothing that stays names.

    By chunk, not by copy: a stream that keeps one copy of each chunk has put the later one in the place of the earlier.
    """
    kept_pages = {ref.id: ref for opened in stays for ref in opened.pages}
    other_pages = {ref.id: ref for opened in goes for ref in opened.pages if ref.id not in kept_pages}
    garbage = {(ref.id, ref.location): ref for ref in other_pages.values()}
    async for ref in _named(manifests, reader, goes, other_pages.values()):
        garbage[ref.id, ref.location] = ref
    needed = set(kept_pages)
    async for ref in _named(manifests, reader, stays, kept_pages.values()):
        needed.add(ref.id)
    return [ref for ref in garbage.values() if ref.id not in needed]


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
