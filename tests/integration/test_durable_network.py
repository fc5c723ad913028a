"""A network that is slow, freezes and is cut in the middle of what an agent does: late, but whole, on every back end.

And kills that are aimed: while a chunk, a manifest, a restore is half over the wire. The seed is printed; KYC_SEED
repeats a run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import pytest

from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import UnreachableError
from kyc.snapshot.history import list_snapshots, verify
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles
from tests.emulators.wire import Wire, wire
from tests.integration.durable import DURABLE, Durable
from tests.unit.snapshot.trees import edit, seen

KEY = bytes(range(32))
SLOW = 600_000.0  # bytes a second: a chunk of 256 KiB takes long enough to be hit
LEAST = {"put": 90_000}  # bytes of a chunk that is aimed at: smaller ones are through too soon
PATIENCE_S = 90.0
T = TypeVar("T")

AGENT = """
import asyncio, json, sys
from pathlib import Path
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import UnreachableError
from kyc.domain.snapshot import StreamAccess
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles
from kyc.streams import connect

class Telling:
    def __init__(self, writer):
        self.writer, self.epoch, self.close = writer, writer.epoch, writer.close

    async def put(self, chunk, payload):
        print("put", len(payload), flush=True)
        ref = await self.writer.put(chunk, payload)
        print("stored", len(payload), flush=True)
        return ref

    async def commit(self, payload):
        print("commit", len(payload), flush=True)
        await asyncio.to_thread(sys.stdin.readline)  # it may be as small as a head: let it be aimed at first
        return await self.writer.commit(payload)

async def insist(call):
    while True:
        try:
            return await call()
        except UnreachableError:
            await asyncio.sleep(0.2)

async def snapshot(stream, files, epoch):
    writer = await insist(lambda: stream.open_writer("train", epoch))
    replicator = Replicator(files, Telling(writer), clock=SystemClock())
    commit = await replicator.flush()
    print("safe", commit.sequence, flush=True)
    replicator.close()
    await writer.close()

async def restore(stream, files, epoch):
    reader = await insist(lambda: stream.open_reader("train"))
    print("begun 0", flush=True)
    restorer = Restorer(files, reader, clock=SystemClock())
    await insist(restorer.restore)
    print("safe 0", flush=True)
    restorer.close()
    await reader.close()

