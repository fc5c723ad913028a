"""Files that a real process changes through a shared mapping, without any call that tells of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kyc.snapshot.mapped import mapped_inodes
from kyc.snapshot.workload import ReplicationOptions
from tests.unit.snapshot.lab import Lab
from tests.unit.snapshot.test_replicator import Heard, running

SIZE = 3_000_000
PROGRAM = """
import mmap, sys
with open(sys.argv[1], "r+b") as file:
    mapping = mmap.mmap(file.fileno(), 0)
for line in sys.stdin:
    word, sync = line.split()
    mapping[100_000 : 100_000 + len(word)] = word.encode()
    if sync == "msync":
        mapping.flush()
    print("stored", flush=True)
"""


class Mapper:
    """A process that has mapped a file."""

    def __init__(self, place: Path) -> None:
        self.process = subprocess.Popen(
            (sys.executable, "-c", PROGRAM, str(place)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def store(self, word: str, sync: str = "-") -> None:
        """Store the word through the mapping, always at the same place; return when it is there."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word} {sync}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "stored\n"

    def kill(self) -> None:
        """Kill -9: nothing is closed in order."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture(params=["on a disk", "in memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file of a workload; file systems in memory never tell the time of such a change."""
    in_memory = "/dev/shm" if request.param == "in memory" else tmp_path
    with tempfile.TemporaryDirectory(dir=in_memory) as root:
        file = Path(root) / "state"
        file.write_bytes(os.urandom(SIZE))
        yield file


@pytest.fixture
def mapper(place: Path) -> Iterator[Mapper]:
    running = Mapper(place)
    yield running
    running.kill()


async def restored(lab: Lab) -> bytes:
    await (await lab.restorer()).restore()
    return (lab.folder / "copy" / "state").read_bytes()


@pytest.mark.parametrize("sync", ["msync", "-"])
async def test_what_is_stored_through_a_mapping_gets_into_a_snapshot(
    lab: Lab, place: Path, mapper: Mapper, sync: str
) -> None:
    heard = Heard()
    replicator = await lab.replicator(root=place.parent, tell=heard.tell())
    async with running(replicator):
        await heard.until(lambda: len(heard.commits) == 1)
        for number in range(1, 4):  # the first store may change the inode's time, the later ones do not
            mapper.store(f"word{number}", sync)
            seen = len(heard.commits)
            await heard.until(lambda seen=seen: len(heard.commits) > seen)  # type: ignore[misc]
            assert await restored(lab) == place.read_bytes()


async def test_the_last_store_of_a_process_that_is_gone_is_flushed(lab: Lab, place: Path, mapper: Mapper) -> None:
    replicator = await lab.replicator(root=place.parent)
    mapper.store("before")
    await replicator.flush()
    mapper.store("after")
    mapper.kill()
    assert (await replicator.flush()).read_bytes == SIZE
    assert await restored(lab) == place.read_bytes()
    assert (await replicator.flush()).read_bytes == 0  # nobody has mapped it any more


async def test_the_estimate_of_a_flush_counts_what_is_mapped(lab: Lab, place: Path, mapper: Mapper) -> None:
    os.truncate(place, 2_000_000_000)  # nearly all of it a hole
    replicator = await lab.replicator(root=place.parent)
    mapper.store("ready")
    await replicator.flush()
    assert replicator.dirty_bytes == 0
    assert replicator.flush_estimate_s > 30
    mapper.kill()
    await replicator.flush()
    await replicator.flush()
    assert replicator.flush_estimate_s < 30


async def test_between_two_walks_a_mapped_file_is_not_read_again(lab: Lab, place: Path, mapper: Mapper) -> None:
    heard = Heard()
    options = ReplicationOptions(interval=timedelta(seconds=0.05), rescan=timedelta(hours=1))
    replicator = await lab.replicator(root=place.parent, tell=heard.tell(), options=options)
    async with running(replicator):
        await heard.until(lambda: len(heard.commits) == 1)
        (place.parent / "other").write_text("changed")
        await heard.until(lambda: heard.commits[-1].files == 2)
        assert heard.commits[-1].read_bytes == len("changed")


def test_mappings_that_are_private_or_only_read_do_not_count(tmp_path: Path, place: Path, mapper: Mapper) -> None:
    mapper.store("ready")
    assert place.stat().st_ino in mapped_inodes()
    assert Path(sys.executable).resolve().stat().st_ino not in mapped_inodes()
