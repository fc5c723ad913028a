"""Snapshots in another stream: whole, once each, also when the copy is cut off again and again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kyc.adapters.fake.stream import FakeStream
from kyc.domain.errors import ConflictError, FencedError, UnreachableError
from kyc.domain.snapshot import ChunkId, ChunkRef
from kyc.planning.retention import Retention
from kyc.ports.maintenance import Copied, Place
from kyc.snapshot.copy import Copier, Notebook
from kyc.snapshot.history import list_snapshots, verify
from kyc.snapshot.maintain import Maintainer
from kyc.snapshot.manifest import ManifestReader
from kyc.snapshot.restore import Restorer
from tests.unit.snapshot.lab import KEY, Lab
from tests.unit.snapshot.trees import Seen, edit, seen


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with Lab(tmp_path) as lab:
        yield lab


class Move:
    """A copy of the lab's workload into another stream in memory; each call takes the next epoch."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.target = FakeStream()
        self.notebook = Notebook(lab.folder / "notes" / "train")
        self.epoch = 100
        self.heard: list[tuple[int, int]] = []

    async def copy(self) -> Copied:
        self.epoch += 1
        source = Place(stream=self.lab.stream, workload="train", key=KEY)
        target = Place(stream=self.target, workload="train", key=KEY)
        tell = lambda done, total: self.heard.append((done, total))  # noqa: E731
        return await Copier(source, target, self.notebook, tell).copy(epoch=self.epoch)

    async def restored(self, sequence: int | None = None) -> Path:
        folder = self.lab.folder / f"copy-{random.randrange(1 << 40)}"
        reader = await self.target.open_reader("train")
        restorer = Restorer(self.lab.files(folder), reader, clock=self.lab.clock)
        try:
            await restorer.restore(sequence)
        finally:
            restorer.close()
        return folder


async def history(lab: Lab, seed: int, count: int = 4) -> list[Seen]:
    """Make some snapshots of files that keep changing; return what each holds."""
    rng = random.Random(seed)
    replicator = await lab.replicator(epoch=seed)
    trees = []
    for number in range(count):
        (lab.source / f"large-{number % 2}").write_bytes(rng.randbytes(900_000))
        for _ in range(3):
            edit(lab.source, rng)
        (lab.source / "n").write_text(str(number))
        await replicator.flush()
        trees.append(seen(lab.source))
    return trees


async def test_every_snapshot_is_there_with_its_time_and_epoch(lab: Lab) -> None:
    trees = await history(lab, 1)
    move = Move(lab)
    copied = await move.copy()
    assert (copied.snapshots, copied.skipped) == (4, ())
    assert move.heard[-1][0] == move.heard[-1][1] > 0
    before = await list_snapshots(await lab.stream.open_reader("train"), KEY, "train")
    there = await move.target.open_reader("train")
    after = await list_snapshots(there, KEY, "train")
    assert [(s.taken_at, s.files, s.bytes) for s in after] == [(s.taken_at, s.files, s.bytes) for s in before]
    for summary, tree in zip(reversed(after), trees, strict=True):
        assert (await verify(there, KEY, "train", sequence=summary.sequence)).is_whole
        assert seen(await move.restored(summary.sequence)) == tree


async def test_a_second_copy_sends_only_what_came_since(lab: Lab) -> None:
    await history(lab, 1)
    move = Move(lab)
    first = await move.copy()
    assert (await move.copy()).sent_bytes == 0
    (lab.source / "later").write_bytes(random.Random(5).randbytes(300_000))
    await (await lab.replicator(epoch=2)).flush()
    again = await move.copy()
    assert again.snapshots == 5
    assert 300_000 < again.sent_bytes < 400_000 < first.sent_bytes
    assert seen(await move.restored()) == seen(lab.source)


async def test_a_copy_that_is_cut_off_goes_on_where_it_was(lab: Lab) -> None:
    (lab.source / "large").write_bytes(random.Random(3).randbytes(8_000_000))
    await (await lab.replicator()).flush()
    move = Move(lab)
    whole = Move(lab)
    total = (await whole.copy()).sent_bytes
    rng = random.Random(9)
    sent, cuts = 0, 0
    while True:
        cutter = asyncio.create_task(cut_later(move, rng.uniform(0.001, 0.02) * 1.2**cuts))  # some go gets there
        try:
            await move.copy()
        except UnreachableError:
            cuts += 1
            continue
        finally:
            await cutter
            sent += sum(done - begun for begun, done in spans(move.heard))
            move.heard.clear()
            move.target.shelf.faults.unreachable = False
        break
    assert seen(await move.restored()) == seen(lab.source)
    assert sent <= total + cuts * 17_000_000  # at most what was on its way is sent again
    assert not list((lab.folder / "notes").iterdir())


