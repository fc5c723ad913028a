"""A supervisor among fakes: commands that do what the test says, an engine without files, hands of a clock to move."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.notices import FakeNotices
from kyc.agent.engine import Restored, Tree
from kyc.agent.mark import Mark
from kyc.agent.notices import Watch
from kyc.agent.race import first_of
from kyc.agent.settings import Settings
from kyc.agent.supervise import Supervisor
from kyc.agent.world import World
from kyc.domain.errors import FencedError, NotFoundError, UnreachableError
from kyc.domain.ids import InstanceId
from kyc.domain.interruption import Notice, NoticeKind
from kyc.domain.snapshot import StreamAccess
from kyc.ports.runtime import Command
from kyc.snapshot.workload import Commit, ReplicationOptions, Tell
from kyc.wire.agent import AnyFact, Assignment, Desire, Noticed, Printed

ASSIGNMENT = Assignment(
    attempt="train.1",
    workload="train",
    phase="prepare",
    epoch=0,
    run="python train.py",
    setup="",
    envs={"EPOCHS": "20"},
    keep=["checkpoints"],
    on_interrupt="",
    progress=r"epoch (?P<step>\d+)/(?P<total>\d+)",
    stop_grace_s=10.0,
    snapshot_interval_s=2.0,
    archive="a" * 64,
    stream=StreamAccess(url="memory:", workload="train"),
    key="a2V5",
)


class FakeRunning:
    """A command: it prints and ends when the test says so, or when it is told to (`obeys`)."""

    def __init__(self, command: Command, clock: FakeClock, pid: int) -> None:
        self.command = command
        self.pid = pid
        self.obeys = True
        self.told: list[str] = []
        self._clock = clock
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._code: int | None = None
        self._ended = asyncio.Event()

    @property
    def runs(self) -> bool:
        return self._code is None

    def say(self, *lines: str) -> None:
        for line in lines:
            self._lines.put_nowait(line)

    def end(self, code: int) -> None:
        if self._code is None:
            self._code = code
            self._lines.put_nowait(None)
            self._ended.set()

    async def output(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            yield line

    async def wait(self) -> int:
        await self._ended.wait()
        assert self._code is not None
        return self._code

    async def stop(self, *, grace_s: float) -> int:
        if self._code is None:
            self.told.append(f"stop {grace_s:g}")
            if self.obeys:
                self.end(143)
            else:
                await self._clock.sleep_s(grace_s)
                self.end(137)
        return await self.wait()

    async def kill(self) -> None:
        if self._code is None:
            self.told.append("kill")
        self.end(137)


class FakeRuntime:
    """Starts fake commands; those named in `codes` end by themselves at once."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.started: list[FakeRunning] = []
        self.codes: dict[str, int] = {}

    async def start(self, command: Command) -> FakeRunning:
        running = FakeRunning(command, self._clock, pid=1000 + len(self.started))
        self.started.append(running)
        if command.name in self.codes:
            running.say(f"{command.name} says hello")
            running.end(self.codes[command.name])
        return running

    def named(self, name: str) -> list[FakeRunning]:
        return [running for running in self.started if running.command.name == name]

    @property
    def work(self) -> FakeRunning:
        (found,) = self.named("run")
        return found


@dataclass
class FakeEngine:
    """Snapshots that are numbers: `dirty` makes something to publish, `commit_elsewhere` is the predecessor's."""

    clock: FakeClock
    sequences: list[int] = field(default_factory=list)
    dirty: bool = False
    epoch: int = 0
    unreachable: bool = False
    failure: Exception | None = None
    flush_estimate_s: float = 0.5
    restored: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    open_ends: int = 0
    renewed: list[str] = field(default_factory=list)

    async def open(self, tree: Tree) -> FakeSession:
        self.check()
        self.open_ends += 1
        return FakeSession(self)

    def commit_elsewhere(self) -> int:
        self.sequences.append(len(self.sequences) + 1)
        return self.sequences[-1]

    def check(self) -> None:
        if self.unreachable:
            raise UnreachableError("the stream does not answer")
        if self.failure:
            raise self.failure


@dataclass
class FakeSession:
    engine: FakeEngine
    epoch: int = 0

    async def newest(self) -> int | None:
        self.engine.check()
        return self.engine.sequences[-1] if self.engine.sequences else None

    async def restore(self) -> Restored:
        self.engine.check()
        sequence = self.engine.sequences[-1]
        if sequence in self.engine.gone:
            raise NotFoundError(f"no snapshot {sequence}")
        self.engine.restored.append(sequence)
        return Restored(sequence=sequence, files=1, bytes=10, fetched_bytes=10)

    async def open_epoch(self, epoch: int) -> None:
        self.engine.check()
        if epoch <= self.engine.epoch:
            raise FencedError(f"epoch {self.engine.epoch} is open")
        self.engine.epoch = self.epoch = epoch

    def replicate(self, *, options: ReplicationOptions, tell: Tell) -> FakeReplication:
        self.engine.open_ends += 1
        return FakeReplication(self.engine, self.epoch, options.interval.total_seconds(), tell)

    def renew(self, access: StreamAccess) -> None:
        self.engine.renewed.append(access.token)

    async def close(self) -> None:
        self.engine.open_ends -= 1


