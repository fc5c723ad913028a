"""A workload's snapshots for people: which there are, what changed between two, and whether they can be read back.

Lists are gone through in threads: they may have hundreds of thousands of files, and the master has others to answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kyc.domain.errors import DamagedDataError, NotFoundError
from kyc.domain.snapshot import ChunkId, ChunkRef, Entry, EntryKind, SnapshotSummary
from kyc.ports.stream import Copy, StreamReader
from kyc.snapshot.check import checked
from kyc.snapshot.compare import has_same_bytes
from kyc.snapshot.listing import Listing
from kyc.snapshot.manifest import ManifestReader, closing_chunks, open_chunk
from kyc.snapshot.scan import Scope

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one snapshot has that the other has not: paths, in order. `changed` means content, kind or target."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was read back. `damaged` names each file that cannot be restored whole, with the reason.

    `unreadable` says why the list of files itself cannot be read; nothing else is known then.
    """

    sequence: int
    files: int = 0
    chunks: int = 0
    stored_bytes: int = 0
    damaged: tuple[tuple[str, str], ...] = ()
    unreadable: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether a restore of it would bring everything back."""
        return not self.damaged and not self.unreadable


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
    old, new = await _listing(manifests, older), await _listing(manifests, newer)
    return await asyncio.to_thread(_difference, old, new)


def _difference(older: Listing, newer: Listing) -> Difference:
    before = {entry.path: entry for entry, _ in older.entries()}
    added, changed = [], []
    for entry, _ in newer.entries():
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
    on_progress: OnProgress | None = None,
) -> Verification:
    """Read every chunk of a snapshot (the newest) back and check it; `on_progress` hears (chunks, of so many).

    Raises NotFoundError for a snapshot that is not there.
    """
    refs = await reader.manifests()
    if not refs:
        raise NotFoundError(f"{workload} has no snapshot", next_step="One comes once the work runs.")
    wanted = refs[-1].sequence if sequence is None else sequence
    return (await verify_all(reader, key, workload, [wanted], on_progress=on_progress))[0]


async def verify_all(
    reader: StreamReader,
    key: bytes,
    workload: str,
    sequences: Sequence[int],
    *,
    on_progress: OnProgress | None = None,
) -> list[Verification]:
    """Do as `verify` for several snapshots; a copy of a chunk that they share is read once."""
    manifests = ManifestReader(reader, key, workload)
    listings = {sequence: await _believable(manifests, sequence) for sequence in sequences}
    waves = await asyncio.to_thread(_waves, [one for one in listings.values() if isinstance(one, Listing)])
    total, done, bad = sum(map(len, waves)), 0, dict[Copy, str]()
    for wave in waves:
        hear = None if on_progress is None else partial(_hear, on_progress, done, total)
        bad |= await _bad_chunks(manifests, reader, wave, hear)
        done += len(wave)
    return [await asyncio.to_thread(_verification, sequence, one, bad) for sequence, one in listings.items()]


def _hear(on_progress: OnProgress, before: int, total: int, done: int, _: int) -> None:
    on_progress(before + done, total)


async def _believable(manifests: ManifestReader, sequence: int) -> Listing | str:
    """Return the snapshot's list of files, or why it cannot be believed."""
    try:
        opened = await manifests.open(sequence)  # NotFoundError: there is no such snapshot at all
    except DamagedDataError as error:
        return str(error)
    try:
        listing = await manifests.listing(opened)
        await asyncio.to_thread(_check, listing, Scope(opened.head.kept, opened.head.ignored))
    except (DamagedDataError, NotFoundError) as error:
        return str(error)
    return listing


def _check(listing: Listing, scope: Scope) -> None:
    for _ in checked(listing.entries(), scope, listing.chunks()):
        pass


def _waves(listings: Iterable[Listing]) -> list[list[ChunkRef]]:
    """Return every copy that is named, so divided that no part has two copies of one chunk."""
    copies: dict[ChunkId, dict[str, ChunkRef]] = {}
    for listing in listings:
        for ref in listing.chunks().values():
            copies.setdefault(ref.id, {})[ref.location] = ref
    waves: list[list[ChunkRef]] = []
    for of_one in copies.values():
        for number, ref in enumerate(of_one.values()):
            if number == len(waves):
                waves.append([])
            waves[number].append(ref)
    return waves


def _verification(sequence: int, listing: Listing | str, bad: Mapping[Copy, str]) -> Verification:
    if isinstance(listing, str):
        return Verification(sequence=sequence, unreadable=listing)
    chunks = listing.chunks()
    damaged: dict[str, str] = {}
    files = 0
    for entry, _ in listing.entries():
        files += entry.kind is EntryKind.FILE
        for piece in entry.pieces if bad else ():
            why = bad.get((piece.chunk, chunks[piece.chunk].location))
            if why is not None:
                damaged.setdefault(entry.path, why)
    return Verification(
        sequence=sequence,
        files=files,
        chunks=len(chunks),
        stored_bytes=sum(ref.stored_bytes for ref in chunks.values()),
        damaged=tuple(damaged.items()),
    )


async def _bad_chunks(
    manifests: ManifestReader,
    reader: StreamReader,
    wanted: list[ChunkRef],
    on_progress: OnProgress | None,
) -> dict[Copy, str]:
    """Read all of them; a missing one ends the read, so the rest is asked for again without it."""
    bad: dict[Copy, str] = {}
    left = {ref.id: ref for ref in wanted}
    while left:
        try:
            async with closing_chunks(reader.chunks(list(left.values()))) as chunks:
                async for chunk, payload in chunks:
                    ref = left.pop(chunk)
                    try:
                        open_chunk(manifests.sealer, manifests.keys, chunk, payload)
                    except DamagedDataError as error:
                        bad[chunk, ref.location] = str(error)
                    if on_progress is not None:
                        on_progress(len(wanted) - len(left), len(wanted))
        except NotFoundError as error:
            missing = [chunk for chunk in left if chunk in str(error)]
            if not missing:
                raise
            bad[missing[0], left.pop(missing[0]).location] = str(error)
    return bad


async def _listing(manifests: ManifestReader, sequence: int) -> Listing:
    return await manifests.listing(await manifests.open(sequence))


def _is_alike(one: Entry, other: Entry) -> bool:
    if one.kind is not other.kind or one.target != other.target:
        return False
    if one.digest or other.digest:
        return one.digest == other.digest
    return has_same_bytes(one, other)
