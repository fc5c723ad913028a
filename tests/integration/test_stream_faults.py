"""Servers and agents killed dead at drawn moments: nothing committed is lost, nothing torn is restored, nothing hangs.

The seed is printed; KYC_SEED repeats a run, KYC_FAULT_ROUNDS makes it longer.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from kyc.adapters.directory.stream import DirectoryStream
from kyc.adapters.nats.host import NatsHost
from kyc.adapters.nats.stream import NatsStream, address_of
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import FencedError, UnreachableError
from kyc.snapshot.history import list_snapshots, verify
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles
from tests.unit.snapshot.trees import edit, seen

KEY = bytes(range(32))
ROUNDS = int(os.environ.get("KYC_FAULT_ROUNDS", "8"))


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("KYC_SEED", random.randrange(2**32)))
    print(f"KYC_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[NatsHost]:
    running = NatsHost(tmp_path / "nats", clock=SystemClock())
    await running.ensure()
    yield running
    await running.stop()


def files(root: Path) -> WorkloadFiles:
    return WorkloadFiles(name="train", root=root, key=KEY)


async def agent_stream(host: NatsHost) -> NatsStream:
    return NatsStream(address_of(await host.access("train")), timeout_s=3)


@asynccontextmanager
async def storm(host: NatsHost, rng: random.Random, *, every_s: float) -> AsyncIterator[list[float]]:
    """Kill the server again and again at drawn moments; a master starts it again each time."""
    kills: list[float] = []

    async def rage() -> None:
        while True:
            await asyncio.sleep(rng.uniform(0.2, 1.8) * every_s)
            pid = host.pid()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                kills.append(time.monotonic())
            await asyncio.sleep(rng.uniform(0, 0.2))
            await host.ensure()

    task = asyncio.create_task(rage())
    try:
        yield kills
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await host.ensure()


@pytest.mark.timeout(300)
async def test_a_server_killed_while_files_are_flushed_and_restored(
    host: NatsHost, tmp_path: Path, rng: random.Random
) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    master = await host.stream()
    await master.create("train")
    stream = await agent_stream(host)
    replicator = Replicator(files(source), await stream.open_writer("train", 1), clock=SystemClock())
    restorer = Restorer(files(copy), await stream.open_reader("train"), clock=SystemClock())
    async with storm(host, rng, every_s=0.15) as kills:
        for _ in range(ROUNDS):
            edit(source, rng, times=6, large=4_000_000)
            async with asyncio.timeout(60):
                commit = await replicator.flush()
                while True:
                    with suppress(UnreachableError):
                        restored = await restorer.restore()
                        break
            assert (restored.sequence, restored.skipped) == (commit.sequence, ())
            assert seen(copy) == seen(source)
    reader = await stream.open_reader("train")
    sequences = [summary.sequence for summary in await list_snapshots(reader, KEY, "train")]
    assert len(sequences) == len(set(sequences))
    for sequence in sequences:
        assert (await verify(reader, KEY, "train", sequence=sequence)).damaged == ()
    print(f"{len(kills)} kills, {len(sequences)} snapshots")
    for thing in (replicator, restorer):
        thing.close()
    for connection in (stream, master):
        await connection.close()


@pytest.mark.timeout(300)
async def test_two_epochs_over_a_server_that_keeps_dying(host: NatsHost, tmp_path: Path, rng: random.Random) -> None:
    """The old writer goes on as if nothing were: from the new epoch's opening on, none of its snapshots counts."""
    old_root, new_root = tmp_path / "old", tmp_path / "new"
    old_root.mkdir()
    master = await host.stream()
    await master.create("train")
    old_stream, new_stream = await agent_stream(host), await agent_stream(host)
    old = Replicator(files(old_root), await old_stream.open_writer("train", 1), clock=SystemClock())
    edit(old_root, rng, times=10)
    await old.flush()
    async with storm(host, rng, every_s=0.15):

        async def stale() -> None:
            while True:
                edit(old_root, rng, times=3)
                await old.flush()

        writing = asyncio.create_task(stale())
        await asyncio.sleep(rng.uniform(0.1, 1.0))
        async with asyncio.timeout(60):
            while True:
                with suppress(UnreachableError):
                    writer = await new_stream.open_writer("train", 2)
                    break
            with pytest.raises(FencedError):
                await writing
            restorer = Restorer(files(new_root), await new_stream.open_reader("train"), clock=SystemClock())
            while True:
                with suppress(UnreachableError):
                    await restorer.restore()
                    break
            new = Replicator(files(new_root), writer, clock=SystemClock(), base=restorer.base)
            for _ in range(3):
                edit(new_root, rng, times=3)
                await new.flush()
    epochs = [ref.epoch for ref in await (await new_stream.open_reader("train")).manifests()]
    assert epochs == sorted(epochs)
    fresh = Restorer(files(tmp_path / "fresh"), await new_stream.open_reader("train"), clock=SystemClock())
    await fresh.restore()
    assert seen(tmp_path / "fresh") == seen(new_root)
    for thing in (old, new, restorer, fresh):
        thing.close()
    for connection in (old_stream, new_stream, master):
        await connection.close()