async def cut_later(move: Move, after_s: float) -> None:
    await asyncio.sleep(after_s)
    move.target.shelf.faults.unreachable = True


def spans(heard: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(heard[0][0], heard[-1][0])] if heard else []


async def test_notes_from_before_a_cut_are_believed_and_half_a_line_is_not(tmp_path: Path, lab: Lab) -> None:
    await history(lab, 1, count=1)
    move = Move(lab)
    await move.copy()
    reader = await move.target.open_reader("train")
    chunks = [ref for s in await list_snapshots(reader, KEY, "train") for ref in await refs_of(move, s.sequence)]
    notebook = Notebook(tmp_path / "book")
    notebook.note(chunks)
    path = tmp_path / "book"
    path.write_bytes(path.read_bytes()[:-5])
    assert list(notebook.read().values()) == chunks[:-1]
    notebook.forget()
    assert notebook.read() == {}


async def refs_of(move: Move, sequence: int) -> list[ChunkRef]:
    reader = await move.target.open_reader("train")
    return list((await ManifestReader(reader, KEY, "train").manifest(sequence)).chunks)


async def test_a_damaged_snapshot_is_left_behind_and_named(lab: Lab) -> None:
    (lab.source / "a").write_bytes(random.Random(1).randbytes(500_000))
    replicator = await lab.replicator()
    first = await replicator.flush()
    (lab.source / "a").unlink()
    (lab.source / "b").write_bytes(random.Random(2).randbytes(500_000))
    await replicator.flush()
    doomed = (await refs_at(lab, first.sequence))[0]
    location, payload = lab.place.chunks[doomed]
    lab.place.chunks[doomed] = location, payload[:-1] + b"?"
    move = Move(lab)
    copied = await move.copy()
    assert copied.snapshots == 1
    assert [number for number, _ in copied.skipped] == [first.sequence]
    assert seen(await move.restored()) == seen(lab.source)


async def refs_at(lab: Lab, sequence: int) -> list[ChunkId]:
    reader = await lab.stream.open_reader("train")
    return [ref.id for ref in (await ManifestReader(reader, KEY, "train").manifest(sequence)).chunks]


async def test_another_workloads_place_is_not_touched(lab: Lab) -> None:
    await history(lab, 1, count=1)
    move = Move(lab)
    stranger = Place(stream=lab.stream, workload="train", key=bytes(32))
    await move.copy()
    before = dict(move.target.shelf.place("train").manifests)
    target = Place(stream=move.target, workload="train", key=bytes(32))
    with pytest.raises(ConflictError, match="not ours"):
        await Copier(stranger, target, move.notebook, lambda *_: None).copy(epoch=500)
    assert move.target.shelf.place("train").manifests == before
    with pytest.raises(FencedError):
        await move.copy()  # the epoch is taken


async def test_what_a_target_lost_is_taken_out_and_comes_again(lab: Lab) -> None:
    kept = await history(lab, seed=11)
    target = Place(stream=FakeStream(), workload="train", key=KEY)
    source = Place(stream=lab.stream, workload="train", key=KEY)
    maintainer = Maintainer(lab.folder / "notes", Retention())

    async def copied(epoch: int) -> Copied:
        return await maintainer.copy(source, target, name="there", epoch=epoch, on_copied=lambda *_: None)

    assert (await copied(1)).snapshots == len(kept)
    assert await maintainer.sift(target, name="there") == []
    shelf = target.stream.shelf.place("train")  # type: ignore[attr-defined]
    shelf.chunks.pop(next(iter(shelf.chunks)))
    before = len(shelf.manifests)
    assert "is not in the stream" in (await maintainer.sift(target, name="there"))[0]
    assert len(shelf.manifests) < before
    assert (await copied(2)).snapshots == len(kept)
    assert await maintainer.sift(target, name="there") == []
