"""What ports.cloud promises, on the fake and on the local cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kyc.adapters.local.cloud import LocalCloud
from kyc.domain.errors import NotFoundError, UnreachableError
from kyc.ports.provisioner import LogLine
from tests.contract.cloud_world import WORLDS, World, deployment, running, scripts, seen


@pytest.fixture(params=["fake", "terraform"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with WORLDS[request.param](tmp_path) as opened:
        yield opened


async def no_line(_line: LogLine) -> None:
    """Let it pass."""


async def launched(world: World, *ids: str) -> dict[str, str]:
    made = await world.provisioner.converge(deployment(world, *ids), scripts(*ids), no_line)
    return {str(key): value for key, value in made.provider_ids.items()}


async def test_nothing_runs_in_a_new_cloud(world: World) -> None:
    assert await world.cloud.instances() == []


async def test_without_notice_an_instance_is_dead_at_once(world: World) -> None:
    made = await launched(world, "i-1", "i-2")
    await world.cloud.interrupt(made["i-1"], notice_s=0)
    there = await seen(world)
    assert await running(world) == {"i-2"}
    assert there["i-1"].ended_at is not None
    assert there["i-1"].end_reason


async def test_with_notice_it_runs_until_the_deadline(world: World) -> None:
    made = await launched(world, "i-1")
    await world.cloud.interrupt(made["i-1"], notice_s=0.6)
    assert await running(world) == {"i-1"}
    await world.pass_s(0.9)
    assert await running(world) == set()


async def test_what_does_not_run_cannot_be_interrupted(world: World) -> None:
    with pytest.raises(NotFoundError):
        await world.cloud.interrupt("l-none", notice_s=1)
    made = await launched(world, "i-1")
    await world.cloud.interrupt(made["i-1"], notice_s=0)
    with pytest.raises(NotFoundError):
        await world.cloud.interrupt(made["i-1"], notice_s=0)


async def test_removing_ends_it_and_may_be_repeated(world: World) -> None:
    made = await launched(world, "i-1")
    for _ in range(2):
        await world.cloud.remove(made["i-1"])
        assert await running(world) == set()


async def test_a_cloud_that_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as raised:
        await LocalCloud(tmp_path).instances()
    assert raised.value.next_step