AGENT = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from kyc.adapters.directory.stream import DirectoryStream
from kyc.adapters.nats.stream import NatsStream, address_of
from kyc.adapters.system.clock import SystemClock
from kyc.domain.snapshot import StreamAccess
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.workload import ReplicationOptions, Tell, WorkloadFiles

async def main(root, url, token, epoch):
    access = StreamAccess(url=url, workload="train", token=token)
    stream = DirectoryStream(Path(url)) if url.startswith("/") else NatsStream(address_of(access))
    writer = await stream.open_writer("train", int(epoch))
    async def committed(commit):
        print(commit.files, flush=True)
    replicator = Replicator(
        WorkloadFiles(name="train", root=Path(root), key=bytes(range(32))), writer, clock=SystemClock(),
        options=ReplicationOptions(interval=timedelta(seconds=0.02)), tell=Tell(commit=committed),
    )
    await replicator.run()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["nats", "directory"])
async def test_an_agent_killed_dead_loses_nothing_that_it_had_committed(
    host: NatsHost, tmp_path: Path, rng: random.Random, kind: str
) -> None:
    master = await host.stream() if kind == "nats" else DirectoryStream(tmp_path / "stream")
    await master.create("train")
    access = await host.access("train")
    url, token = (access.url, access.token) if kind == "nats" else (str(tmp_path / "stream"), "-")
    source = tmp_path / "source"
    source.mkdir()
    number = 0
    contents: dict[str, bytes] = {}
    for epoch in range(1, 1 + max(3, ROUNDS // 2)):
        agent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", AGENT, str(source), url, token, str(epoch), stdout=asyncio.subprocess.PIPE
        )
        assert agent.stdout is not None
        safe = 0
        kill_at: float | None = None
        while kill_at is None or time.monotonic() < kill_at:
            number += 1
            contents[f"f{number:05}"] = rng.randbytes(rng.choice([10, 1000, 300_000]))
            beside = tmp_path / "beside"
            beside.write_bytes(contents[f"f{number:05}"])
            beside.rename(source / f"f{number:05}")
            with suppress(TimeoutError):
                line = await asyncio.wait_for(agent.stdout.readline(), 0.03 if safe else 20)
                assert line, "the agent ended by itself"
                safe = int(line)
                kill_at = kill_at or time.monotonic() + rng.uniform(0.1, 1.5)
        agent.kill()
        rest, _ = await agent.communicate()
        safe = max([safe, *(int(line) for line in rest.split())])
        copy = tmp_path / f"copy{epoch}"
        restorer = Restorer(files(copy), await master.open_reader("train"), clock=SystemClock())
        await restorer.restore()
        restorer.close()
        restored = {path.name: path.read_bytes() for path in copy.iterdir()}
        assert len(restored) >= safe
        assert restored == {name: contents[name] for name in restored}
        print(f"epoch {epoch}: {safe} files told safe, {len(restored)} restored of {number}")
    await master.close()
