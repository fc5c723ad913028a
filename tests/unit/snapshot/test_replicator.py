"""The replicator's loop: it sends what changes, tells the truth about what is not safe, and stops when it is fenced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import FencedError, KycError, UnreachableError
from kyc.snapshot.replicate import Replicator
from kyc.snapshot.scan import Scope
from kyc.snapshot.watch import Dirt, changes
from kyc.snapshot.workload import Commit, ReplicationOptions, Tell
from tests.unit.snapshot.lab import Lab
from tests.unit.snapshot.trees import seen

RESTFUL = ReplicationOptions(interval=timedelta(seconds=0.05), rescan=timedelta(hours=1))


class Heard:
    """What a replicator told, and a way to wait for it."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.troubles: list[KycError] = []
        self._news = asyncio.Event()

    def tell(self) -> Tell:
        return Tell(commit=self._commit, trouble=self._trouble)

    async def _commit(self, commit: Commit) -> None:
        self.commits.append(commit)
        self._news.set()

    async def _trouble(self, error: KycError) -> None:
        self.troubles.append(error)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._news.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.05)


@asynccontextmanager
async def running(replicator: Replicator) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(replicator.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, FencedError):
            await task


async def test_changes_are_committed_as_they_come(lab: Lab) -> None:
    heard = Heard()
    replicator = await lab.replicator(tell=heard.tell())
    async with running(replicator):
        await heard.until(lambda: len(heard.commits) == 1)
        (lab.source / "a").write_text("1")
        await heard.until(lambda: heard.commits[-1].files == 1)
        (lab.source / "b").mkdir()
        (lab.source / "b" / "c").write_text("2")
        await heard.until(lambda: heard.commits[-1].files == 2)
        await heard.until(lambda: replicator.dirty_since is None)
        assert replicator.dirty_bytes == 0
    commit = await replicator.flush()
    assert (commit.flushed, commit.sent_bytes) == (True, 0)
    await (await lab.restorer()).restore()
    assert seen(lab.folder / "copy") == seen(lab.source)


async def test_what_is_not_safe_is_told_while_the_stream_is_away(lab: Lab) -> None:
    heard = Heard()
    replicator = await lab.replicator(tell=heard.tell())
    async with running(replicator):
        await heard.until(lambda: len(heard.commits) == 1 and replicator.dirty_since is None)
        lab.stream.faults.unreachable = True
        (lab.source / "model").write_bytes(os.urandom(3_000_000))
        await heard.until(lambda: len(heard.troubles) >= 2)
        assert isinstance(heard.troubles[-1], UnreachableError)
        await heard.until(lambda: replicator.dirty_bytes == 3_000_000)
        assert replicator.dirty_since is not None
        assert replicator.dirty_paths == ["model"]
        assert replicator.flush_estimate_s > 0
        lab.stream.faults.unreachable = False
        await heard.until(lambda: heard.commits[-1].files == 1 and replicator.dirty_since is None)


async def test_before_the_first_snapshot_everything_is_unsafe(lab: Lab) -> None:
    """What was there before anybody watched: a notice may come while it is sent for the first time."""
    (lab.source / "workdir").mkdir()
    (lab.source / "workdir" / "model").write_bytes(os.urandom(3_000_000))
    os.truncate(lab.source / "workdir" / "model", 5_000_000_000)  # the rest is a hole
    heard = Heard()
    replicator = await lab.replicator(tell=heard.tell(), options=RESTFUL)
    lab.stream.faults.unreachable = True
    async with running(replicator):
        for attempt in range(1, 3):  # it grows no further when it is tried again
            await heard.until(lambda attempt=attempt: len(heard.troubles) >= attempt)  # type: ignore[misc]
            assert replicator.dirty_bytes == 5_000_000_000
        assert replicator.flush_estimate_s > 60
        lab.stream.faults.unreachable = False
        await heard.until(lambda: len(heard.commits) == 1 and replicator.dirty_since is None)
        assert replicator.dirty_bytes == 0
    base = await lab.restorer()
    await base.restore()
    second = await lab.replicator(2, root=lab.folder / "copy", base=base.base, options=RESTFUL)
    async with running(second):
        await heard.until(lambda: second.dirty_since is None)
        assert second.dirty_bytes == 0


