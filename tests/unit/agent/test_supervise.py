"""One attempt on one instance, in every way it can go."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from kyc.domain.errors import DamagedDataError, UnreachableError
from kyc.domain.interruption import NoticeKind
from kyc.domain.snapshot import StreamAccess
from kyc.wire.agent import Committed, Exited, Fenced, Progressed, Released, Restored, Started, Troubled
from tests.unit.agent.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_prepare_run_release(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        assert stage.archives.fetched == ["a" * 64]
        assert stage.story() == ["Restored", "Prepared", "Started"]
        work.say("epoch 1/3")
        await stage.advance(1)
        stage.engine.dirty = True
        await stage.advance(2)
        assert stage.story()[3:] == ["Progressed", "Committed"]
        await stage.want("release", epoch=1)
        await stage.advance(1)
        assert work.told == ["stop 10"]
        last, released = stage.facts[-2:]
        assert isinstance(last, Committed)
        assert last.flushed
        assert isinstance(released, Released)
        assert released.missed == []
        await stage.want(None)
        await stage.until_met(lambda: stage.supervisor.attempt is None)
        assert not (stage.settings.work_folder / "train").exists()
    assert stage.engine.open_ends == 0


async def test_what_a_command_sees_is_its_own(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        assert work.command.env == {
            "PATH": "/bin",
            "HOME": "/home",
            "KYC_WORKLOAD": "train",
            "KYC_ATTEMPT": "train.1",
            "KYC_INSTANCE_ID": "i-test",
            "SKYPILOT_TASK_ID": "train",
            "EPOCHS": "20",
        }
        assert work.command.folder == stage.settings.work_folder / "train"


async def test_the_last_difference_is_fetched_after_the_epoch_is_open(stage: Stage) -> None:
    stage.engine.commit_elsewhere()
    async with stage.running():
        await stage.want("prepare")
        await stage.until("Prepared")
        assert stage.engine.restored == [1]
        stage.engine.commit_elsewhere()
        await stage.advance(1.5)  # follows while it waits, without a word
        assert stage.engine.restored == [1, 2]
        stage.engine.commit_elsewhere()
        await stage.want("run", epoch=5)
        started = await stage.until("Started")
        assert isinstance(started, Started)
        assert (started.sequence, started.epoch) == (3, 5)
        told = [(fact.sequence, fact.done) for fact in stage.facts if isinstance(fact, Restored)]
        assert told == [(1, False), (1, True), (3, False), (3, True)]


async def test_an_exit_is_told_after_the_last_files_are_safe(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        work.say("epoch 3/3", "bye")
        work.end(3)
        await stage.until("Exited")
        assert stage.story()[3:] == ["Progressed", "Committed", "Exited"]
        committed, exited = stage.facts[-2:]
        assert isinstance(committed, Committed)
        assert committed.flushed
        assert isinstance(exited, Exited)
        assert (exited.stage, exited.code) == ("run", 3)
        assert stage.printed() == "epoch 3/3\nbye\n"
        await stage.want("run", epoch=1)  # said again: it is not begun again
        await stage.advance(5)
        assert len(stage.runtime.started) == 1


async def test_a_newer_credential_reaches_the_stream_while_the_work_runs(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        newer = StreamAccess(url="memory:", workload="train", token="newer")
        await stage.want("run", epoch=1, stream=newer)
        assert stage.engine.renewed[-1] == "newer"
        assert len(stage.runtime.started) == 1
        work.end(0)
        await stage.until("Exited")


async def test_a_set_up_that_fails_ends_the_attempt(stage: Stage) -> None:
    stage.runtime.codes["setup"] = 9
    async with stage.running():
        await stage.want("prepare", setup="pip install x")
        exited = await stage.until("Exited")
        assert isinstance(exited, Exited)
        assert (exited.stage, exited.code) == ("setup", 9)
        assert stage.printed() == "setup says hello\n"
        assert "Prepared" not in stage.story()


async def test_a_notice_wakes_the_flush_and_the_work_goes_on_until_the_margin(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work(snapshot_interval_s=60.0)
        stage.engine.dirty = True
        stage.notice(in_s=120)
        await stage.advance(1.1)
        assert "Committed" in stage.story()  # at once, not in a minute
        await stage.advance(90)
        assert work.runs
        assert work.told == []
        released = await stage.until("Released")
        assert isinstance(released, Released)
        left_s = 120 - (released.at - stage.notices.notice.noticed_at).total_seconds()  # type: ignore[union-attr]
        assert 10 < left_s <= 24.5
        assert work.told == ["stop 10"]


async def test_the_master_releases_earlier(stage: Stage) -> None:
    async with stage.running():
        await stage.work()
        stage.notice(in_s=120)
        await stage.advance(3)
        await stage.want("release", epoch=1)
        await stage.advance(0.5)
        assert stage.story()[-2:] == ["Committed", "Released"]


async def test_a_hint_only_wakes_the_flush(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work(snapshot_interval_s=60.0)
        stage.engine.dirty = True
        stage.notice(in_s=5, kind=NoticeKind.REBALANCE)
        await stage.advance(30)
        assert work.runs
        assert "Committed" in stage.story()


async def test_at_a_short_notice_work_that_does_not_listen_is_killed_in_time_to_flush(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        work.obeys = False
        stage.notice(in_s=6)
        released = await stage.until("Released")
        assert isinstance(released, Released)
        assert released.missed == []
        deadline = stage.notices.notice.deadline_at  # type: ignore[union-attr]
        assert released.at < deadline  # type: ignore[operator]


async def test_what_cannot_be_flushed_before_the_end_is_named(stage: Stage) -> None:
    async with stage.running():
        await stage.work()
        stage.engine.unreachable = True
        stage.notice(in_s=20)
        released = await stage.until("Released")
        assert isinstance(released, Released)
        assert released.missed == ["checkpoints"]
        assert released.at < stage.notices.notice.deadline_at  # type: ignore[operator, union-attr]


async def test_work_that_ended_but_could_not_be_flushed_is_released_not_done(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        stage.engine.unreachable = True
        stage.notice(in_s=20)
        await stage.advance(1)
        work.end(0)
        await stage.until("Released")
        assert "Exited" not in stage.story()


async def test_a_fenced_writer_kills_its_work_and_never_starts_it_again(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        stage.engine.epoch = 7
        fenced = await stage.until("Fenced")
        assert isinstance(fenced, Fenced)
        assert fenced.epoch == 1
        assert work.told == ["kill"]
        await stage.want("run", epoch=1)
        await stage.advance(10)
        assert len(stage.runtime.started) == 1


async def test_an_epoch_that_was_taken_is_never_started(stage: Stage) -> None:
    stage.engine.epoch = 3
    async with stage.running():
        await stage.want("prepare")
        await stage.until("Prepared")
        await stage.want("run", epoch=2)
        await stage.until("Fenced")
        assert stage.runtime.started == []


async def test_a_fence_found_at_the_flush_is_told(stage: Stage) -> None:
    async with stage.running():
        await stage.work()
        await stage.advance(0.1)
        stage.engine.epoch = 7
        await stage.want("release", epoch=1)
        await stage.until("Fenced")
        assert "Released" not in stage.story()


async def test_a_stream_that_is_away_stops_nothing(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        stage.engine.unreachable = True
        await stage.advance(4)
        assert [fact.what for fact in troubles(stage)] == ["cannot take snapshots: the stream does not answer"]
        await stage.advance(130)
        assert work.runs
        assert len(troubles(stage)) == 3  # at its beginning, and after each minute, not at each try
        assert "for 12" in troubles(stage)[-1].what
        assert not any(fact.fatal or fact.over for fact in troubles(stage))
        stage.engine.unreachable = False
        stage.engine.dirty = True
        await stage.advance(4)
        assert "Committed" in stage.story()
        assert troubles(stage)[-1].over
        assert "can take snapshots again, after" in troubles(stage)[-1].what


def troubles(stage: Stage) -> list[Troubled]:
    return [fact for fact in stage.facts if isinstance(fact, Troubled)]


async def test_nothing_wanted_stops_the_work_and_cleans_up(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        await stage.want(None)
        await stage.until_met(lambda: stage.supervisor.attempt is None)
        assert work.told == ["stop 2"]
        assert not (stage.settings.work_folder / "train").exists()


async def test_another_attempt_takes_the_place_of_the_first(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        await stage.want("prepare", attempt="train.2")
        await stage.until_met(lambda: stage.story().count("Prepared") == 2)
        assert not work.runs
        assert stage.supervisor.attempt == "train.2"


async def test_stop_before_the_work_began_releases_at_once(stage: Stage) -> None:
    async with stage.running():
        await stage.want("prepare")
        await stage.until("Prepared")
        stage.engine.unreachable = True
        await stage.want("run", epoch=1)
        await stage.advance(1)
        await stage.want("release", epoch=1)
        await stage.advance(1)
        assert stage.story()[-1] == "Released"
        assert stage.runtime.started == []


async def test_the_jobs_own_command_is_told_before_any_signal(stage: Stage) -> None:
    stage.runtime.codes["on_interrupt"] = 0
    async with stage.running():
        work = await stage.work(on_interrupt="kill -USR1 $KYC_PID")
        await stage.want("release", epoch=1, on_interrupt="kill -USR1 $KYC_PID")
        await stage.advance(1)
        (told,) = stage.runtime.named("on_interrupt")
        assert told.command.env["KYC_PID"] == str(work.pid)
        assert work.told == []  # it may take its grace
        work.end(0)
        await stage.until("Released")
        assert work.told == []


async def test_work_that_ignores_its_own_command_is_stopped_after_the_grace(stage: Stage) -> None:
    stage.runtime.codes["on_interrupt"] = 0
    async with stage.running():
        work = await stage.work(on_interrupt="true")
        await stage.want("release", epoch=1, on_interrupt="true")
        await stage.advance(9)
        assert work.told == []
        await stage.until("Released")
        assert work.told == ["stop 1"]


async def test_an_agent_begun_anew_does_not_start_the_work_again(tmp_path: Path) -> None:
    first = Stage(tmp_path)
    async with first.running():
        await first.work()
    again = Stage(tmp_path)
    async with again.running():
        await again.want("run", epoch=1)
        troubled = await again.until("Troubled")
        assert isinstance(troubled, Troubled)
        assert troubled.fatal
        assert again.runtime.started == []


async def test_an_agent_begun_anew_prepares_again(tmp_path: Path) -> None:
    first = Stage(tmp_path)
    async with first.running():
        await first.want("prepare")
        await first.until("Prepared")
    again = Stage(tmp_path)
    async with again.running():
        await again.work()


async def test_what_cannot_be_mended_ends_the_attempt(stage: Stage) -> None:
    stage.archives.failures = [UnreachableError("away"), DamagedDataError("not the right hash", next_step="Again.")]
    async with stage.running():
        await stage.want("prepare")
        troubled = await stage.until("Troubled")
        assert isinstance(troubled, Troubled)
        assert troubled.fatal
        assert (troubled.what, troubled.next_step) == ("not the right hash", "Again.")


async def test_a_snapshot_that_is_gone_is_not_tried_for_ever(stage: Stage) -> None:
    stage.engine.commit_elsewhere()
    stage.engine.gone = {1}
    async with stage.running():
        await stage.want("prepare")
        troubled = await stage.until("Troubled")
        assert isinstance(troubled, Troubled)
        assert troubled.fatal


@pytest.mark.parametrize("name", ["..", "a/b", ""])
async def test_a_name_that_leaves_the_folder_is_refused(stage: Stage, name: str) -> None:
    async with stage.running():
        await stage.want("prepare", workload=name)
        await stage.until("Troubled")
        await stage.want(None)
        await stage.until_met(lambda: stage.supervisor.attempt is None)


async def test_steps_are_told_as_ranges_and_none_is_skipped(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
        for step in range(1, 101):
            work.say(f"epoch {step}/100")
            await stage.clock.advance(0.02)
        await stage.advance(1)
        steps = [fact for fact in stage.facts if isinstance(fact, Progressed)]
        assert 2 <= len(steps) <= 10
        assert steps[0].first == 1
        assert all(later.first == earlier.step + 1 for earlier, later in itertools.pairwise(steps))
        assert (steps[-1].step, steps[-1].total) == (100, 100)


async def test_cancelled_the_agent_stops_its_work(stage: Stage) -> None:
    async with stage.running():
        work = await stage.work()
    assert not work.runs
