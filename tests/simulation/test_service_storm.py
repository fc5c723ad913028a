"""Storms over a service: whatever happens, it comes back to what it should be, breaks no limit, and leaves nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc.domain.replica import ReplicaState
from kyc.domain.service import ServiceState
from tests.simulation.test_services import NAME, held, ready, rule, service_of, up, web
from tests.simulation.test_storm import calm, strike
from tests.simulation.world import World

pytestmark = pytest.mark.timeout(400)  # a shrinking failure takes long
FAULTS = (
    "notice",
    "short notice",
    "kill",
    "cut",
    "master",
    "capacity",
    "engine",
    "cloud",
    "edge",
    "crash",
    "load",
    "update",
)
storms = st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(1, 10)), max_size=8)
LEAST = 3


@given(storm=storms, seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_storm_ends_well(storm: list[tuple[str, int]], seed: int) -> None:
    world = World(seed=seed)
    spec = web(scaling=rule(min_replicas=LEAST, max_replicas=8, max_instances=4), max_per_instance=2)
    async with world.running() as master:
        await master.servings.submit(spec)
        await world.run_for(10)
        for fault, then_s in storm:
            await strike_service(world, fault)
            for _ in range(2 * then_s):
                await world.run_for(0.5)
                await check_limits(world)
        await calm(world)
        world.traffic.per_s[NAME] = 10
        await world.run_for(150)
        service = await service_of(world)
        assert service.state is ServiceState.RUNNING
        replicas = await world.store.replicas(workload=NAME, live_only=True)
        assert all(r.state is ReplicaState.READY and r.revision == service.revision for r in replicas), replicas
        assert len(replicas) == service.wanted_replicas >= LEAST
        assert up(world) == {replica.id for replica in replicas} == running(world)
        assert world.cloud.running() == set(await held(world))
        failed = world.traffic.failed
        await world.run_for(10)
        assert world.traffic.failed == failed, "requests fail although nothing happens"
        assert world.master is not None
        await world.master.servings.stop(NAME)
        await world.run_for(80)
        assert (await service_of(world)).state is ServiceState.STOPPED
        assert world.edge.services == {}
        assert world.cloud.running() == set()
        assert running(world) == set()
        assert await world.provisioner.deployments() == frozenset()


@given(loads=st.lists(st.tuples(st.integers(0, 120), st.integers(2, 20)), max_size=6), seed=st.integers(0, 2**16))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_by_its_own_doing_it_never_goes_below_the_minimum(loads: list[tuple[int, int]], seed: int) -> None:
    world = World(seed=seed)
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=LEAST)))
        await world.run_for(15)
        for number, (per_s, for_s) in enumerate(loads):
            world.traffic.per_s[NAME] = per_s
            if number == 2:
                await master.servings.submit(web(scaling=rule(min_replicas=LEAST), run=f"serve {number}"))
            for _ in range(2 * for_s):
                await world.run_for(0.5)
                assert len(up(world)) >= LEAST
                assert len(await ready(world)) >= LEAST
        assert world.traffic.failed == 0


async def strike_service(world: World, fault: str) -> None:
    """Let one fault happen now."""
    match fault:
        case "edge":
            world.edge.kill()
        case "crash":
            agents = [agent for agent in world.agents.values() if agent.replicas.answering()]
            if agents:
                agent = world.rng.choice(agents)
                agent.replicas.crash(world.rng.choice(sorted(agent.replicas.answering())))
        case "load":
            world.traffic.per_s[NAME] = world.rng.choice([0, 5, 40, 90])
        case "update":
            assert world.master is not None
            scaling = rule(min_replicas=LEAST, max_replicas=8, max_instances=4)
            run = f"serve {world.rng.random()}"
            await world.master.servings.submit(web(scaling=scaling, max_per_instance=2, run=run))
        case _:
            await strike(world, fault)


async def check_limits(world: World) -> None:
    """Never more instances than allowed, nor more replicas on one, but for the successors of an update."""
    living = await held(world)
    assert len(living) <= 4
    replicas = await world.store.replicas(workload=NAME, live_only=True)
    for instance_id in living:
        assert sum(r.instance_id == instance_id and r.replaces is None for r in replicas) <= 2


def running(world: World) -> set[str]:
    """The replicas of which a process runs somewhere."""
    return {name for agent in world.agents.values() for name in agent.replicas.running()}
