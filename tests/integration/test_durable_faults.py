"""What must hold on every durable back end: agents and servers killed dead, damaged and missing chunks, a full disk.

The seed is printed; KYC_SEED repeats a run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kyc.adapters.kafka.stream import KafkaStream
from kyc.adapters.nats.stream import NatsStream
from kyc.adapters.objects.stream import ObjectsStream
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import FencedError, KycError, NotFoundError, UnreachableError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.planning.retention import Retention
from kyc.ports.stream import Stream, StreamWriter
from kyc.snapshot.gc import Collected, collect
from kyc.snapshot.history import list_snapshots, verify
from kyc.snapshot.manifest import ManifestReader
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles
from tests.integration.durable import DURABLE, Durable
from tests.unit.snapshot.trees import edit, seen

KEY = bytes(range(32))
PATIENCE_S = 60.0

AGENT = """
import asyncio, json, sys
from datetime import timedelta
from pathlib import Path
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import FencedError, UnreachableError
from kyc.domain.snapshot import StreamAccess
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import ReplicationOptions, Tell, WorkloadFiles
from kyc.streams import connect

async def snapshot(stream, files, epoch):
    while True:
        try:
            writer = await stream.open_writer("train", epoch)
            break
        except UnreachableError:
            await asyncio.sleep(0.2)
    async def committed(commit):
        print(commit.files, flush=True)
    options = ReplicationOptions(interval=timedelta(seconds=0.02))
    await Replicator(files, writer, clock=SystemClock(), options=options, tell=Tell(commit=committed)).run()

async def restore(stream, files, epoch):
    print("begun", flush=True)
    restorer = Restorer(files, await stream.open_reader("train"), clock=SystemClock())
    await restorer.restore()
    print("done", flush=True)
    restorer.close()

async def commits(stream, files, epoch):
    writer = await stream.open_writer("train", epoch)
    try:
        while True:
            print(await writer.commit(bytes(100)), flush=True)
    except FencedError:
        print("fenced", flush=True)
    await writer.close()

