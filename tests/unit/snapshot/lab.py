"""A workload on a fake stream, ready to be snapshotted and restored."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from kyc.adapters.fake.stream import FakeStream, Place
from kyc.adapters.system.clock import SystemClock
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import OnProgress, Restorer
from kyc.snapshot.workload import Base, ReplicationOptions, Tell, WorkloadFiles

KEY = bytes(range(32))
FAST = ReplicationOptions(interval=timedelta(seconds=0.05), rescan=timedelta(seconds=0.5))


class Lab:
    """Opens replicators and restorers of the workload `train`, and ends their threads when left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "source"
        self.source.mkdir()
        self.stream = FakeStream()
        self.clock = SystemClock()
        self._stack = ExitStack()

    async def __aenter__(self) -> Lab:
        await self.stream.create("train")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def place(self) -> Place:
        """What the stream has of the workload."""
        return self.stream.shelf.place("train")

    def files(self, root: Path, **changes: tuple[str, ...]) -> WorkloadFiles:
        return WorkloadFiles(name="train", root=root, key=KEY, **changes)

    async def replicator(
        self,
        epoch: int = 1,
        *,
        root: Path | None = None,
        kept: tuple[str, ...] = (".",),
        ignored: tuple[str, ...] = (),
        base: Base | None = None,
        options: ReplicationOptions = FAST,
        tell: Tell | None = None,
    ) -> Replicator:
        writer = await self.stream.open_writer("train", epoch)
        files = self.files(root or self.source, kept=kept, ignored=ignored)
        made = Replicator(files, writer, clock=self.clock, base=base, options=options, tell=tell)
        self._stack.callback(made.close)
        return made

    async def restorer(self, name: str = "copy", on_progress: OnProgress | None = None) -> Restorer:
        reader = await self.stream.open_reader("train")
        made = Restorer(self.files(self.folder / name), reader, clock=self.clock, on_progress=on_progress)
        self._stack.callback(made.close)
        return made
