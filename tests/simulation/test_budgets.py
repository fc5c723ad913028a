"""Budgets over the real control loops: warned, held, moved, flushed and stopped, and never overspent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from kyc.domain.budget import BudgetPeriod, BudgetStage
from kyc.domain.errors import NotFoundError, QuotaError
from kyc.domain.event import EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job, JobState
from kyc.domain.service import ReplicaSize, ScalingRule, Service, ServiceSpec, ServiceState, SignalKind, Target
from kyc.domain.workload import JobSpec
from kyc.planning.ledger import cost_of
from tests.simulation.world import Master, World, spec

ZERO = Decimal(0)
A_MINUTE = Decimal("0.030") / 60  # of the cheapest spot offer


def limited(budget: Decimal, name: str = "train") -> JobSpec:
    return replace(spec(name), budget_usd=budget)


async def spent(world: World) -> Decimal:
    return cost_of(await world.store.instances(), now=world.clock.now()).spent


async def ended(world: World, master: Master, budget: Decimal) -> Job:
    job = await master.intents.submit_job(limited(budget))
    return await world.run_until_over(job.name, at_most_s=1200)


async def test_a_job_ends_within_its_budget_with_its_files() -> None:
    world = World(steps_of_work=10_000)
    async with world.running() as master:
        job = await ended(world, master, 8 * A_MINUTE)
        assert job.state is JobState.STOPPED
        assert "are spent of the budget of train" in job.reason
        assert world.log.steps[job.name] == max(step for _, _, step in world.work_done), "it was not flushed"
        assert 6 * A_MINUTE <= await spent(world) <= 8 * A_MINUTE
        assert world.cloud.running() == set()
        kinds = (EventKind.BUDGET_WARNED, EventKind.BUDGET_HELD, EventKind.BUDGET_STOPPED)
        assert [event.kind for event in await world.events(*kinds)] == list(kinds)


async def test_a_budget_that_is_enough_changes_nothing() -> None:
    world = World(steps_of_work=60)
    async with world.running() as master:
        job = await ended(world, master, 100 * A_MINUTE)
        assert job.state is JobState.SUCCEEDED
        assert await world.events(EventKind.BUDGET_WARNED) == []


async def test_a_budget_of_nothing_buys_nothing() -> None:
    world = World()
    async with world.running() as master:
        job = await ended(world, master, ZERO)
        assert job.state is JobState.STOPPED
        assert world.cloud.launches == 0
        assert world.provisioner.calls == []


async def test_a_held_job_is_not_replaced_and_says_why() -> None:
    world = World(steps_of_work=10_000)
    async with world.running() as master:
        job = await master.intents.submit_job(limited(20 * A_MINUTE))
        while not await world.events(EventKind.BUDGET_HELD):
            await world.run_for(5)
        await master.intents.interrupt((await world.working_instance()).id, 0)
        await world.run_for(60)
        job = await world.job(job.name)
        assert world.cloud.running() == set()
        assert job.state is JobState.MIGRATING
        assert "nothing more is bought" in job.reason
        await master.budgets.set(job.name, 200 * A_MINUTE)
        await world.run_for(20)
        assert (await world.job(job.name)).state is JobState.RUNNING
        assert len(await world.events(EventKind.BUDGET_WARNED)) == 1


async def test_tight_money_moves_to_something_cheaper_that_pays() -> None:
    world = World(steps_of_work=10_000)
    dear = [offer for offer in world.catalog.listed if offer.purchase == "on_demand"]
    cheap = world.catalog.listed
    world.catalog.listed = tuple(dear)
    minute = Decimal("0.10") / 60
    async with world.running() as master:
        job = await master.intents.submit_job(limited(60 * minute))
        await world.run_for(20)
        world.catalog.listed = cheap
        first = await world.working_instance()
        while not (steered := await world.events(EventKind.JOB_STEERED)):
            await world.run_for(10)
        await world.run_for(20)
        second = await world.working_instance()
        assert (first.offer.purchase, second.offer.purchase) == ("on_demand", "spot")
        assert "costs $0.030/h in place of $0.10/h" in steered[0].reason
        steps = [step for _, _, step in world.work_done]
        assert steps == sorted(set(steps)), "a step was repeated by the move"
        job = await world.run_until_over(job.name, at_most_s=1200)
        assert (job.state, job.interruptions) == (JobState.STOPPED, 0)
        assert await spent(world) <= 60 * minute
        assert len(await world.events(EventKind.JOB_STEERED)) == 1


async def test_a_budget_of_a_period_stops_what_runs_and_lets_the_rest_wait() -> None:
    world = World(steps_of_work=10_000)
    async with world.running() as master:
        await master.budgets.set("total", 20 * A_MINUTE)
        running = await master.intents.submit_job(spec())
        bare = (await master.intents.launch(None, 1)).instance_ids[0]
        job = await world.run_until_over(running.name, at_most_s=1200)
        assert job.state is JobState.STOPPED
        assert "of the total budget" in job.reason
        ended_bare = await world.store.instance(bare)
        assert ended_bare is not None
        assert ended_bare.is_over
        with pytest.raises(QuotaError, match="nothing more is bought"):
            await master.intents.launch(None, 1)
        waiting = await master.intents.submit_job(spec("later"))
        await world.run_for(20)
        assert (await world.job(waiting.name)).state is JobState.QUEUED
        assert await spent(world) <= 20 * A_MINUTE
        assert world.cloud.running() == set()
        await master.budgets.remove("total")
        await world.run_for(20)
        assert (await world.job(waiting.name)).state is JobState.RUNNING


async def test_a_new_day_is_a_new_budget() -> None:
    world = World(steps_of_work=10_000)
    async with world.running() as master:
        await master.budgets.set("day", ZERO)
        job = await master.intents.submit_job(spec())
        await world.run_for(5)
        assert world.cloud.launches == 0
        await master.budgets.set("day", 30 * A_MINUTE)
        await world.run_for(30)
        day = await world.store.budget(BudgetPeriod.DAY)
        assert day is not None
        assert (day.stage, day.stage_of) == (BudgetStage.OPEN, "2026-01-01")
        assert (await world.job(job.name)).state is JobState.RUNNING


async def test_unknown_scopes() -> None:
    world = World()
    async with world.running() as master:
        with pytest.raises(NotFoundError):
            await master.budgets.set("nobody", Decimal(1))
        with pytest.raises(NotFoundError):
            await master.budgets.remove("month")
        assert await world.store.job(WorkloadName("nobody")) is None


WEB = WorkloadName("web")


def served(budget: Decimal | None) -> ServiceSpec:
    """A service that its load has grow to three instances."""
    target = Target(kind=SignalKind.REQUESTS, per_replica=10)
    return ServiceSpec(
        name=WEB,
        run="serve",
        port=0,
        scaling=ScalingRule(min_replicas=1, max_replicas=6, targets=(target,)),
        size=ReplicaSize(cpus=0.5),
        drain_grace=timedelta(seconds=2),
        budget_usd=budget,
    )


async def web(world: World) -> Service:
    service = await world.store.service(WEB)
    assert service is not None
    return service


async def test_a_service_ends_within_its_budget() -> None:
    world = World()
    async with world.running() as master:
        service = await master.servings.submit(served(6 * A_MINUTE))
        world.traffic.per_s[WEB] = 50
        while not service.is_over:
            await world.run_for(5)
            service = await web(world)
            assert world.clock.monotonic_s() < 3600, "it goes on for ever"
        assert service.state is ServiceState.STOPPED
        assert "are spent of the budget of web" in service.reason
        assert await spent(world) <= 6 * A_MINUTE
        assert world.cloud.running() == set()
        kinds = (EventKind.BUDGET_WARNED, EventKind.BUDGET_HELD, EventKind.BUDGET_STOPPED)
        assert [event.kind for event in await world.events(*kinds)] == list(kinds)


async def test_a_service_keeps_to_its_fewest_replicas_when_money_is_nearly_spent() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(served(Decimal(100)))
        world.traffic.per_s[WEB] = 50
        await world.run_for(20)
        service = await web(world)
        assert service.wanted_replicas >= 4, "it never grew, so that there is nothing to save"
        await world.store.save(replace(service, budget_stage=BudgetStage.ECONOMISING))
        await world.run_for(20)
        service = await web(world)
        assert (service.state, service.wanted_replicas) == (ServiceState.RUNNING, 1)
        told = (await world.events(EventKind.SERVICE_SCALED))[-1]
        assert "of the budget of web, so it keeps to its fewest replicas" in told.reason
        await master.budgets.set("web", Decimal(200))
        await world.run_for(10)
        assert (await web(world)).wanted_replicas >= 4, "a raised limit lets it grow again"


async def test_the_budget_of_a_service_is_set_and_removed_while_it_runs() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(served(None))
        await world.run_for(15)
        await master.budgets.set("web", Decimal(100))
        assert (await master.budgets.meters())["web"].limit_usd == 100
        await world.run_for(10)
        service = await web(world)
        assert (service.state, service.frugal) == (ServiceState.RUNNING, "")
        await master.budgets.remove("web")
        assert await master.budgets.meters() == {}
