"""When an interrupted instance tells its provider that it may be taken: only once nothing is left to save or to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kyc.agent.farewell import let_go
from kyc.agent.outbox import Outbox
from kyc.domain.errors import UnreachableError
from tests.unit.agent.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@asynccontextmanager
async def leaving(stage: Stage, outbox: Outbox) -> AsyncIterator[asyncio.Task[None]]:
    async with stage.running():
        task = asyncio.create_task(let_go(stage.watch, stage.supervisor, outbox))
        yield task
        task.cancel()


@pytest.fixture
def outbox(stage: Stage) -> Outbox:
    return Outbox(stage.settings.own_folder / "outbox")


async def test_it_is_acknowledged_once_the_work_is_flushed_and_the_master_has_heard(
    stage: Stage, outbox: Outbox
) -> None:
    async with leaving(stage, outbox) as task:
        await stage.work()
        stage.notice(in_s=30)
        await stage.advance(2)
        assert stage.notices.acknowledged == 0  # the work goes on
        outbox.tell(stage.facts[-1])
        await stage.want("release", epoch=1)
        await stage.until("Released")
        await stage.advance(1)
        assert stage.notices.acknowledged == 0  # nobody has heard
        outbox.acknowledge(outbox.last)
        await stage.until_met(task.done)
        assert stage.notices.acknowledged == 1
    outbox.close()


async def test_it_is_not_acknowledged_while_files_are_in_danger(stage: Stage, outbox: Outbox) -> None:
    async with leaving(stage, outbox) as task:
        await stage.work()
        stage.engine.dirty = True
        stage.engine.unreachable = True
        stage.notice(in_s=30)
        await stage.advance(2)
        await stage.want("release", epoch=1)
        await stage.until("Released")
        await stage.until_met(task.done)
        assert stage.notices.acknowledged == 0
    outbox.close()


async def test_an_instance_without_work_has_nothing_to_acknowledge(stage: Stage, outbox: Outbox) -> None:
    async with leaving(stage, outbox) as task:
        stage.notice(in_s=30)
        await stage.until_met(task.done)
        assert stage.notices.acknowledged == 0
    outbox.close()


async def test_an_acknowledgement_that_fails_harms_nothing(stage: Stage) -> None:
    stage.notices.failure = UnreachableError("no metadata service")
    await stage.watch.acknowledge()
