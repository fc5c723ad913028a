"""The supervisor's Engine on the replication engine and a stream: one connection a session."""

from __future__ import annotations

from collections.abc import Callable

from kyc.agent.engine import Restored, Tree
from kyc.domain.snapshot import StreamAccess
from kyc.ports.clock import Clock
from kyc.ports.stream import Stream, StreamReader, StreamWriter
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import ReplicationOptions, Tell, WorkloadFiles


class StreamEngine:
    """Opens sessions on the stream that an access names; `connect` chooses the back end by its URL."""

    def __init__(self, connect: Callable[[StreamAccess], Stream], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock

    async def open(self, tree: Tree) -> StreamSession:
        """Open the tree's place for reading."""
        stream = self._connect(tree.access)
        try:
            reader = await stream.open_reader(tree.workload)
        except BaseException:
            await stream.close()
            raise
        return StreamSession(tree, stream, reader, self._clock)


class StreamSession:
    """One tree over one connection."""

    def __init__(self, tree: Tree, stream: Stream, reader: StreamReader, clock: Clock) -> None:
        self._files = WorkloadFiles(name=tree.workload, root=tree.root, key=tree.key, kept=tree.keep)
        self._access = tree.access
        self._stream = stream
        self._reader = reader
        self._clock = clock
        self._restorer = Restorer(self._files, reader, clock=clock)
        self._writer: StreamWriter | None = None

    async def newest(self) -> int | None:
        """Return the newest committed sequence."""
        found = await self._reader.manifests()
        return found[-1].sequence if found else None

    async def restore(self) -> Restored:
        """Bring the newest that is whole to the disk."""
        done = await self._restorer.restore()
        return Restored(sequence=done.sequence, files=done.files, bytes=done.bytes, fetched_bytes=done.fetched_bytes)

    async def open_epoch(self, epoch: int) -> None:
        """Open the epoch for writing."""
        self._writer = await self._stream.open_writer(self._files.name, epoch)

    def replicate(self, *, options: ReplicationOptions, tell: Tell) -> Replicator:
        """Go on from what was restored last; the session's restores are over."""
        assert self._writer is not None, "open_epoch comes first"
        self._restorer.close()  # its thread; what it restored stays known
        return Replicator(
            self._files, self._writer, clock=self._clock, base=self._restorer.base, options=options, tell=tell
        )

    def renew(self, access: StreamAccess) -> None:
        """Use another credential from now on."""
        if access != self._access:
            self._access = access
            self._stream.renew(access)

    async def close(self) -> None:
        """Hang up."""
        self._restorer.close()
        if self._writer is not None:
            await self._writer.close()
        await self._reader.close()
        await self._stream.close()
