"""Takes one snapshot after the other, each against the one before: pass, send, commit, settle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.ports.clock import Clock
from kyc.ports.stream import StreamWriter
from kyc.snapshot.listing import Listing
from kyc.snapshot.manifest import Head, encode
from kyc.snapshot.mapped import Mapped
from kyc.snapshot.memory import give_back
from kyc.snapshot.pack import wasteful_packs
from kyc.snapshot.publish import Publisher
from kyc.snapshot.scan import Scope, size_of
from kyc.snapshot.take import Before, SnapshotPass, Source, Tools
from kyc.snapshot.thread import Worker
from kyc.snapshot.workload import Base, Commit, ReplicationOptions, WorkloadFiles

_REPACK_EVERY = 64


class Snapshotter:
    """One workload's snapshots in one epoch. Not for two snapshots at once."""

    def __init__(
        self,
        workload: WorkloadFiles,
        writer: StreamWriter,
        clock: Clock,
        options: ReplicationOptions,
        base: Base | None,
    ) -> None:
        self.source = Source(
            root=str(workload.root.absolute()),
            scope=Scope(workload.kept, workload.ignored),
            paranoid=options.paranoid,
        )
        self._name = workload.name
        self._writer = writer
        self._clock = clock
        self._options = options
        self._tools = Tools.of(workload.key)
        self._worker = Worker("kyc-snapshot")
        self._parent = base.sequence if base else None
        self._listing = base.listing if base else Listing()
        self._unnamed: dict[ChunkId, ChunkRef] = {}  # in the stream, but in no manifest yet
        self._wasteful: frozenset[ChunkId] = frozenset()
        self._passes = 0
        self._mapped = Mapped(options.rescan.total_seconds())
        self.mapped_bytes = 0  # the size of the files that have to be read whether they look changed or not

    async def take(self, *, flushed: bool, is_late: Callable[[], bool]) -> Commit:
        """Take a snapshot; once `is_late` says so, nothing more is read.

        If nothing changed no manifest is written. Raises what StreamWriter raises; the next call then goes on from what
        got through.
        """
        started_s, taken_at = self._clock.monotonic_s(), self._clock.now()
        busy_before_s = self._worker.busy_s
        wasteful = frozenset[ChunkId]() if flushed else self._wasteful
        mapped = await self._worker.do(lambda: self._mapped.begin(started_s, at_last=flushed))
        before = Before(listing=self._listing, stored=self._unnamed, wasteful=wasteful, mapped=mapped)
        taking = await self._worker.do(lambda: SnapshotPass(self.source, self._tools, before, is_late=is_late))
        sent_bytes = await self._send(taking, limited=not flushed)
        sequence = self._parent
        if taking.changed or sequence is None:
            sequence = await self._commit(taking, taken_at)
        await self._settle(sequence, taking)
        if self._mapped.is_due:
            self.mapped_bytes = taking.mapped_bytes
        await self._worker.do(lambda: self._mapped.end(self._clock.monotonic_s()))
        return Commit(
            sequence=sequence,
            files=taking.files,
            bytes=taking.bytes,
            sent_bytes=sent_bytes,
            took_s=self._clock.monotonic_s() - started_s,
            missed=tuple(taking.missed),
            flushed=flushed,
            read_bytes=taking.read_bytes,
            busy_s=self._worker.busy_s - busy_before_s,
            special=tuple(taking.special),
        )

    async def size(self) -> int:
        """Return how many bytes there are to be kept."""
        return await self._worker.do(lambda: size_of(self.source.root, self.source.scope))

    def close(self) -> None:
        """End the thread."""
        self._worker.close()

    async def _send(self, taking: SnapshotPass, *, limited: bool) -> int:
        """Send what is new; what got through counts also if the rest did not."""
        publisher = Publisher(
            self._writer,
            self._clock,
            in_flight_bytes=self._options.in_flight_bytes,
            bytes_per_s=self._options.bytes_per_s if limited else 0,
        )
        try:
            await publisher.send(self._worker, taking.run(), taking.stored)
            await publisher.send(self._worker, taking.finish(), taking.stored)
        finally:
            self._unnamed.update(taking.fresh())
        return publisher.sent_bytes

    async def _commit(self, taking: SnapshotPass, taken_at: datetime) -> int:
        head = Head(
            workload=self._name,
            epoch=self._writer.epoch,
            parent=self._parent,
            taken_at=taken_at,
            kept=self.source.scope.kept,
            ignored=self.source.scope.ignored,
            files=taking.files,
            bytes=taking.bytes,
            missed=tuple(taking.missed),
        )
        payload = await self._worker.do(lambda: encode(head, taking.listing(), self._tools.sealer))
        return await self._writer.commit(payload)

    async def _settle(self, sequence: int, taking: SnapshotPass) -> None:
        """The snapshot is in the stream: the next pass goes on from it."""
        self._listing = listing = taking.listing()
        self._parent = sequence
        self._unnamed.clear()
        self._tools.cutter.rest()
        if taking.read_bytes:
            await self._worker.do(give_back)
        self._passes += 1
        self._wasteful = frozenset()
        if self._passes % _REPACK_EVERY == 0:
            self._wasteful = await self._worker.do(
                lambda: wasteful_packs((entry for entry, _ in listing.entries()), listing.chunks())
            )
