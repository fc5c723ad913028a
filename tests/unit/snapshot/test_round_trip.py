"""What is restored is what was there: random trees and histories of edits, with links, holes, modes and times."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.adapters.fake.stream import FakeStream
from kyc.adapters.system.clock import SystemClock
from kyc.snapshot import plan, tree
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.restore import Restorer
from kyc.snapshot.workload import WorkloadFiles
from tests.unit.snapshot.trees import edit, seen

KEY = bytes(range(32))
SLOW = settings(max_examples=8)


@pytest.fixture(scope="module", autouse=True, params=["as it is", "two files at a time", "a name for every file"])
def manner(request: pytest.FixtureRequest) -> Iterator[None]:
    """How files are restored: all at once, or in turns as many files are; without a name at first, or under one."""
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "two files at a time":
            patched.setattr(plan, "_FILES_AT_ONCE", 2)
        if request.param == "a name for every file":
            patched.setattr(tree, "_HANDLES", "/there is no such folder")
        yield


def files(root: Path, kept: tuple[str, ...] = (".",)) -> WorkloadFiles:
    return WorkloadFiles(name="train", root=root, key=KEY, kept=kept)


@SLOW
@given(seed=st.integers(0, 2**32), edits=st.lists(st.integers(1, 12), min_size=1, max_size=4))
async def test_restores_follow_a_history_of_edits(seed: int, edits: list[int]) -> None:
    """One replicator, one restorer that follows, and each time a fresh restore: all three agree."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        source, copy = Path(folder, "source"), Path(folder, "copy")
        source.mkdir()
        stream = FakeStream()
        await stream.create("train")
        replicator = Replicator(files(source), await stream.open_writer("train", 1), clock=SystemClock())
        reader = await stream.open_reader("train")
        follower = Restorer(files(copy), reader, clock=SystemClock())
        for number, times in enumerate(edits):
            edit(source, rng, times=times)
            commit = await replicator.flush()
            assert commit.missed == ()
            await follower.restore()
            assert seen(copy) == seen(source), f"seed {seed}, step {number}, following"
            fresh = Restorer(files(Path(folder, f"fresh{number}")), reader, clock=SystemClock())
            await fresh.restore()
            assert seen(Path(folder, f"fresh{number}")) == seen(source), f"seed {seed}, step {number}, fresh"
            fresh.close()
        replicator.close()
        follower.close()


@SLOW
@given(seed=st.integers(0, 2**32))
async def test_a_restore_into_anything_ends_with_the_snapshot(seed: int) -> None:
    """Whatever lies in the root already: a part of it, other files, folders in the place of files."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        source, copy = Path(folder, "source"), Path(folder, "copy")
        source.mkdir()
        copy.mkdir()
        edit(source, rng, times=20)
        stream = FakeStream()
        await stream.create("train")
        replicator = Replicator(files(source), await stream.open_writer("train", 1), clock=SystemClock())
        await replicator.flush()
        restorer = Restorer(files(copy), await stream.open_reader("train"), clock=SystemClock())
        for _ in range(2):
            edit(copy, rng, times=15)
            await restorer.restore()
            assert seen(copy) == seen(source), f"seed {seed}"
        replicator.close()
        restorer.close()


@SLOW
@given(seed=st.integers(0, 2**32))
async def test_a_replicator_goes_on_from_a_restore_without_reading_anything(seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        source, copy = Path(folder, "source"), Path(folder, "copy")
        source.mkdir()
        edit(source, rng, times=15)
        stream = FakeStream()
        await stream.create("train")
        first = Replicator(files(source), await stream.open_writer("train", 1), clock=SystemClock())
        await first.flush()
        restorer = Restorer(files(copy), await stream.open_reader("train"), clock=SystemClock())
        await restorer.restore()
        writer = await stream.open_writer("train", 2)
        second = Replicator(files(copy), writer, clock=SystemClock(), base=restorer.base)
        commit = await second.flush()
        assert (commit.read_bytes, commit.sent_bytes) == (0, 0), f"seed {seed}"
        assert restorer.base is not None
        assert commit.sequence == restorer.base.sequence
        edit(copy, rng, times=5)
        await second.flush()
        await restorer.restore()
        back = Restorer(files(source), await stream.open_reader("train"), clock=SystemClock())
        await back.restore()
        assert seen(source) == seen(copy), f"seed {seed}"
        for thing in (first, second, restorer, back):
            thing.close()
