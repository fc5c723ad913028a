"""What a snapshot holds, what it sends, and what it says when something is in the way."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kyc.domain.errors import DamagedDataError, FencedError, InvalidInputError, NotFoundError, UnreachableError
from kyc.domain.snapshot import Entry
from kyc.planning.retention import Retention, Tier
from kyc.ports.stream import MAX_PAYLOAD_BYTES
from kyc.snapshot.gc import collect
from kyc.snapshot.history import diff, list_snapshots, verify, verify_all
from kyc.snapshot.listing import Listing, Signature
from kyc.snapshot.manifest import ManifestReader
from kyc.snapshot.restore import Progress
from kyc.snapshot.scan import Scope
from kyc.snapshot.take import Before, SnapshotPass, Source, Tools
from kyc.snapshot.tree import Tree
from kyc.snapshot.workload import Commit, Tell
from tests.unit.snapshot.lab import KEY, Lab
from tests.unit.snapshot.trees import edit, seen

MB = 1_000_000


def random_file(path: Path, size: int, seed: int = 1) -> bytes:
    data = random.Random(seed).randbytes(size)
    path.write_bytes(data)
    return data


async def test_nothing_changed_sends_nothing_and_commits_nothing(lab: Lab) -> None:
    random_file(lab.source / "a", 3 * MB)
    replicator = await lab.replicator()
    first = await replicator.flush()
    again = await replicator.flush()
    assert (again.sequence, again.sent_bytes, again.read_bytes) == (first.sequence, 0, 0)
    assert len(lab.place.manifests) == 1


async def test_an_empty_folder_is_a_snapshot_too(lab: Lab) -> None:
    commit = await (await lab.replicator()).flush()
    assert (commit.files, commit.bytes) == (0, 0)
    restored = await (await lab.restorer()).restore()
    assert restored.sequence == commit.sequence


async def test_no_snapshot_touches_nothing(lab: Lab) -> None:
    (lab.folder / "copy").mkdir()
    (lab.folder / "copy" / "mine").write_text("stays")
    restored = await (await lab.restorer()).restore()
    assert restored.sequence is None
    assert (lab.folder / "copy" / "mine").read_text() == "stays"


async def test_no_payload_is_over_the_limit(lab: Lab) -> None:
    random_file(lab.source / "large", 9 * MB)
    for number in range(40):
        random_file(lab.source / f"small{number}", 60_000, number)
    await (await lab.replicator()).flush()
    assert max(len(payload) for _, payload in lab.place.chunks.values()) <= MAX_PAYLOAD_BYTES


async def test_many_small_files_share_chunks(lab: Lab) -> None:
    for number in range(500):
        (lab.source / f"f{number}").write_bytes(os.urandom(1000))
    await (await lab.replicator()).flush()
    assert len(lab.place.chunks) <= 3


async def test_writing_in_place_sends_little_more_than_what_changed(lab: Lab) -> None:
    random_file(lab.source / "model", 32 * MB)
    replicator = await lab.replicator()
    await replicator.flush()
    rng = random.Random(5)
    sent = []
    for _ in range(4):
        with (lab.source / "model").open("r+b") as file:
            for _ in range(2):
                file.seek(rng.randrange(30) * 1024 * 1024)
                file.write(rng.randbytes(1024 * 1024))
        sent.append((await replicator.flush()).sent_bytes)
    assert max(sent) < 1.9 * 2 * 1024 * 1024
    await (await lab.restorer()).restore()
    assert seen(lab.folder / "copy") == seen(lab.source)


async def test_inserting_at_the_front_sends_little_more_than_what_was_inserted(lab: Lab) -> None:
    data = random_file(lab.source / "data", 32 * MB)
    replicator = await lab.replicator()
    await replicator.flush()
    (lab.source / "data").write_bytes(os.urandom(MB) + data)
    assert (await replicator.flush()).sent_bytes < 2 * MB


async def test_appending_sends_the_end_only(lab: Lab) -> None:
    random_file(lab.source / "log", 20 * MB)
    replicator = await lab.replicator()
    await replicator.flush()
    with (lab.source / "log").open("ab") as file:
        file.write(os.urandom(1000))
    assert (await replicator.flush()).sent_bytes < 1.5 * MB


async def test_what_compresses_is_compressed_and_all_is_sealed(lab: Lab) -> None:
    secret = b"the secret of the workload " * 100_000
    (lab.source / "text").write_bytes(secret)
    commit = await (await lab.replicator()).flush()
    assert commit.sent_bytes < len(secret) / 20
    assert all(b"secret" not in payload for _, payload in lab.place.chunks.values())
    assert all(b"text" not in payload for _, payload in lab.place.manifests.values())


async def test_moving_a_large_file_sends_only_the_list(lab: Lab) -> None:
    random_file(lab.source / "a", 5 * MB)
    replicator = await lab.replicator()
    await replicator.flush()
    (lab.source / "a").rename(lab.source / "b")
    assert (await replicator.flush()).sent_bytes == 0


async def test_kept_and_ignored_paths(lab: Lab) -> None:
    for path in ("keep/a", "keep/tmp/b", "keep/c.tmp", "other/d", "single", "deep/er/e", "deep/f"):
        (lab.source / path).parent.mkdir(parents=True, exist_ok=True)
        (lab.source / path).write_text(path)
    replicator = await lab.replicator(kept=("keep/", "./single", "deep/er", "missing"), ignored=("tmp", "*.tmp"))
    await replicator.flush()
    copy = lab.folder / "copy"
    copy.mkdir()
    for path in ("keep/stale", "keep/x.tmp", "other/mine", "deep/mine"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text("already here")
    await (await lab.restorer()).restore()
    there = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert there == {"keep/a", "single", "deep/er/e", "keep/x.tmp", "other/mine", "deep/mine"}


@pytest.mark.parametrize("kept", ["/etc", "../x", "a/../../b", "a\0b"])
def test_paths_outside_of_the_root_cannot_be_kept(kept: str) -> None:
    with pytest.raises(InvalidInputError):
        Scope([kept])


async def test_a_kept_path_behind_a_link_is_named_as_missed(lab: Lab) -> None:
    (lab.folder / "elsewhere").mkdir()
    (lab.source / "link").symlink_to(lab.folder / "elsewhere")
    commit = await (await lab.replicator(kept=("link", "link/inside"))).flush()
    assert set(commit.missed) == {"link"}


async def test_sockets_and_pipes_are_left_out_and_named_once(lab: Lab) -> None:
    told: list[Commit] = []

    async def note(commit: Commit) -> None:
        told.append(commit)

    os.mkfifo(lab.source / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(lab.source / "socket"))
        replicator = await lab.replicator(tell=Tell(commit=note))
        await replicator.flush()
        assert replicator.dirty_since is None
        os.mkfifo(lab.source / "another")
        await replicator.flush()
    assert [(commit.files, commit.missed) for commit in told] == [(0, ()), (0, ())]
    assert [commit.special for commit in told] == [("pipe (a pipe)", "socket (a socket)"), ("another (a pipe)",)]


async def test_deep_trees(lab: Lab) -> None:
    place = lab.source
    for _ in range(1200):  # deeper than Python's stack
        place = place / "d"
        place.mkdir()
    (place / "bottom").write_text("reached")
    commit = await (await lab.replicator()).flush()
    assert commit.missed == ()
    restorer = await lab.restorer()
    await restorer.restore()
    assert (lab.folder / "copy" / place.relative_to(lab.source) / "bottom").read_text() == "reached"
    tree = Tree(str(lab.source))
    tree.remove("d")
    tree.close()
    await (await lab.replicator(2)).flush()
    await restorer.restore()
    assert list((lab.folder / "copy").iterdir()) == []


# --- files that will not hold still ----------------------------------------------------------------------------------


def passing(lab: Lab, base: Listing | None = None) -> SnapshotPass:
    source = Source(root=str(lab.source), scope=Scope(["."]))
    return SnapshotPass(source, Tools.of(KEY), Before(listing=base or Listing(), stored={}))


def test_a_file_that_keeps_changing_is_named_and_never_torn(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    random_file(lab.source / "busy", 2 * MB)
    random_file(lab.source / "quiet", 2 * MB, 2)
    taking = passing(lab)
    for item in taking.run():
        if item is not None:
            (lab.source / "busy").write_bytes(os.urandom(2 * MB))
    assert taking.missed == ["busy"]
    assert taking.files == 1


def test_a_file_that_changes_once_is_read_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    random_file(lab.source / "busy", 2 * MB)
    taking = passing(lab)
    changes = 0
    for item in taking.run():
        if item is not None and not changes:
            changes += 1
            os.truncate(lab.source / "busy", 1 * MB)
    assert (taking.missed, taking.bytes) == ([], 1 * MB)


async def test_a_file_that_keeps_changing_stays_as_it_was_in_the_snapshot_before(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = random_file(lab.source / "busy", 2 * MB)
    replicator = await lab.replicator()
    await replicator.flush()
    random_file(lab.source / "busy", 2 * MB, 2)
    monkeypatch.setattr("kyc.snapshot.read._ATTEMPTS", 0)
    commit = await replicator.flush()
    assert commit.missed == ("busy",)
    assert replicator.dirty_since is not None
    await (await lab.restorer()).restore()
    assert (lab.folder / "copy" / "busy").read_bytes() == before
    monkeypatch.setattr("kyc.snapshot.read._ATTEMPTS", 3)
    commit = await replicator.flush()
    assert commit.missed == ()
    assert replicator.dirty_since is None
    await (await lab.restorer()).restore()
    assert seen(lab.folder / "copy") == seen(lab.source)


def test_a_folder_that_vanishes_is_not_there(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    (lab.source / "a").mkdir()
    random_file(lab.source / "a" / "x", MB)
    random_file(lab.source / "a" / "y", MB)
    random_file(lab.source / "b", MB)
    taking = passing(lab)
    for item in taking.run():
        if item is not None and (lab.source / "a").exists():
            for path in (lab.source / "a").iterdir():
                path.unlink()
            (lab.source / "a").rmdir()
    assert taking.missed == []
    assert taking.files <= 2


async def test_a_flush_without_time_names_what_it_left_out(lab: Lab) -> None:
    random_file(lab.source / "a", 2 * MB)
    replicator = await lab.replicator()
    await replicator.flush()
    random_file(lab.source / "a", 2 * MB, 7)
    random_file(lab.source / "new", 2 * MB, 8)
    commit = await replicator.flush(within_s=0.2)
    assert set(commit.missed) == {"a", "new"}


# --- what is on the disk and in the stream ---------------------------------------------------------------------------


async def test_a_following_restore_fetches_only_what_differs(lab: Lab) -> None:
    random_file(lab.source / "large", 20 * MB)
    for number in range(50):
        (lab.source / f"s{number}").write_bytes(os.urandom(5000))
    replicator = await lab.replicator()
    await replicator.flush()
    restorer = await lab.restorer()
    first = await restorer.restore()
    assert first.fetched_bytes > 20 * MB
    assert (await restorer.restore()).fetched_bytes == 0
    with (lab.source / "large").open("r+b") as file:
        file.seek(8 * MB)
        file.write(os.urandom(1000))
    commit = await replicator.flush()
    delta = await restorer.restore()
    assert delta.sequence == commit.sequence
    assert delta.fetched_bytes < 1 * MB
    assert seen(lab.folder / "copy") == seen(lab.source)
    cold = await lab.restorer("copy")  # knows nothing of what it finds
    assert (await cold.restore()).fetched_bytes == 0


async def test_a_cut_restore_goes_on_where_it_was(lab: Lab) -> None:
    random_file(lab.source / "large", 20 * MB)
    await (await lab.replicator()).flush()
    reached: list[int] = []

    def cut(progress: Progress) -> None:
        reached.append(progress.fetched_bytes)
        if progress.fetched_bytes > 8 * MB:
            lab.stream.faults.unreachable = True

    first = await lab.restorer(on_progress=cut)
    with pytest.raises(UnreachableError):
        await first.restore()
    assert not (lab.folder / "copy" / "large").exists()
    lab.stream.faults.unreachable = False
    second = await lab.restorer()
    done = await second.restore()
    assert done.fetched_bytes <= 20 * MB + 2000 - reached[-1] + 3 * MB
    assert seen(lab.folder / "copy") == seen(lab.source)


async def test_progress_is_told_and_ends_at_all(lab: Lab) -> None:
    random_file(lab.source / "large", 10 * MB)
    (lab.source / "small").write_text("x")
    await (await lab.replicator()).flush()
    told: list[Progress] = []
    await (await lab.restorer(on_progress=told.append)).restore()
    assert told[0].bytes == 0
    assert [p.bytes for p in told] == sorted(p.bytes for p in told)
    assert (told[-1].files, told[-1].bytes) == (2, 10 * MB + 1) == (told[-1].total_files, told[-1].total_bytes)


async def test_a_damaged_or_missing_chunk_makes_the_restore_take_the_snapshot_before(lab: Lab) -> None:
    random_file(lab.source / "a", 2 * MB)
    replicator = await lab.replicator()
    first = await replicator.flush()
    before = seen(lab.source)
    old_chunks = set(lab.place.chunks)
    random_file(lab.source / "b", 2 * MB, 3)
    second = await replicator.flush()
    fresh = next(chunk for chunk in lab.place.chunks if chunk not in old_chunks)
    location, payload = lab.place.chunks[fresh]
    lab.place.chunks[fresh] = (location, payload[:-1] + bytes([payload[-1] ^ 1]))
    restored = await (await lab.restorer()).restore()
    assert restored.sequence == first.sequence
    assert [sequence for sequence, _ in restored.skipped] == [second.sequence]
    assert seen(lab.folder / "copy") == before
    report = await verify(await lab.stream.open_reader("train"), KEY, "train")
    assert [path for path, _ in report.damaged] == ["b"]
    del lab.place.chunks[fresh]
    restored = await (await lab.restorer("second")).restore()
    assert restored.sequence == first.sequence
    with pytest.raises(NotFoundError, match=fresh):
        await (await lab.restorer("third")).restore(second.sequence)
    report = await verify(await lab.stream.open_reader("train"), KEY, "train")
    assert [path for path, _ in report.damaged] == ["b"]
    report = await verify(await lab.stream.open_reader("train"), KEY, "train", sequence=first.sequence)
    assert report.damaged == ()


async def test_a_chunk_passed_off_as_another_is_refused(lab: Lab) -> None:
    random_file(lab.source / "a", 3 * MB)
    await (await lab.replicator()).flush()
    one, other = list(lab.place.chunks)[:2]
    lab.place.chunks[one] = lab.place.chunks[other]
    with pytest.raises(DamagedDataError):
        await (await lab.restorer()).restore()


async def test_another_key_or_workload_reads_nothing(lab: Lab) -> None:
    random_file(lab.source / "a", MB)
    await (await lab.replicator()).flush()
    reader = await lab.stream.open_reader("train")
    with pytest.raises(DamagedDataError):
        await list_snapshots(reader, bytes(32), "train")
    with pytest.raises(DamagedDataError):
        await list_snapshots(reader, KEY, "other")


async def test_people_see_what_there_is_and_what_changed(lab: Lab) -> None:
    (lab.source / "a").write_text("a")
    (lab.source / "b").write_text("b")
    replicator = await lab.replicator()
    first = await replicator.flush()
    (lab.source / "a").unlink()
    (lab.source / "b").write_text("changed")
    (lab.source / "c").symlink_to("b")
    second = await replicator.flush()
    reader = await lab.stream.open_reader("train")
    listed = await list_snapshots(reader, KEY, "train")
    assert [(s.sequence, s.files, s.epoch) for s in listed] == [(second.sequence, 1, 1), (first.sequence, 2, 1)]
    changed = await diff(reader, KEY, "train", older=first.sequence, newer=second.sequence)
    assert (changed.added, changed.removed, changed.changed) == (("c",), ("a",), ("b",))


async def test_verifying_names_what_is_damaged_and_what_is_missing(lab: Lab) -> None:
    for seed, name in enumerate(("damaged", "missing", "whole")):
        random_file(lab.source / name, 2 * MB, seed)
    replicator = await lab.replicator()
    first = await replicator.flush()
    (lab.source / "later").write_bytes(b"x" * 300_000)
    second = await replicator.flush()
    reader = await lab.stream.open_reader("train")
    listing = await ManifestReader(reader, KEY, "train").manifest(first.sequence)
    pieces = {entry.path: entry.pieces for entry in listing.entries}
    heard: list[tuple[int, int]] = []
    sound = await verify(reader, KEY, "train", on_progress=lambda done, total: heard.append((done, total)))
    assert sound.is_whole
    assert sound.sequence == second.sequence
    assert sound.files == 4
    assert heard[-1] == (sound.chunks, sound.chunks)
    for piece in pieces["missing"]:
        del lab.place.chunks[piece.chunk]
    location, payload = lab.place.chunks[pieces["damaged"][1].chunk]
    lab.place.chunks[pieces["damaged"][1].chunk] = location, payload[:-1] + bytes([payload[-1] ^ 1])
    for found in await verify_all(reader, KEY, "train", [first.sequence, second.sequence]):
        assert not found.is_whole
        assert {path for path, _ in found.damaged} == {"damaged", "missing"}
        assert "is not in the stream" in dict(found.damaged)["missing"]
    with pytest.raises(NotFoundError):
        await verify(reader, KEY, "train", sequence=999)


async def test_verifying_says_when_the_list_of_files_is_unreadable(lab: Lab) -> None:
    (lab.source / "a").write_text("a")
    taken = await (await lab.replicator()).flush()
    reader = await lab.stream.open_reader("train")
    found = await verify(reader, bytes(32), "train")
    assert (found.sequence, found.is_whole, found.damaged) == (taken.sequence, False, ())
    assert found.unreadable


# --- garbage ---------------------------------------------------------------------------------------------------------


async def test_collecting_frees_what_only_old_snapshots_needed(lab: Lab) -> None:
    random_file(lab.source / "stays", 2 * MB)
    replicator = await lab.replicator()
    for number in range(6):
        random_file(lab.source / "changes", 2 * MB, 10 + number)
        await replicator.flush()
    before = sum(len(payload) for _, payload in lab.place.chunks.values())
    rule = Retention(last=2, tiers=())
    gone = await collect(lab.stream, "train", KEY, rule, now=lab.clock.now())
    after = sum(len(payload) for _, payload in lab.place.chunks.values())
    assert len(gone.snapshots) == 4
    assert before - after == gone.stored_bytes >= 8 * MB
    assert after < 7 * MB
    reader = await lab.stream.open_reader("train")
    for summary in await list_snapshots(reader, KEY, "train"):
        assert (await verify(reader, KEY, "train", sequence=summary.sequence)).damaged == ()
    assert (await collect(lab.stream, "train", KEY, rule, now=lab.clock.now())).snapshots == ()


async def test_collecting_beside_a_writer_loses_nothing(lab: Lab) -> None:
    """Contents come back after they were gone, while the collector runs: every kept snapshot stays whole."""
    rng = random.Random(4)
    replicator = await lab.replicator()
    contents = [rng.randbytes(300_000) for _ in range(4)]
    rule = Retention(last=2, tiers=(Tier(until=timedelta(seconds=1), every=timedelta(milliseconds=100)),))
    for _ in range(40):
        for name in "abc":
            (lab.source / name).write_bytes(rng.choice(contents))
        await replicator.flush()
        await collect(lab.stream, "train", KEY, rule, now=lab.clock.now())
        assert (await verify(await lab.stream.open_reader("train"), KEY, "train")).damaged == ()
    reader = await lab.stream.open_reader("train")
    for summary in await list_snapshots(reader, KEY, "train"):
        assert (await verify(reader, KEY, "train", sequence=summary.sequence)).damaged == ()


async def test_nothing_is_collected_while_a_manifest_cannot_be_read(lab: Lab) -> None:
    replicator = await lab.replicator()
    for number in range(4):
        random_file(lab.source / "a", 200_000, number)
        await replicator.flush()
    first = min(lab.place.manifests)
    lab.place.manifests[first] = (1, b"rubbish")
    chunks = dict(lab.place.chunks)
    with pytest.raises(DamagedDataError):
        await collect(lab.stream, "train", KEY, Retention(last=1, tiers=()), now=lab.clock.now())
    assert lab.place.chunks == chunks


async def test_hollow_packs_are_packed_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kyc.snapshot.snapshotter._REPACK_EVERY", 2)
    for number in range(200):
        (lab.source / f"f{number:03}").write_bytes(random.Random(number).randbytes(4000))
    replicator = await lab.replicator()
    await replicator.flush()
    for number in range(180):
        (lab.source / f"f{number:03}").write_bytes(random.Random(1000 + number).randbytes(4000))
    await replicator.flush()
    (lab.source / "one more").write_text("so that there is a snapshot")
    await replicator._try_once()  # a flush packs nothing again: it is in a hurry
    reader = await lab.stream.open_reader("train")
    await collect(lab.stream, "train", KEY, Retention(last=1, tiers=()), now=lab.clock.now())
    assert sum(len(payload) for _, payload in lab.place.chunks.values()) < 1.1 * 200 * 4000
    assert (await verify(reader, KEY, "train")).damaged == ()


# --- the writer's life -----------------------------------------------------------------------------------------------


async def test_lost_acknowledgements_and_an_unreachable_stream_lose_nothing_and_double_nothing(lab: Lab) -> None:
    rng = random.Random(11)
    replicator = await lab.replicator()
    restorer = await lab.restorer()
    for _ in range(12):
        edit(lab.source, rng, times=4, large=600_000)
        lab.stream.faults.lose_acks = rng.randrange(3)
        await replicator.flush()
        await restorer.restore()
        assert seen(lab.folder / "copy") == seen(lab.source)


async def test_a_fenced_writer_stops_at_once(lab: Lab) -> None:
    (lab.source / "a").write_text("1")
    old = await lab.replicator(1)
    await old.flush()
    await lab.replicator(2)
    (lab.source / "a").write_text("2")
    with pytest.raises(FencedError):
        await old.flush()


async def test_a_flush_in_time_or_an_error_that_says_what_is_not_safe(lab: Lab) -> None:
    (lab.source / "a").write_text("1")
    replicator = await lab.replicator()
    lab.stream.faults.unreachable = True
    with pytest.raises(UnreachableError):
        await replicator.flush(within_s=0.5)
    assert replicator.dirty_since is not None
    lab.stream.faults.unreachable = False
    assert (await replicator.flush(within_s=5)).missed == ()


async def test_lists_of_files_are_gone_through_beside_the_event_loop(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.source / "a").write_text("one")
    replicator = await lab.replicator()
    old = await replicator.flush()
    (lab.source / "a").write_text("another")
    new = await replicator.flush()
    threads: list[threading.Thread] = []
    read = Listing.entries

    def entries(listing: Listing) -> Iterator[tuple[Entry, Signature]]:
        threads.append(threading.current_thread())
        return read(listing)

    monkeypatch.setattr(Listing, "entries", entries)
    reader = await lab.stream.open_reader("train")
    assert (await diff(reader, KEY, "train", older=old.sequence, newer=new.sequence)).changed == ("a",)
    assert all(one.is_whole for one in await verify_all(reader, KEY, "train", [old.sequence, new.sequence]))
    assert threads
    assert threading.main_thread() not in threads
