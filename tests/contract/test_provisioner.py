"""What ports.provisioner promises, on every engine that this machine has, and on the fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kyc.domain.errors import CapacityUnavailableError
from kyc.ports.provisioner import LogLine
from tests.contract.cloud_world import WORLDS, World, deployment, running, scripts, seen


@pytest.fixture(params=sorted(WORLDS))
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with WORLDS[request.param](tmp_path) as opened:
        yield opened


class Lines(list[LogLine]):
    """Collects what is printed."""

    async def __call__(self, line: LogLine) -> None:
        self.append(line)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self)


async def test_makes_exactly_these_instances_and_tells_of_each(world: World) -> None:
    lines = Lines()
    made = await world.provisioner.converge(deployment(world, "i-1", "i-2"), scripts("i-1", "i-2"), lines)
    there = await seen(world)
    assert {key: one.provider_id for key, one in there.items()} == dict(made.provider_ids)
    assert {key: one.address for key, one in there.items()} == dict(made.addresses)
    assert all(one.running and one.deployment_id == "d-1" and one.started_at for one in there.values())
    assert "i-1" in lines.text
    assert "i-2" in lines.text
    assert await world.provisioner.deployments() == {"d-1"}


async def test_the_same_call_again_changes_nothing(world: World) -> None:
    wanted, lines = deployment(world, "i-1"), Lines()
    first = await world.provisioner.converge(wanted, scripts("i-1"), lines)
    assert await world.provisioner.converge(wanted, scripts("i-1"), lines) == first
    assert len(await world.cloud.instances()) == 1


async def test_fewer_instances_end_only_the_others(world: World) -> None:
    wanted, lines = deployment(world, "i-1", "i-2"), Lines()
    made = await world.provisioner.converge(wanted, scripts("i-1", "i-2"), lines)
    left = await world.provisioner.converge(wanted, scripts("i-2"), lines)
    assert dict(left.provider_ids) == {"i-2": made.provider_ids[wanted.instance_ids[1]]}
    assert await running(world) == {"i-2"}


async def test_none_ends_all_and_removes_the_workspace(world: World) -> None:
    wanted, lines = deployment(world, "i-1"), Lines()
    await world.provisioner.converge(wanted, scripts("i-1"), lines)
    for _ in range(2):
        assert not (await world.provisioner.converge(wanted, {}, lines)).provider_ids
        assert await running(world) == set()
        assert await world.provisioner.deployments() == frozenset()


async def test_an_empty_pool_is_named_and_leaves_what_can_be_removed(world: World) -> None:
    wanted, lines = deployment(world, "i-1", "i-2"), Lines()
    await world.set_room(1)
    with pytest.raises(CapacityUnavailableError, match="InsufficientInstanceCapacity") as raised:
        await world.provisioner.converge(wanted, scripts("i-1", "i-2"), lines)
    assert raised.value.next_step
    assert any(line.level == "error" for line in lines)
    assert await world.provisioner.deployments() == {"d-1"}
    await world.provisioner.converge(wanted, {}, lines)
    assert await running(world) == set()
    assert await world.provisioner.deployments() == frozenset()


async def test_room_that_comes_back_is_used_by_the_next_call(world: World) -> None:
    wanted, lines = deployment(world, "i-1"), Lines()
    await world.set_room(0)
    with pytest.raises(CapacityUnavailableError):
        await world.provisioner.converge(wanted, scripts("i-1"), lines)
    await world.set_room(1)
    await world.provisioner.converge(wanted, scripts("i-1"), lines)
    assert await running(world) == {"i-1"}


async def test_an_instance_that_the_cloud_took_is_not_made_again(world: World) -> None:
    wanted, lines = deployment(world, "i-1"), Lines()
    made = await world.provisioner.converge(wanted, scripts("i-1"), lines)
    await world.cloud.interrupt(made.provider_ids[wanted.instance_ids[0]], notice_s=0)
    await world.provisioner.converge(wanted, scripts("i-1"), lines)
    assert await running(world) == set()
    await world.provisioner.converge(wanted, {}, lines)


async def test_calls_for_one_deployment_do_not_overlap(world: World) -> None:
    wanted, lines = deployment(world, "i-1"), Lines()
    await asyncio.gather(
        world.provisioner.converge(wanted, scripts("i-1"), lines),
        world.provisioner.converge(wanted, scripts("i-1"), lines),
        world.provisioner.converge(wanted, {}, lines),
    )
    assert await running(world) == set()
    assert len(await world.cloud.instances()) == 1


async def test_a_cancelled_call_leaves_what_the_next_one_removes(world: World) -> None:
    wanted, lines = deployment(world, "i-1"), Lines()
    begun = asyncio.Event()

    async def on_line(_line: LogLine) -> None:
        begun.set()
        await asyncio.sleep(3600)

    call = asyncio.create_task(world.provisioner.converge(wanted, scripts("i-1"), on_line))
    async with asyncio.timeout(8):
        await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await world.provisioner.deployments() == {"d-1"}
    await world.provisioner.converge(wanted, {}, lines)
    assert await running(world) == set()


async def test_user_data_is_in_no_line(world: World) -> None:
    lines, wanted = Lines(), deployment(world, "i-1")
    secret = "token-a8f3"
    await world.provisioner.converge(wanted, scripts("i-1", script=f"#!/bin/sh\n# {secret}\nexec sleep 1000\n"), lines)
    await world.provisioner.converge(wanted, {}, lines)
    assert lines
    assert secret not in lines.text