async def main(verb, root, epoch):
    stream = connect(StreamAccess(**json.load(sys.stdin)))
    files = WorkloadFiles(name="train", root=Path(root), key=bytes(range(32)))
    await globals()[verb](stream, files, int(epoch))
    await stream.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("KYC_SEED", random.randrange(2**32)))
    print(f"KYC_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(params=list(DURABLE))
async def durable(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Durable]:
    async with DURABLE[request.param](tmp_path) as running:
        stream = running.rights()
        await stream.create("train")
        yield running
        await stream.close()


def files(root: Path) -> WorkloadFiles:
    return WorkloadFiles(name="train", root=root, key=KEY)


class Agent:
    """An agent's process, on one verb."""

    def __init__(self, durable: Durable, verb: str, root: Path, epoch: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", AGENT, verb, str(root), str(epoch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asdict(durable.access)))
        self.process.stdin.close()

    def line(self) -> str:
        """Return the next that it says; empty at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> str:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        with self.process.stdout as rest:
            return rest.read()


def grow(source: Path, rng: random.Random, contents: dict[str, bytes], count: int) -> None:
    """Add files, each there whole or not at all."""
    for _ in range(count):
        name = f"f{len(contents):05}"
        contents[name] = rng.randbytes(rng.choice([10, 1000, 300_000]))
        (source.parent / "beside").write_bytes(contents[name])
        (source.parent / "beside").rename(source / name)


@pytest.mark.timeout(300)
async def test_whoever_is_killed_what_was_acknowledged_is_there(
    durable: Durable, tmp_path: Path, rng: random.Random
) -> None:
    """Agent, server and both, each at a drawn moment of its snapshots; then a restore that is killed, and goes on."""
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    contents: dict[str, bytes] = {}
    for epoch, victims in enumerate(rng.sample(["agent", "server", "both"], 3), start=1):
        agent = Agent(durable, "snapshot", source, epoch)
        grow(source, rng, contents, 3)
        safe = int(await asyncio.to_thread(agent.line))
        grow(source, rng, contents, 10)
        await asyncio.sleep(rng.uniform(0, 0.3))  # the moment is drawn, not waited for
        if victims in {"server", "both"}:
            durable.kill()
        if victims == "server":  # it comes back while the agent tries on
            await asyncio.to_thread(durable.start)
            while safe < len(contents):
                safe = int(await asyncio.to_thread(agent.line))
        safe = max([safe, *(int(line) for line in agent.kill().split())])
        if victims == "both":
            await asyncio.to_thread(durable.start)
        restoring = Agent(durable, "restore", copy, 0)
        await asyncio.to_thread(restoring.line)
        await asyncio.sleep(rng.uniform(0, 0.3))
        restoring.kill()
        await restored(durable, copy)
        there = {path.name: path.read_bytes() for path in copy.iterdir()}
        assert len(there) >= safe, f"{victims} killed"
        assert there == {name: contents[name] for name in there}
        print(
            f"{durable.name}: {victims} killed: {safe} files were told safe, {len(there)} of {len(contents)} restored"
        )


async def restored(durable: Durable, root: Path) -> None:
    """Restore, however often the server is still away."""
    stream = durable.connect()
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            restorer = Restorer(files(root), await stream.open_reader("train"), clock=SystemClock())
            try:
                await restorer.restore()
            finally:
                restorer.close()
            break
        except UnreachableError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)
    await stream.close()


class Damaging:
    """A writer that spoils what it stores of some chunks: as a disk would, or a lost object."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self.epoch = writer.epoch
        self.armed = False
        self.spoilt = 0

    async def put(self, chunk: ChunkId, payload: bytes) -> ChunkRef:
        if self.armed and len(payload) > 100_000:
            self.spoilt += 1
            payload = payload[:-1] + bytes([payload[-1] ^ 1])
        return await self._writer.put(chunk, payload)

    async def commit(self, payload: bytes) -> int:
        return await self._writer.commit(payload)

    async def close(self) -> None:
        await self._writer.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["damaged", "missing"])
async def test_a_chunk_that_is_damaged_or_missing_is_named_and_never_restored(
    durable: Durable, tmp_path: Path, rng: random.Random, how: str
) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    edit(source, rng, times=10)
    (source / "whole").write_bytes(rng.randbytes(500_000))
    stream = durable.connect()
    writer = Damaging(await stream.open_writer("train", 1))
    replicator = Replicator(files(source), writer, clock=SystemClock())
    first = await replicator.flush()
    before = seen(source)
    (source / "victim").write_bytes(rng.randbytes(3_000_000))
    writer.armed = how == "damaged"
    second = await replicator.flush()
    replicator.close()
    reader = await stream.open_reader("train")
    if how == "missing":
        await remove_one(durable, second.sequence)
    found = await verify(reader, KEY, "train")
    assert [path for path, _ in found.damaged] == ["victim"]
    restorer = Restorer(files(copy), await stream.open_reader("train"), clock=SystemClock())
    done = await restorer.restore()
    assert (done.sequence, [number for number, _ in done.skipped]) == (first.sequence, [second.sequence])
    assert seen(copy) == before
    with pytest.raises(KycError):
        await restorer.restore(second.sequence)
    assert not (copy / "victim").exists()
    restorer.close()
    await stream.close()


async def remove_one(durable: Durable, sequence: int) -> None:
    """Have one of the victim's chunks vanish."""
    stream = durable.rights()
    reader = await stream.open_reader("train")
    manifest = await ManifestReader(reader, KEY, "train").manifest(sequence)
    victim = next(entry for entry in manifest.entries if entry.path == "victim")
    refs = {ref.id: ref for ref in manifest.chunks}
    await stream.discard("train", manifests=[], chunks=[refs[victim.pieces[1].chunk]])
    await stream.close()


@pytest.mark.timeout(120)
async def test_of_two_agents_that_write_at_once_only_the_newer_ones_snapshots_count(
    durable: Durable, tmp_path: Path, rng: random.Random
) -> None:
    old_root, new_root = tmp_path / "old", tmp_path / "new"
    old_root.mkdir()
    new_root.mkdir()
    old_stream, new_stream = durable.connect(), durable.connect()
    old = Replicator(files(old_root), await old_stream.open_writer("train", 1), clock=SystemClock())
    edit(old_root, rng, times=5)
    await old.flush()

    async def stale() -> None:
        while True:
            edit(old_root, rng, times=2)
            await old.flush()

    writing = asyncio.create_task(stale())
    await asyncio.sleep(rng.uniform(0, 0.5))
    new = Replicator(files(new_root), await new_stream.open_writer("train", 2), clock=SystemClock())
    with pytest.raises(FencedError):
        await asyncio.wait_for(writing, PATIENCE_S)
    edit(new_root, rng, times=5)
    await new.flush()
    epochs = [ref.epoch for ref in await (await new_stream.open_reader("train")).manifests()]
    assert epochs == sorted(epochs)
    await restored(durable, tmp_path / "copy")
    assert seen(tmp_path / "copy") == seen(new_root)
    for thing in (old, new):
        thing.close()
    for stream in (old_stream, new_stream):
        await stream.close()


@pytest.mark.timeout(120)
async def test_writers_in_two_processes_never_both_commit(durable: Durable, tmp_path: Path) -> None:
    agent = Agent(durable, "commits", tmp_path, 1)
    told = [await asyncio.to_thread(agent.line)]
    stream = durable.connect()
    writer = await stream.open_writer("train", 2)
    ours = [await writer.commit(b"%d" % number) for number in range(3)]
    while told[-1] not in {"fenced", ""}:
        told.append(await asyncio.to_thread(agent.line))
    agent.kill()
    assert told.pop() == "fenced"
    refs = await (await stream.open_reader("train")).manifests()
    theirs = [ref.sequence for ref in refs if ref.epoch == 1]
    # What it was told is there; one more may be, whose acknowledgement the fence cut off.
    assert (theirs[: len(told)], len(theirs) - len(told) in {0, 1}) == ([int(line) for line in told], True)
    assert [ref.sequence for ref in refs if ref.epoch == 2] == ours
    assert [ref.epoch for ref in refs] == sorted(ref.epoch for ref in refs)
    await stream.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("durable", ["nats", "objects", "directory"], indirect=True)
async def test_what_is_filled_is_freed(durable: Durable, tmp_path: Path, rng: random.Random) -> None:
    """Contents come and go, and come back; what is kept stays whole, and the rest gives its room back.

    On Kafka a compaction does it: see `test_kafka_faults`.
    """
    source = tmp_path / "source"
    source.mkdir()
    (source / "stays").write_bytes(rng.randbytes(1_000_000))
    contents = [rng.randbytes(600_000) for _ in range(6)]
    stream, rights = durable.connect(), durable.rights()
    replicator = Replicator(files(source), await stream.open_writer("train", 1), clock=SystemClock())
    sizes, filled = [], 0
    for turn in range(4):
        for name in "abc":
            (source / name).write_bytes(rng.choice(contents))
            (source / f"{name}-small").write_bytes(rng.randbytes(60_000))
            await replicator.flush()
        filled = max(filled, await stored_bytes(durable, rights))
        freed = await collect(rights, "train", KEY, Retention(last=1, tiers=()), now=datetime.now(UTC))
        assert len(freed.snapshots) == 2 + (turn > 0)
        sizes.append(await stored_bytes(durable, rights))
    assert filled > max(sizes)
    assert max(sizes) < 1_000_000 + 3 * 600_000 + 3 * 60_000 + 300_000, sizes
    reader = await stream.open_reader("train")
    assert (await verify(reader, KEY, "train")).is_whole
    await restored(durable, tmp_path / "copy")
    assert seen(tmp_path / "copy") == seen(source)
    replicator.close()
    for one in (stream, rights):
        await one.close()


async def stored_bytes(durable: Durable, rights: Stream) -> int:
    """Return how much the back end says that it has of the workload's chunks; of Kafka's only compaction frees some."""
    if isinstance(rights, KafkaStream):
        return 0
    if isinstance(rights, NatsStream):
        told = await rights._link.call("STREAM.INFO.KYC_C_train", {}, dict[str, Any])
        return int(told["state"]["bytes"])
    if isinstance(rights, ObjectsStream):
        return sum([size async for _, size in rights._bucket.sizes("train/c/")])
    folder = Path(urlsplit(durable.access.url).path) / "train" / "chunks"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("durable", ["kafka", "objects", "directory"], indirect=True)
async def test_what_a_killed_agent_left_is_freed_once_it_can_name_it_no_more(
    durable: Durable, tmp_path: Path, rng: random.Random
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(rng.randbytes(500_000))
    stream, rights = durable.connect(), durable.rights()
    old = await stream.open_writer("train", 1)
    replicator = Replicator(files(source), old, clock=SystemClock())
    await replicator.flush()
    replicator.close()
    before = await stored_bytes(durable, rights)
    lost = [await old.put(ChunkId(f"{number:064x}"), bytes(100_000)) for number in range(5)]  # and no commit any more

    async def freed(swept: int = 0) -> Collected:
        return await collect(rights, "train", KEY, Retention(), now=datetime.now(UTC), swept=swept)

    assert (await freed()).chunks == 0  # it may still commit
    newer = await stream.open_writer("train", 2)
    assert (await freed()).chunks == 0  # nobody has seen the fence yet
    replicator = Replicator(files(source), newer, clock=SystemClock())
    (source / "b").write_bytes(rng.randbytes(500_000))
    await replicator.flush()
    ours = await newer.put(ChunkId("f" * 64), bytes(100_000))  # of a snapshot that is under way
    gone = await freed()
    assert (gone.snapshots, gone.chunks, gone.swept) == ((), len(lost), 2)
    assert gone.stored_bytes >= sum(ref.stored_bytes for ref in lost)
    assert await stored_bytes(durable, rights) < before + 1_000_000 + ours.stored_bytes + 20_000
    assert (await freed(gone.swept)).chunks == (await freed()).chunks == 0
    reader = await stream.open_reader("train")
    for summary in await list_snapshots(reader, KEY, "train"):
        assert (await verify(reader, KEY, "train", sequence=summary.sequence)).is_whole
    assert [chunk async for chunk, _ in reader.chunks([ours])] == [ours.id]
    for ref in lost:
        with pytest.raises(NotFoundError):
            await anext(reader.chunks([ref]))
    replicator.close()
    for one in (stream, rights):
        await one.close()