class FakeReplication:
    """The engine's own replicator in little: tries again while the stream is away, by the fake clock."""

    def __init__(self, engine: FakeEngine, epoch: int, interval_s: float, tell: Tell) -> None:
        self._engine = engine
        self._epoch = epoch
        self._interval_s = interval_s
        self._tell = tell
        self._hurried = asyncio.Event()

    @property
    def dirty_bytes(self) -> int:
        return 10 * self._engine.dirty

    @property
    def dirty_since(self) -> datetime | None:
        return self._engine.clock.now() if self._engine.dirty else None

    @property
    def dirty_paths(self) -> list[str]:
        return ["checkpoints/last"] if self._engine.dirty else []

    @property
    def flush_estimate_s(self) -> float:
        return self._engine.flush_estimate_s

    async def run(self) -> None:
        while True:
            try:
                await self._snapshot(flushed=False)
            except UnreachableError as error:
                await self._tell.trouble(error)
            await first_of(hurry=self._hurried.wait(), time=self._engine.clock.sleep_s(self._interval_s))
            self._hurried.clear()

    async def flush(self, *, within_s: float | None = None) -> Commit:
        end_s = None if within_s is None else self._engine.clock.monotonic_s() + within_s
        while True:
            try:
                return await self._snapshot(flushed=True)
            except UnreachableError:
                if end_s is not None and self._engine.clock.monotonic_s() + 0.2 >= end_s:
                    raise
                await self._engine.clock.sleep_s(0.2)

    def hurry(self, interval: timedelta) -> None:
        self._interval_s = interval.total_seconds()
        self._hurried.set()

    def close(self) -> None:
        self._engine.open_ends -= 1

    async def _snapshot(self, *, flushed: bool) -> Commit:
        self._engine.check()
        if self._engine.epoch > self._epoch:
            raise FencedError("a higher epoch is open")
        is_new = self._engine.dirty or (flushed and not self._engine.sequences)
        sequence = self._engine.commit_elsewhere() if is_new else 0
        self._engine.dirty = False
        commit = Commit(
            sequence=sequence, files=1, bytes=10, sent_bytes=10, took_s=0.1, missed=(), flushed=flushed, read_bytes=10
        )
        if is_new or flushed:
            await self._tell.commit(commit)
        return commit


class FakeArchives:
    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.failures: list[Exception] = []

    async def fetch(self, sha256: str, folder: Path) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.fetched.append(sha256)
        (folder / "train.py").write_text("pass")


class Stage:
    """Everything about one instance under test; `facts` is what it told."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock(turns=25)
        self.runtime = FakeRuntime(self.clock)
        self.engine = FakeEngine(self.clock)
        self.notices = FakeNotices()
        self.archives = FakeArchives()
        self.facts: list[AnyFact] = []
        self.settings = Settings(
            master_url="http://127.0.0.1:1",
            instance_id=InstanceId("i-test"),
            enrol_token="token",
            root=root,
            metadata_url=None,
            notices=None,
            path="/bin",
            home="/home",
        )
        self.settings.own_folder.mkdir(exist_ok=True)
        self.watch = Watch(self.notices, tell=self.facts.append, clock=self.clock)
        self._revision = 0
        self.supervisor = Supervisor(
            World(
                settings=self.settings,
                clock=self.clock,
                rng=random.Random(1),
                runtime=self.runtime,
                engine=self.engine,
                archives=self.archives,
                watch=self.watch,
                tell=self.facts.append,
            ),
            Mark(self.settings.own_folder),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Stage]:
        tasks = [asyncio.create_task(self.supervisor.run()), asyncio.create_task(self.watch.run())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results), results

    async def want(self, phase: str | None, *, epoch: int = 0, **changes: object) -> None:
        """Desire the phase of the attempt (None: nothing) and let it be acted on."""
        self._revision += 1
        assignment = None
        if phase is not None:
            assignment = msgspec.structs.replace(ASSIGNMENT, phase=phase, epoch=epoch, **changes)
        self.supervisor.want(Desire(revision=self._revision, assignment=assignment))
        await self.settle()

    async def work(self, **changes: object) -> FakeRunning:
        """Bring an attempt as far as its running work."""
        await self.want("prepare", **changes)
        await self.until("Prepared")
        await self.want("run", epoch=1, **changes)
        await self.until("Started")
        return self.runtime.work

    def notice(self, *, in_s: float, kind: NoticeKind = NoticeKind.INTERRUPTION) -> None:
        now = self.clock.now()
        self.notices.notice = Notice(kind=kind, noticed_at=now, deadline_at=now + timedelta(seconds=in_s))

    async def settle(self) -> None:
        """Let everything go as far as it can without time passing; threads (which touch files) included."""
        await self.clock.advance(0)
        for _ in range(3):
            await asyncio.to_thread(lambda: None)
            await self.clock.advance(0)

    async def advance(self, seconds: float) -> None:
        await self.settle()
        await self.clock.advance(seconds)
        await self.settle()

    async def until(self, kind: str) -> AnyFact:
        """Let time pass until there is a fact of this kind; return the last of it."""
        await self.until_met(lambda: kind in self.story())
        return [fact for fact in self.facts if type(fact).__name__ == kind][-1]

    async def until_met(self, met: Callable[[], bool], *, within_s: float = 60) -> None:
        """Let time pass until the condition holds; threads, which touch files, are given real time besides."""
        end_s = self.clock.monotonic_s() + within_s
        async with asyncio.timeout(10):
            while not met():
                await asyncio.to_thread(lambda: None)
                await self.clock.advance(0.1 if self.clock.monotonic_s() < end_s else 0)

    def story(self) -> list[str]:
        """The kinds of facts told, in order, without output."""
        return [type(fact).__name__ for fact in self.facts if not isinstance(fact, Printed | Noticed)]

    def printed(self) -> str:
        return "".join(fact.text for fact in self.facts if isinstance(fact, Printed))
