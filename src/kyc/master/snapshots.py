"""A workload's snapshots for people: read from the stream as an agent would, with the workload's own key."""

from __future__ import annotations

import asyncio
import tarfile
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kyc.domain.errors import NotFoundError
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job
from kyc.domain.snapshot import SnapshotSummary
from kyc.ports.clock import Clock
from kyc.ports.secrets import Secrets
from kyc.ports.store import Store
from kyc.ports.stream import StreamHost, StreamReader
from kyc.snapshot.history import Difference, OnProgress, Verification, diff, list_snapshots, verify, verify_all
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles
from kyc.wire.archive import header_of

_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What is in the stream. `scratch` is where a snapshot is brought back to before it is handed out."""

    store: Store
    stream_host: StreamHost
    secrets: Secrets
    clock: Clock
    scratch: Path

    async def list(self, name: WorkloadName) -> list[SnapshotSummary]:
        """Return what snapshots there are, newest first; none for a workload that never began."""
        job = await self._job(name)
        if job.attempts == 0:
            return []
        async with self._reader(name) as reader:
            return await list_snapshots(reader, self._key(job), name)

    async def diff(self, name: WorkloadName, older: int, newer: int) -> Difference:
        """Return what changed between two snapshots; NotFoundError for one that is not there."""
        job = await self._begun(name)
        async with self._reader(name) as reader, _what_there_is(name):
            return await diff(reader, self._key(job), name, older=older, newer=newer)

    async def verify(
        self, name: WorkloadName, sequence: int | None, on_progress: OnProgress, *, everything: bool
    ) -> Sequence[Verification]:
        """Read a snapshot (None: the newest), or `everything`, back from the stream; NotFoundError if there is none."""
        job = await self._begun(name)
        key = self._key(job)
        async with self._reader(name) as reader, _what_there_is(name):
            refs = await reader.manifests() if everything else []
            if len(refs) > 1:
                numbers = [ref.sequence for ref in refs]
                return await verify_all(reader, key, name, numbers, on_progress=on_progress)
            return [await verify(reader, key, name, sequence=sequence, on_progress=on_progress)]

    async def tar(self, name: WorkloadName, sequence: int | None) -> AsyncIterator[bytes]:
        """Yield the files of a snapshot (None: the newest) as a tar, verified whole before the first byte."""
        job = await self._job(name)
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            files, packed = Path(folder) / "files", Path(folder) / "files.tar"
            await asyncio.to_thread(files.mkdir, mode=0o700)
            number = await self._restore(job, files, sequence)
            await asyncio.to_thread(_pack, files, packed, number)
            with packed.open("rb") as file:
                while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                    yield piece

    async def _restore(self, job: Job, root: Path, sequence: int | None) -> int:
        """Bring a snapshot back, and return its number."""
        async with self._reader(job.name) as reader:
            files = WorkloadFiles(name=job.name, root=root, key=self._key(job), kept=job.spec.keep)
            restorer = Restorer(files, reader, clock=self.clock)
            try:
                async with _what_there_is(job.name):
                    restored = await restorer.restore(sequence)
            finally:
                restorer.close()
        if restored.sequence is None:
            raise NotFoundError(
                f"{job.name} has no snapshot yet", next_step=f"`kyc snapshots {job.name}` lists them as they come."
            )
        return restored.sequence

    @asynccontextmanager
    async def _reader(self, name: WorkloadName) -> AsyncIterator[StreamReader]:
        await self.stream_host.ensure()  # it may have been killed a moment ago
        stream = await self.stream_host.stream(name)
        try:
            reader = await stream.open_reader(name)
            try:
                yield reader
            finally:
                await reader.close()
        finally:
            await stream.close()

    async def _begun(self, name: WorkloadName) -> Job:
        job = await self._job(name)
        if job.attempts == 0:
            raise NotFoundError(f"{name} has not begun: it has no snapshot", next_step="`kyc ps` shows how it stands.")
        return job

    async def _job(self, name: WorkloadName) -> Job:
        job = await self.store.job(name)
        if job is None and await self.store.service(name) is not None:
            raise NotFoundError(f"{name} is a service: only jobs have snapshots", next_step="`kyc ps` lists the jobs.")
        if job is None:
            raise NotFoundError(f"no workload is called {name!r}", next_step="`kyc ps` lists them.")
        return job

    def _key(self, job: Job) -> bytes:
        return self.secrets.open(job.sealed_key, purpose=f"workload {job.name}")


@asynccontextmanager
async def _what_there_is(name: WorkloadName) -> AsyncIterator[None]:
    """Tell who asked for a snapshot that is not there where to look."""
    try:
        yield
    except NotFoundError as error:
        error.next_step = error.next_step or f"`kyc snapshots {name}` lists what there is."
        raise


def _pack(folder: Path, target: Path, sequence: int) -> None:
    entries = sorted(folder.iterdir())
    header = header_of(sequence) if entries else {}  # tarfile cannot read a header that nothing follows
    with (
        target.open("wb") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers=header) as tar,
    ):
        for entry in entries:
            tar.add(entry, arcname=entry.name)
