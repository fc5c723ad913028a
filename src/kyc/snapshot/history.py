"""A workload's snapshots for people: which there are, what changed between two, and whether they can be read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kyc.domain.errors import DamagedDataError, NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef, Entry, EntryKind, SnapshotSummary
from kyc.ports.stream import StreamReader
from kyc.snapshot.compare import has_same_bytes
from kyc.snapshot.listing import Listing
from kyc.snapshot.manifest import ManifestReader, closing_chunks, open_chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one snapshot has that the other has not: paths, in order. `changed` means content, kind or target."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was read back. `damaged` names each file that cannot be restored whole, with the reason."""

    sequence: int
    files: int
    chunks: int
    stored_bytes: int
    damaged: tuple[tuple[str, str], ...]


async def list_snapshots(reader: StreamReader, key: bytes, workload: str) -> list[SnapshotSummary]:
    """Return every snapshot that can be read, newest first; raises UnreachableError, or why none can be read."""
    manifests = ManifestReader(reader, key, workload)
    found: list[SnapshotSummary] = []
    failed: DamagedDataError | NotFoundError | None = None
    for ref in reversed(await manifests.refs()):
        try:
            found.append(await manifests.summary(ref))
        except (DamagedDataError, NotFoundError) as error:
            failed = failed or error
    if failed is not None and not found:
        raise failed
    return found


async def diff(reader: StreamReader, key: bytes, workload: str, *, older: int, newer: int) -> Difference:
    """Return what changed between two snapshots; NotFoundError for one that is not there."""
    manifests = ManifestReader(reader, key, workload)
    before = {entry.path: entry for entry, _ in (await _listing(manifests, older)).entries()}
    added, changed = [], []
    for entry, _ in (await _listing(manifests, newer)).entries():
        old = before.pop(entry.path, None)
        if old is None:
            added.append(entry.path)
        elif not _is_alike(old, entry):
            changed.append(entry.path)
    return Difference(added=tuple(added), removed=tuple(before), changed=tuple(changed))


async def verify(
    reader: StreamReader,
    key: bytes,
    workload: str,
    *,
    sequence: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Read every chunk of a snapshot (the newest) back and check it; `on_progress` hears (chunks, of so many)."""
    manifests = ManifestReader(reader, key, workload)
    if sequence is None:
        refs = await manifests.refs()
        if not refs:
            raise NotFoundError(f"{workload} has no snapshot")
        sequence = refs[-1].sequence
    listing = await _listing(manifests, sequence)
    chunks = listing.chunks()
    bad = await _bad_chunks(manifests, reader, list(chunks.values()), on_progress)
    damaged = [
        (entry.path, bad[piece.chunk])
        for entry, _ in listing.entries()
        for piece in entry.pieces[: None if bad else 0]
        if piece.chunk in bad
    ]
    return Verification(
        sequence=sequence,
        files=sum(1 for entry, _ in listing.entries() if entry.kind is EntryKind.FILE),
        chunks=len(chunks),
        stored_bytes=sum(ref.stored_bytes for ref in chunks.values()),
        damaged=tuple(dict(damaged).items()),
    )


async def _bad_chunks(
    manifests: ManifestReader,
    reader: StreamReader,
    wanted: list[ChunkRef],
    on_progress: Callable[[int, int], None] | None,
) -> dict[ChunkId, str]:
    """Read all of them; a missing one ends the read, so the rest is asked for again without it."""
    bad: dict[ChunkId, str] = {}
    left = {ref.id: ref for ref in wanted}
    while left:
        try:
            async with closing_chunks(reader.chunks(list(left.values()))) as chunks:
                async for chunk, payload in chunks:
                    del left[chunk]
                    try:
                        open_chunk(manifests.sealer, manifests.keys, chunk, payload)
                    except DamagedDataError as error:
                        bad[chunk] = str(error)
                    if on_progress is not None:
                        on_progress(len(wanted) - len(left), len(wanted))
        except NotFoundError as error:
            missing = [chunk for chunk in left if chunk in str(error)]
            if not missing:
                raise
            bad[missing[0]] = str(error)
            del left[missing[0]]
    return bad


async def _listing(manifests: ManifestReader, sequence: int) -> Listing:
    return await manifests.listing(await manifests.open(sequence))


def _is_alike(one: Entry, other: Entry) -> bool:
    if one.kind is not other.kind or one.target != other.target:
        return False
    if one.digest or other.digest:
        return one.digest == other.digest
    return has_same_bytes(one, other)
