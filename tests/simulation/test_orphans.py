"""A master that is killed at any step between intent, apply and record leaves nothing running that nobody knows.

The cloud is as forgetful as real ones are: an id that is launched again is another machine. Terraform's state knows of
an instance only a while after the cloud has made it, so that a kill in between loses it.
"""

from __future__ import annotations

import pytest

from kyc.domain.event import EventKind
from kyc.domain.ids import InstanceId
from kyc.domain.instance import BILLED
from tests.simulation.world import World

DELAY_S, STEP_S, NOTE_S = 0.4, 0.3, 0.3
# In tenths of a second from the wish: stored; the run begun; nothing made; one made, not noted; one noted; the second
# made, not noted; all noted, the run not ended; recorded.
STEPS = range(1, 24, 2)


async def killed_at(world: World, tenths: int) -> None:
    world.cloud.forgetful = True
    world.provisioner.delay_s, world.provisioner.step_delay_s = DELAY_S, STEP_S
    world.provisioner.note_delay_s = NOTE_S
    assert world.master is not None
    await world.master.intents.launch(None, 2)
    await world.run_for(tenths / 10)
    await world.kill_master()


def bills(world: World) -> set[str]:
    """Return the provider ids of what costs money, whether somebody knows it or not."""
    everything = (*world.cloud.machines.values(), *world.cloud.strays.values())
    return {machine.seen.provider_id for machine in everything if machine.seen.running}


@pytest.mark.parametrize("tenths", STEPS)
async def test_what_runs_is_what_is_known(tenths: int) -> None:
    world = World()
    async with world.running():
        await killed_at(world, tenths)
        await world.start_master()
        await world.run_for(80)
        known = {one.provider_id for one in await world.store.instances() if one.state in BILLED}
        assert bills(world) == known
        assert len(known) == 2
        assert world.master is not None
        for one in await world.store.instances(live_only=True):
            await world.master.intents.terminate(InstanceId(one.id))
        await world.run_for(10)
        assert bills(world) == set()
        assert await world.provisioner.deployments() == frozenset()


@pytest.mark.parametrize("tenths", STEPS)
async def test_even_a_lost_database_leaves_nothing(tenths: int) -> None:
    world = World()
    async with world.running():
        await killed_at(world, tenths)
        world.store = type(world.store)()
        await world.start_master()
        await world.run_for(80)
        assert bills(world) == set()
        events = await world.store.events_after(0, limit=10_000)
        found = [one.subject for one in events if one.kind is EventKind.ORPHAN_FOUND]
        removed = [one.subject for one in events if one.kind is EventKind.ORPHAN_REMOVED]
        assert sorted(found) == sorted(removed)
        assert set(found) == {machine.seen.provider_id for machine in world.cloud.machines.values()}
