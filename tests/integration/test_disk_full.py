"""A disk that is full, on either side: said so, nothing torn, and it goes on once there is room.

A small file system in memory, in a user namespace of the test's own, is a disk that really fills up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import need

_COMMON = """
import asyncio, os, random, subprocess, sys
from contextlib import suppress
from pathlib import Path
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import OutOfSpaceError
from kyc.domain.snapshot import StreamAccess
from kyc.snapshot.history import list_snapshots, verify
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import Tell, WorkloadFiles
from kyc.streams import connect

MB = 1_000_000
KEY = bytes(range(32))
big, small = Path(sys.argv[1]), Path(sys.argv[2])
rng = random.Random(1)

def files(root):
    return WorkloadFiles(name="train", root=root, key=KEY)

def room(mib):
    subprocess.run(["mount", "-o", f"remount,size={mib}m", str(small)], check=True)

async def opened(folder):
    stream = connect(StreamAccess(url=f"file://{folder}/stream", workload="train"))
    await stream.create("train")
    return stream
"""

STREAM_FULL = (
    _COMMON
    + """
async def main():
    stream = await opened(small)
    source = big / "source"
    source.mkdir()
    (source / "a").write_bytes(rng.randbytes(2 * MB))
    told = asyncio.Queue()
    writer = await stream.open_writer("train", 1)
    replicator = Replicator(files(source), writer, clock=SystemClock(), tell=Tell(trouble=told.put))
    first = await replicator.flush()
    (source / "b").write_bytes(rng.randbytes(20 * MB))
    flushing = asyncio.create_task(replicator.flush())
    error = await told.get()
    assert isinstance(error, OutOfSpaceError) and error.next_step, error
    reader = await stream.open_reader("train")
    assert (await verify(reader, KEY, "train")).is_whole
    assert [one.sequence for one in await list_snapshots(reader, KEY, "train")] == [first.sequence]
    room(64)
    second = await flushing
    assert second.missed == ()
    copy = Restorer(files(big / "copy"), reader, clock=SystemClock())
    await copy.restore()
    assert (big / "copy" / "b").read_bytes() == (source / "b").read_bytes()
    copy.close(); replicator.close(); await stream.close()

asyncio.run(main())
"""
)

TARGET_FULL = (
    _COMMON
    + """
async def main():
    stream = await opened(big)
    source = big / "source"
    source.mkdir()
    for number in range(8):
        (source / f"f{number}").write_bytes(rng.randbytes(3 * MB))
    replicator = Replicator(files(source), await stream.open_writer("train", 1), clock=SystemClock())
    await replicator.flush()
    ballast, filled = small / "ballast", []

    def fill(progress):  # somebody else writes there when some of it has come
        if progress.bytes > 5 * MB and not filled:
            filled.append(True)
            with ballast.open("wb") as file, suppress(OSError):
                while True:
                    file.write(bytes(MB))

    reader = await stream.open_reader("train")
    restorer = Restorer(files(small / "copy"), reader, clock=SystemClock(), on_progress=fill)
    for _ in range(2):  # found out in the middle; then, before anything is fetched
        try:
            await restorer.restore()
        except OutOfSpaceError as error:
            assert error.next_step
        else:
            raise AssertionError("it fitted")
    assert ballast.exists()
    for path in (small / "copy").glob("f*"):  # what has its name is whole
        assert path.read_bytes() == (source / path.name).read_bytes(), path
    ballast.unlink()
    done = await restorer.restore()
    assert done.fetched_bytes < 24 * MB, "what was there was fetched again"
    for path in source.iterdir():
        assert (small / "copy" / path.name).read_bytes() == path.read_bytes()
    restorer.close(); replicator.close(); await stream.close()

asyncio.run(main())
"""
)

SERVER_FULL = (
    _COMMON
    + """
from kyc.domain.errors import UnreachableError
from tests.integration.durable import DURABLE

async def insist(call):
    while True:
        try:
            return await call()
        except UnreachableError:
            await asyncio.sleep(0.2)

async def main():
    async with DURABLE[os.environ["KIND"]](small) as durable:
        rights, stream = durable.rights(), durable.connect()
        await rights.create("train")
        source = big / "source"
        source.mkdir()
        (source / "a").write_bytes(rng.randbytes(2 * MB))
        told = asyncio.Queue()
        writer = await stream.open_writer("train", 1)
        replicator = Replicator(files(source), writer, clock=SystemClock(), tell=Tell(trouble=told.put))
        first = await replicator.flush()
        (source / "b").write_bytes(rng.randbytes(90 * MB))
        flushing = asyncio.create_task(replicator.flush())
        error = await told.get()
        assert isinstance(error, (OutOfSpaceError, UnreachableError)) and error.next_step, error
        print(type(error).__name__, error)
        room(400)
        durable.kill()  # a server that has given up is started again by whoever runs it
        await asyncio.to_thread(durable.start)
        reader = await insist(lambda: stream.open_reader("train"))
        numbers = [one.sequence for one in await insist(lambda: list_snapshots(reader, KEY, "train"))]
        assert numbers[0] == first.sequence and len(numbers) <= 2, numbers  # the second may be flushed by now
        found = await insist(lambda: verify(reader, KEY, "train", sequence=first.sequence))
        assert found.is_whole
        second = await flushing
        assert second.missed == ()
        copy = Restorer(files(big / "copy"), reader, clock=SystemClock())
        await insist(copy.restore)
        assert (big / "copy" / "b").read_bytes() == (source / "b").read_bytes()
        copy.close(); replicator.close()
        await stream.close()
        await rights.close()

asyncio.run(main())
"""
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["nats", "kafka", "objects"])
def test_a_server_whose_disk_is_full_loses_nothing_that_was_safe(tmp_path: Path, kind: str) -> None:
    if kind != "nats":
        need(kind)
    run_on_a_small_disk(tmp_path, SERVER_FULL, "64m", KIND=kind)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("script", "size"), [(STREAM_FULL, "8m"), (TARGET_FULL, "28m")], ids=["the stream", "the instance"]
)
def test_a_full_disk_is_said_so_and_costs_nothing_that_was_safe(tmp_path: Path, script: str, size: str) -> None:
    run_on_a_small_disk(tmp_path, script, size)


def run_on_a_small_disk(tmp_path: Path, script: str, size: str, **env: str) -> None:
    """Run the script with two folders, the second of which is a disk of that size, also for temporary files."""
    need("userns")
    small = tmp_path / "small"
    small.mkdir()
    (tmp_path / "script.py").write_text(script)
    inside = 'mount -t tmpfs -o size="$4" tmpfs "$3" && TMPDIR="$3" exec "$0" "$1" "$2" "$3"'
    arguments = (sys.executable, str(tmp_path / "script.py"), str(tmp_path), str(small), size)
    done = subprocess.run(
        ("unshare", "-Urm", "sh", "-c", inside, *arguments),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | env,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
