"""Storms of faults drawn by Hypothesis: the job ends right, nothing is lost, nothing runs on unknown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.domain.errors import CapacityUnavailableError, UnreachableError
from kyc.domain.job import JobState
from tests.simulation.world import World, spec

FAULTS = ("notice", "short notice", "kill", "cut", "master", "capacity", "engine", "cloud")
storms = st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(1, 12)), max_size=8)


@given(storm=storms, seed=st.integers(0, 2**16))
@settings(max_examples=40)
async def test_any_storm_ends_well(storm: list[tuple[str, int]], seed: int) -> None:
    world = World(seed=seed, steps_of_work=30)
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        for fault, then_s in storm:
            await strike(world, fault)
            await world.run_for(then_s)
        await calm(world)
        job = await world.run_until_over(job.name, at_most_s=900)
        await world.run_for(80)
        assert job.state is JobState.SUCCEEDED, job
        assert world.log.steps[job.name] == 30
        assert world.cloud.running() == set()
        assert await world.leftovers() == []
        assert await world.provisioner.deployments() == frozenset()


async def strike(world: World, fault: str) -> None:
    """Let one fault happen now."""
    running = sorted(world.cloud.running())
    victim = world.rng.choice(running) if running else None
    match fault:
        case "notice" | "short notice" | "kill" if victim is not None:
            notice_s = {"notice": 30.0, "short notice": 3.0, "kill": 0.0}[fault]
            failure, world.cloud.failure = world.cloud.failure, None  # the provider acts, whatever its API does
            await world.cloud.interrupt(world.cloud.machines[victim].seen.provider_id, notice_s=notice_s)
            world.cloud.failure = failure
        case "cut" if victim in world.agents:
            agent = world.agents[victim]
            agent.cut = not agent.cut
            await agent.disconnect()
        case "master":
            await world.kill_master()
            await world.start_master()
        case "capacity":
            world.provisioner.failures.append(CapacityUnavailableError("pool empty"))
        case "engine":
            world.provisioner.failures.append(UnreachableError("the engine broke off"))
            world.provisioner.fail_after = world.rng.choice([0, 1])
        case "cloud":
            world.cloud.failure = None if world.cloud.failure else UnreachableError("the cloud does not answer")
        case _:
            return


async def calm(world: World) -> None:
    """End every lasting fault."""
    world.cloud.failure = None
    for agent in world.agents.values():
        agent.cut = False
    if world.master is None:
        await world.start_master()
