"""Jobs with a deadline over the real control loops, while spot capacity comes and goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.domain.course import Learned
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job, JobState
from kyc.domain.offer import Purchase
from kyc.domain.workload import JobSpec
from kyc.planning.availability import Belief
from kyc.planning.ledger import cost_of
from tests.simulation.world import Master, World, spec

STEP_S = 0.5  # what the simulated agents take


def dated(seconds: float, *, progress: bool = True) -> JobSpec:
    pattern = r"step (?P<step>\d+)/(?P<total>\d+)" if progress else ""
    return replace(spec(), deadline=timedelta(seconds=seconds), progress=pattern)


def world_of(work_s: float, *, seed: int = 1) -> World:
    world = World(seed=seed, steps_of_work=round(work_s / STEP_S))
    world.prints_steps = True
    return world


async def vanish(world: World, notice_s: float) -> None:
    """Take all spot capacity away: what runs is interrupted, and nothing new is sold."""
    world.cloud.without_spot = {offer.pool for offer in world.catalog.listed}
    for instance in await world.store.instances(live_only=True):
        machine = world.cloud.machines.get(instance.id)
        if instance.offer.purchase is Purchase.SPOT and machine is not None and machine.seen.running:
            await world.cloud.interrupt(machine.seen.provider_id, notice_s=notice_s)


async def steered(world: World) -> list[Event]:
    return await world.events(EventKind.JOB_STEERED)


def was_in_time(job: Job) -> bool:
    return job.ended_at is not None and job.deadline_at is not None and job.ended_at <= job.deadline_at


async def until(world: World, name: WorkloadName, purchase: Purchase) -> None:
    """Let the world live until the job works on that kind."""
    for _ in range(600):
        await world.run_for(1)
        working = [i for i, agent in world.agents.items() if agent.working_epoch]
        instance = await world.store.instance(working[0]) if working else None
        if instance is not None and instance.offer.purchase is purchase:
            return
    raise AssertionError(
        f"{name} never worked on {purchase}: {[(e.at, e.data, e.reason) for e in await steered(world)]}"
    )


async def start(world: World, master: Master, seconds: float) -> Job:
    return await master.intents.submit_job(dated(seconds))


async def test_slack_is_used_for_spot_and_the_switch_says_its_numbers() -> None:
    world = world_of(200)
    async with world.running() as master:
        job = await start(world, master, 3000)
        await until(world, job.name, Purchase.SPOT)
        first, second, *_ = await steered(world)
        assert (first.data["to"], second.data["to"]) == ("on_demand", "spot")
        assert "is not known (it has not printed a step yet)" in first.reason
        assert "least expected cost to finish: " in second.reason
        assert "spot $" in second.reason
        assert second.data["work_left_s"] > 100  # type: ignore[operator]
        assert second.data["overhead_samples"] == 1
        job = await world.run_until_over(job.name, at_most_s=3000)
        assert job.state is JobState.SUCCEEDED
        assert was_in_time(job)
        steps = [step for _, _, step in world.work_done]
        assert steps == sorted(set(steps)), "the move repeated a step"
        assert job.interruptions == 0


@pytest.mark.parametrize("notice_s", [0.0, 30.0])
@pytest.mark.parametrize("seed", [1, 2])
async def test_spot_that_vanishes_does_not_cost_the_deadline(notice_s: float, seed: int) -> None:
    world = world_of(240, seed=seed)
    async with world.running() as master:
        job = await start(world, master, 700)
        await until(world, job.name, Purchase.SPOT)
        await world.run_for(20 + 10 * seed)
        await vanish(world, notice_s)
        job = await world.run_until_over(job.name, at_most_s=1200)
        assert job.state is JobState.SUCCEEDED
        assert was_in_time(job), (job, [(e.data, e.reason) for e in await steered(world)])
        assert world.cloud.running() == set()


async def test_spot_that_comes_and_goes_is_used_in_time_and_cheaper_than_on_demand() -> None:
    world = world_of(300)
    async with world.running() as master:
        job = await start(world, master, 1500)
        for _ in range(12):
            await vanish(world, 10)
            await world.run_for(40)
            world.cloud.without_spot = set()
            await world.run_for(60)
        job = await world.run_until_over(job.name, at_most_s=1500)
        assert was_in_time(job), [(e.data, e.reason) for e in await steered(world)]
        spent = cost_of(await world.store.instances(), now=world.clock.now()).spent
        assert spent < Decimal("0.10") * 300 / 3600


async def test_a_deadline_without_slack_is_met_on_demand() -> None:
    world = world_of(240)
    async with world.running() as master:
        job = await start(world, master, 280)
        job = await world.run_until_over(job.name, at_most_s=600)
        assert was_in_time(job)
        assert {i.offer.purchase for i in await world.store.instances()} == {Purchase.ON_DEMAND}


async def test_without_steps_the_safe_policy_runs_on_demand_and_says_why() -> None:
    world = World(steps_of_work=60)
    async with world.running() as master:
        job = await master.intents.submit_job(dated(3600, progress=False))
        job = await world.run_until_over(job.name)
        assert was_in_time(job)
        [instance] = await world.store.instances()
        assert instance.offer.purchase is Purchase.ON_DEMAND
        assert "the file has no `progress:`" in job.course.reason


async def test_a_deadline_that_has_passed_is_told_and_the_job_goes_on() -> None:
    world = world_of(60)
    async with world.running() as master:
        job = await start(world, master, 5)
        job = await world.run_until_over(job.name, at_most_s=900)
        assert job.state is JobState.SUCCEEDED
        assert not was_in_time(job)
        [missed] = await world.events(EventKind.DEADLINE_MISSED)
        assert missed.subject == job.name


async def test_all_zones_down_waits_with_a_reason_and_finishes_when_one_is_back() -> None:
    world = world_of(60)
    listed = world.catalog.listed
    world.catalog.listed = ()
    async with world.running() as master:
        job = await start(world, master, 2000)
        await world.run_for(60)
        job = await world.job(job.name)
        assert job.state is JobState.QUEUED
        assert job.reason == "no offer meets the requirements now"
        world.catalog.listed = listed
        job = await world.run_until_over(job.name, at_most_s=2000)
        assert was_in_time(job)


async def test_a_budget_of_nothing_wins_over_any_deadline() -> None:
    world = world_of(60)
    async with world.running() as master:
        job = await master.intents.submit_job(replace(dated(2000), budget_usd=Decimal(0)))
        job = await world.run_until_over(job.name)
        assert job.state is JobState.STOPPED
        assert world.cloud.launches == 0


async def test_on_demand_that_is_refused_everywhere_falls_back_to_spot() -> None:
    world = World(steps_of_work=120)
    world.catalog.listed = tuple(o for o in world.catalog.listed if o.purchase is Purchase.SPOT)
    async with world.running() as master:
        job = await master.intents.submit_job(dated(300, progress=False))
        job = await world.run_until_over(job.name, at_most_s=900)
        assert job.state is JobState.SUCCEEDED
        assert "no on-demand capacity can be had" in job.course.reason


storms = st.lists(
    st.tuples(st.sampled_from(["gone", "gone with notice", "back", "master"]), st.integers(5, 60)), max_size=12
)


@given(storm=storms, seed=st.integers(0, 2**16), spare_s=st.integers(0, 900))
@settings(max_examples=15)
async def test_no_storm_of_spot_costs_a_deadline_that_on_demand_meets(
    storm: list[tuple[str, int]], seed: int, spare_s: int
) -> None:
    world = world_of(150, seed=seed)
    async with world.running() as master:
        job = await start(world, master, 500 + spare_s)
        for what, then_s in storm:
            match what:
                case "back":
                    world.cloud.without_spot = set()
                case "master":
                    await world.kill_master()
                    await world.start_master()
                case _:
                    await vanish(world, 0 if what == "gone" else 20)
            await world.run_for(then_s)
        job = await world.run_until_over(job.name, at_most_s=2500)
        assert job.state is JobState.SUCCEEDED
        assert was_in_time(job), (job, [(e.at, e.data, e.reason) for e in await steered(world)])
        assert world.cloud.running() == set()


async def test_a_restarted_master_keeps_the_course() -> None:
    world = world_of(240)
    async with world.running() as master:
        job = await start(world, master, 900)
        await until(world, job.name, Purchase.SPOT)
        await world.kill_master()
        await vanish(world, 0)
        await world.run_for(20)
        await world.start_master()
        job = await world.run_until_over(job.name, at_most_s=1200)
        assert was_in_time(job), [(e.data, e.reason) for e in await steered(world)]


async def test_what_was_learned_of_spot_survives_a_killed_master(monkeypatch: pytest.MonkeyPatch) -> None:
    recalled: list[Learned] = []
    recall = Belief.recall

    def noted(belief: Belief, learned: Learned) -> bool:
        recalled.append(learned)
        return recall(belief, learned)

    monkeypatch.setattr(Belief, "recall", noted)
    world = world_of(240)
    async with world.running() as master:
        job = await start(world, master, 900)
        await until(world, job.name, Purchase.SPOT)
        await world.run_for(60)
        before = await world.store.job(job.name)
        assert before is not None
        assert before.learned is not None
        assert before.learned.age_s > 30
        assert recalled == []  # as long as the master lives its policy remembers by itself
        await world.kill_master()
        await world.start_master()
        job = await world.run_until_over(job.name, at_most_s=1200)
    assert before.learned in recalled
    assert was_in_time(job)