async def main(verb, root, epoch):
    stream = connect(StreamAccess(**json.loads(sys.stdin.readline())))
    await globals()[verb](stream, WorkloadFiles(name="train", root=Path(root), key=bytes(range(32))), int(epoch))
    await stream.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("KYC_SEED", random.randrange(2**32)))
    print(f"KYC_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
async def network() -> AsyncIterator[Wire]:
    async with wire() as made:
        yield made


@pytest.fixture(params=list(DURABLE))
async def durable(request: pytest.FixtureRequest, tmp_path: Path, network: Wire) -> AsyncIterator[Durable]:
    async with DURABLE[request.param](tmp_path, network) as running:
        stream = running.rights()
        await stream.create("train")
        yield running
        await stream.close()


def files(root: Path) -> WorkloadFiles:
    return WorkloadFiles(name="train", root=root, key=KEY)


async def disturb(network: Wire, rng: random.Random) -> None:
    """Slow, and then frozen or cut for a while, again and again."""
    while True:
        network.bytes_per_s = rng.uniform(2e6, 8e6)
        await network.has_carried(rng.randrange(1, 1_500_000))
        rng.choice([network.freeze, network.cut])()
        await asyncio.sleep(rng.uniform(0.1, 0.8))  # how long it lasts is drawn
        network.mend()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("durable", ["nats", "kafka", "objects"], indirect=True)  # a folder has no network
async def test_over_a_slow_network_that_freezes_and_is_cut_all_comes_through_whole(
    durable: Durable, network: Wire, tmp_path: Path, rng: random.Random
) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    stream = durable.connect()
    replicator = Replicator(files(source), await stream.open_writer("train", 1), clock=SystemClock())
    restorer = Restorer(files(copy), await stream.open_reader("train"), clock=SystemClock())
    disturbing = asyncio.create_task(disturb(network, rng))
    try:
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(3):
                edit(source, rng, times=5, large=2_000_000)
                commit = await replicator.flush()
                done = await insist(restorer.restore)
                assert (done.sequence, seen(copy)) == (commit.sequence, seen(source))
    finally:
        disturbing.cancel()
        with suppress(asyncio.CancelledError):
            await disturbing
        network.mend()
    await restored(durable, tmp_path / "fresh")
    assert seen(tmp_path / "fresh") == seen(source)
    for thing in (replicator, restorer):
        thing.close()
    await stream.close()


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """As agents do: what cannot be reached is tried again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await call()
            except UnreachableError:
                await asyncio.sleep(0.1)


async def agent(durable: Durable, verb: str, root: Path, epoch: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AGENT, verb, str(root), str(epoch), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(durable.access)).encode() + b"\n")
    return process


def let_commit(process: asyncio.subprocess.Process) -> None:
    """Hold its commit back no longer."""
    assert process.stdin is not None
    process.stdin.close()


async def word(process: asyncio.subprocess.Process, *wanted: str, least: int = 0) -> int:
    """Wait until the agent says one of these words, of so many bytes at least; return how many."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        while True:
            said, _, size = (await process.stdout.readline()).decode().partition(" ")
            assert said, f"the agent ended by itself, with {await process.wait()}"
            if said in wanted and int(size) >= least:
                return int(size)


def grow(source: Path, rng: random.Random, turn: int) -> None:
    """Add what needs chunks, and names enough that the manifest is of some size, too."""
    (source / f"data{turn}").write_bytes(rng.randbytes(1_200_000))
    for number in range(100):
        (source / f"{turn}.{number}.{rng.randbytes(100).hex()}").touch()


@pytest.mark.timeout(400)
async def test_a_kill_that_hits_a_chunk_a_manifest_or_a_restore_leaves_nothing_torn(
    durable: Durable, network: Wire, tmp_path: Path, rng: random.Random
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "first").write_bytes(rng.randbytes(300_000))
    process = await agent(durable, "snapshot", source, 1)
    let_commit(process)
    await word(process, "safe")
    known = seen(source)  # what the newest snapshot holds
    victims = rng.sample(["agent", "server", "both"], 3)
    for turn, moment in enumerate(("put", "commit", "begun")):
        victim = "agent" if durable.name == "directory" else victims[turn]
        # A commit of an agent that was killed may get there late, from buffers on the way: the source as it was then.
        copy, allowed = tmp_path / f"copy{turn}", [known, seen(source)]
        if moment != "begun":
            grow(source, rng, turn)
        network.bytes_per_s = SLOW
        process = await (
            agent(durable, "restore", copy, 0) if moment == "begun" else agent(durable, "snapshot", source, turn + 2)
        )
        await half_done(process, moment, network, durable, rng)
        if victim in {"agent", "both"}:
            process.kill()
            if victim == "both":
                durable.kill()
            network.mend()
            assert process.stdout is not None
            told = await process.stdout.read()
            assert durable.name == "directory" or b"safe" not in told, f"{moment} was over before the kill"
            allowed.append(seen(source))  # the commit may have got there although nobody was told
            if victim == "both":
                await asyncio.to_thread(durable.start)
        else:
            durable.kill()
            network.mend()
            await asyncio.to_thread(durable.start)
            await word(process, "safe")
            allowed = allowed if moment == "begun" else [seen(source)]
        await process.wait()
        await restored(durable, copy)
        known = seen(copy)
        assert known in allowed, f"{victim} killed in {moment}"
        print(f"{durable.name}: {victim} killed in {moment}")


async def half_done(
    process: asyncio.subprocess.Process, moment: str, network: Wire, durable: Durable, rng: random.Random
) -> None:
    """Return in the middle of what the agent says that it begins: some of its bytes are through, others are not."""
    if moment != "commit":
        let_commit(process)
    size = await word(process, moment, least=LEAST.get(moment, 0))
    if moment == "commit":
        network.bytes_per_s = size
        let_commit(process)
    if durable.name == "directory":
        await asyncio.sleep(rng.uniform(0, 0.01))  # no wire to watch: the moment is drawn
        return
    await network.has_carried(rng.randrange(1, size or LEAST["put"]))


async def restored(durable: Durable, root: Path) -> None:
    """Restore as a new instance would, and read everything else that counts as a snapshot, too."""
    stream = durable.rights()
    restorer = Restorer(files(root), await insist(lambda: stream.open_reader("train")), clock=SystemClock())
    await insist(restorer.restore)
    restorer.close()
    reader = await stream.open_reader("train")
    for summary in await list_snapshots(reader, KEY, "train"):
        assert (await verify(reader, KEY, "train", sequence=summary.sequence)).damaged == ()
    await stream.close()
