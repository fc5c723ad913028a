"""Bringing a workload's files back, and following its snapshots while somebody else still makes them.

    restorer = Restorer(WorkloadFiles(name=..., root=..., key=...), reader, clock=clock)
    await restorer.restore()    # the newest snapshot, or the newest that is whole
    await restorer.restore()    # again: fetches only what differs, as often as wanted
    Replicator(files, writer, clock=clock, base=restorer.base)

Every chunk is authenticated; files are written beside and renamed; nothing outside of the root is touched; what the
snapshot does not have is removed from its kept paths. A restore that was cut goes on where it was when called again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kyc.domain.errors import DamagedDataError, NotFoundError
from kyc.ports.clock import Clock
from kyc.ports.stream import StreamReader
from kyc.snapshot.listing import Listing
from kyc.snapshot.manifest import Head, ManifestReader, closing_chunks
from kyc.snapshot.memory import give_back
from kyc.snapshot.plan import RestorePlan, Ticks
from kyc.snapshot.scan import Scope
from kyc.snapshot.seal import Keyring
from kyc.snapshot.thread import Worker, next_batch
from kyc.snapshot.tree import minding_space
from kyc.snapshot.workload import Base, WorkloadFiles
from kyc.snapshot.write import Progress, Writers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """A restore that is complete. `sequence` None: there was no snapshot, and nothing was touched.

    `skipped` names newer snapshots that could not be read, each with the reason.
    """

    sequence: int | None
    files: int = 0
    bytes: int = 0
    fetched_bytes: int = 0
    took_s: float = 0
    skipped: tuple[tuple[int, str], ...] = ()


OnProgress = Callable[[Progress], None]


async def _nothing() -> None:
    """Have nothing to fetch."""


class Restorer:
    """See the module. Not for two restores at once; `on_progress` is called often, and must not block."""

    def __init__(
        self,
        workload: WorkloadFiles,
        reader: StreamReader,
        *,
        clock: Clock,
        base: Base | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._root = workload.root
        self._reader = reader
        self._clock = clock
        self._on_progress = on_progress
        self._keys = Keyring(workload.key)
        self._manifests = ManifestReader(reader, workload.key, workload.name)
        self._worker = Worker("kyc-restore")
        self._base = base
        self._fetched_bytes = 0

    @property
    def base(self) -> Base | None:
        """What the last restore left on this machine: what a Replicator starts from."""
        return self._base

    async def restore(self, sequence: int | None = None) -> Restoration:
        """Bring back a snapshot: the newest that is whole, or the one asked for.

        Raises DamagedDataError or NotFoundError when that one, or every one, cannot be read whole; UnreachableError
        when the stream does not answer; OutOfSpaceError. After an error the call can be repeated, and goes on.
        """
        started_s = self._clock.monotonic_s()
        self._fetched_bytes = 0
        wanted = [ref.sequence for ref in reversed(await self._manifests.refs())]
        if sequence is not None:
            wanted = [sequence]
        skipped: list[tuple[int, str]] = []
        for number in wanted:
            try:
                head = await self._restore_one(number)
            except (DamagedDataError, NotFoundError) as error:
                if number == wanted[-1]:
                    raise
                log.warning("snapshot_skipped", extra={"sequence": number, "error": str(error)})
                skipped.append((number, str(error)))
                continue
            return Restoration(
                sequence=number,
                files=head.files,
                bytes=head.bytes,
                fetched_bytes=self._fetched_bytes,
                took_s=self._clock.monotonic_s() - started_s,
                skipped=tuple(skipped),
            )
        return Restoration(sequence=None, took_s=self._clock.monotonic_s() - started_s)

    def close(self) -> None:
        """End the thread; call it last."""
        self._worker.close()

    async def _restore_one(self, sequence: int) -> Head:
        opened = await self._manifests.open(sequence)
        listing = await self._manifests.listing(opened)
        self._root.mkdir(parents=True, exist_ok=True)
        scope = Scope(opened.head.kept, opened.head.ignored)
        base = self._base.listing if self._base else Listing()
        plan = await self._worker.do(lambda: RestorePlan(str(self._root.absolute()), scope, self._keys, listing, base))
        writers = Writers(plan, self._keys, opened.head, self._told)
        self._told(writers)
        try:
            await self._drive(plan.make(), lambda: self._fetch(plan, writers))
            await self._fetch(plan, writers)
            await self._drive(plan.finish())
            signed = await self._worker.do(lambda: listing.signed(plan.signatures()))
            self._base = Base(sequence=sequence, listing=signed)
        finally:
            await writers.close()
            self._fetched_bytes += writers.fetched_bytes
            await self._worker.do(plan.close)
            await self._worker.do(give_back)
        return opened.head

    async def _fetch(self, plan: RestorePlan, writers: Writers) -> None:
        """Fetch what is missing; while some batches are verified and written, the next is on its way."""
        wanted = [plan.chunks[chunk] for chunk in plan.needed]
        async with closing_chunks(self._reader.chunks(wanted)) as chunks:
            async for chunk, payload in chunks:
                await writers.write(chunk, payload)
        await writers.finish()

    def _told(self, writers: Writers) -> None:
        if self._on_progress is not None:
            self._on_progress(writers.progress())

    async def _drive(self, ticks: Ticks, fetch: Callable[[], Awaitable[None]] = _nothing) -> None:
        """Run the generator to its end in the thread, in short stretches, so that it can be cancelled."""

        def stretch() -> tuple[list[int], bool]:
            with minding_space():
                return next_batch(ticks, weight=int, limit=1)

        done = False
        try:
            while not done:
                waiting, done = await self._worker.do(stretch)
                if waiting:
                    await fetch()
        finally:
            await self._worker.do(ticks.close)