def test_more_files_than_can_be_named_count_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kyc.snapshot.watch._NAMED_LIMIT", 2)
    dirt, now = Dirt(), datetime(2026, 1, 1, tzinfo=UTC)
    names = [f"f{number}" for number in range(5)]
    for name in names:
        (tmp_path / name).write_bytes(bytes(1000))
    dirt.add(str(tmp_path), names, now)
    assert (dirt.bytes, len(dirt.paths)) == (5000, 2)
    dirt.take()
    assert dirt.bytes == 5000  # a pass at work has not yet made them safe
    dirt.add(str(tmp_path), names[:1], now)
    dirt.settle(str(tmp_path), [], now)
    assert (dirt.bytes, dirt.paths) == (1000, ["f0"])


async def test_a_fenced_replicator_ends_at_its_next_commit(lab: Lab) -> None:
    heard = Heard()
    replicator = await lab.replicator(1, tell=heard.tell())
    async with running(replicator) as task:
        await heard.until(lambda: len(heard.commits) == 1)
        await lab.stream.open_writer("train", 2)
        (lab.source / "a").write_text("too late")
        async with asyncio.timeout(20):
            with pytest.raises(FencedError):
                await task


async def test_changes_that_nobody_tells_are_found_by_the_walk(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf(root: str, scope: Scope) -> AsyncIterator[set[str]]:
        yield set()
        await asyncio.Event().wait()

    monkeypatch.setattr("kyc.snapshot.watch.changes", deaf)
    heard = Heard()
    replicator = await lab.replicator(tell=heard.tell())
    async with running(replicator):
        await heard.until(lambda: len(heard.commits) == 1)
        (lab.source / "a").write_text("1")
        await heard.until(lambda: heard.commits[-1].files == 1)


async def test_where_the_kernel_cannot_watch_every_interval_walks(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(root: str, scope: Scope) -> AsyncIterator[set[str]]:
        raise OSError("inotify watch limit reached")
        yield set()

    monkeypatch.setattr("kyc.snapshot.watch.changes", refused)
    heard = Heard()
    options = ReplicationOptions(interval=timedelta(seconds=0.05), rescan=timedelta(hours=1))
    replicator = await lab.replicator(tell=heard.tell(), options=options)
    async with running(replicator):
        await heard.until(lambda: len(heard.commits) == 1)
        (lab.source / "a").write_text("1")
        await heard.until(lambda: heard.commits[-1].files == 1)


async def test_any_failure_of_the_watching_costs_a_walk_and_it_begins_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicError(BaseException):
        """What a library in another language may throw."""

    begun: list[BaseException] = []

    async def failing(root: str, scope: Scope) -> AsyncIterator[set[str]]:
        begun.append(
            [PanicError("panicked"), RuntimeError("Unable to decode path"), OSError("no more")][len(begun) % 3]
        )
        yield {"a"}
        raise begun[-1]

    monkeypatch.setattr("kyc.snapshot.watch.changes", failing)
    heard = Heard()
    options = ReplicationOptions(interval=timedelta(seconds=0.05), rescan=timedelta(hours=1))
    replicator = await lab.replicator(tell=heard.tell(), options=options)
    async with running(replicator) as task:
        await heard.until(lambda: len(begun) == 2)  # the second at once, those after it ever later
        (lab.source / "a").write_text("1")
        await heard.until(lambda: heard.commits[-1:] != [] and heard.commits[-1].files == 1)
        assert not task.done()
        assert len(begun) == 2


async def test_names_that_are_not_utf8_are_watched_and_restored(lab: Lab) -> None:
    heard = Heard()
    odd = os.fsdecode(b"caf\xe9")
    (lab.source / odd).mkdir()
    replicator = await lab.replicator(tell=heard.tell())
    async with running(replicator) as task:
        await heard.until(lambda: len(heard.commits) == 1 and replicator.dirty_since is None)
        for number in range(1, 4):
            (lab.source / odd / f"{odd}{number}").write_text("x")
            await heard.until(lambda number=number: heard.commits[-1].files == number)  # type: ignore[misc]
            assert not task.done()
    await replicator.flush()
    await (await lab.restorer()).restore()
    assert seen(lab.folder / "copy") == seen(lab.source)


async def test_a_flush_in_the_middle_of_a_snapshot_is_the_last_word(lab: Lab) -> None:
    (lab.source / "a").write_bytes(os.urandom(5_000_000))
    heard = Heard()
    replicator = await lab.replicator(tell=heard.tell())
    lab.stream.faults.gate = asyncio.Event()
    async with running(replicator):
        await asyncio.sleep(0)
        (lab.source / "b").write_text("later")
        flushing = asyncio.create_task(replicator.flush())
        lab.stream.faults.gate.set()
        commit = await flushing
    assert commit.flushed
    assert commit.files == 2
    await (await lab.restorer()).restore()
    assert seen(lab.folder / "copy") == seen(lab.source)


async def test_a_cancelled_snapshot_leaves_a_replicator_that_works(lab: Lab) -> None:
    (lab.source / "a").write_bytes(os.urandom(5_000_000))
    replicator = await lab.replicator()
    lab.stream.faults.gate = asyncio.Event()
    task = asyncio.create_task(replicator.flush())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    lab.stream.faults.gate = None
    assert (await replicator.flush()).files == 1
    await (await lab.restorer()).restore()
    assert seen(lab.folder / "copy") == seen(lab.source)


async def test_the_rate_is_kept_but_for_the_flush(lab: Lab) -> None:
    (lab.source / "a").write_bytes(os.urandom(3_000_000))
    options = ReplicationOptions(interval=timedelta(seconds=0.05), bytes_per_s=1_000_000)
    heard = Heard()
    replicator = await lab.replicator(tell=heard.tell(), options=options)
    async with running(replicator):
        await heard.until(lambda: len(heard.commits) == 1)
    assert heard.commits[0].took_s >= 1.5
    (lab.source / "a").write_bytes(os.urandom(3_000_000))
    assert (await replicator.flush()).took_s < heard.commits[0].took_s


async def test_a_flush_does_not_wait_for_a_snapshot_that_keeps_to_its_rate(lab: Lab) -> None:
    """A notice comes in the middle of one that would take minutes."""
    (lab.source / "a").write_bytes(os.urandom(10_000_000))
    replicator = await lab.replicator(options=ReplicationOptions(bytes_per_s=300_000))
    async with running(replicator):
        async with asyncio.timeout(20):
            while not lab.place.chunks:
                await asyncio.sleep(0.01)
            commit = await replicator.flush(within_s=15)
        assert (commit.files, commit.missed) == (1, ())
        assert len(lab.place.chunks) == lab.place.copies, "what got through was sent again"
    await (await lab.restorer()).restore()
    assert seen(lab.folder / "copy") == seen(lab.source)


async def test_the_estimate_of_a_flush_knows_no_rate(lab: Lab) -> None:
    heard = Heard()
    options = ReplicationOptions(interval=timedelta(seconds=0.05), bytes_per_s=4_000_000)
    replicator = await lab.replicator(tell=heard.tell(), options=options)
    (lab.source / "a").write_bytes(os.urandom(6_000_000))
    async with running(replicator):
        await heard.until(lambda: heard.commits[-1:] != [] and heard.commits[-1].files == 1)
        assert heard.commits[-1].took_s > 0.4
        before = replicator.flush_estimate_s
        lab.stream.faults.unreachable = True
        with (lab.source / "b").open("wb") as file:
            file.truncate(500_000_000)
        await heard.until(lambda: replicator.dirty_bytes >= 500_000_000)
        assert replicator.flush_estimate_s - before == pytest.approx(10, rel=0.01)  # by the first guess, 50 MB/s


async def test_watching_begins_with_a_sign_of_life_and_names_what_is_in_scope(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "other").mkdir()
    watching = changes(str(tmp_path), Scope(["keep"], ["*.tmp"]))
    async with asyncio.timeout(20):
        await anext(watching)
        for path in ("keep/a", "keep/b.tmp", "other/c"):
            (tmp_path / path).write_text("x")
        heard: set[str] = set()
        while "keep/a" not in heard:
            heard |= await anext(watching)
    await watching.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert heard <= {"keep", "keep/a"}


class LeapingClock(SystemClock):
    """The system's clock, set forward by `leap_s`."""

    leap_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.leap_s


async def test_after_a_wait_for_the_stream_it_is_as_quick_as_before(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LeapingClock()
    lab.clock = clock
    heard = Heard()
    options = ReplicationOptions(interval=timedelta(seconds=0.05), rescan=timedelta(hours=1))
    writer = await lab.stream.open_writer("train", 1)
    commit = writer.commit

    async def slow_commit(manifest: bytes) -> int:
        if manifest and len(heard.commits) == 1:
            clock.leap_s += 120  # a server that was away for two minutes
        return await commit(manifest)

    monkeypatch.setattr(writer, "commit", slow_commit)
    replicator = Replicator(lab.files(lab.source), writer, clock=clock, options=options, tell=heard.tell())
    try:
        async with running(replicator):
            for number in range(1, 4):
                (lab.source / str(number)).write_text("x")
                await heard.until(lambda number=number: number in {one.files for one in heard.commits[-1:]})  # type: ignore[misc]
        assert max(one.took_s for one in heard.commits) > 100
    finally:
        replicator.close()
