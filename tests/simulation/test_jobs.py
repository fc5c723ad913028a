"""Jobs through their whole lives, over the real control loops."""

from __future__ import annotations

from kyc.domain.errors import QuotaError
from kyc.domain.event import EventKind
from kyc.domain.instance import InstanceState
from kyc.domain.job import AttemptState, JobState
from tests.simulation.world import World, spec


async def test_a_job_runs_to_its_end_and_leaves_nothing() -> None:
    world = World()
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        job = await world.run_until_over(job.name)
        assert job.state is JobState.SUCCEEDED
        assert (job.attempts, job.interruptions, job.exit_code) == (1, 0, 0)
        assert world.cloud.running() == set()
        assert await world.leftovers() == []
        assert await world.provisioner.deployments() == frozenset()


async def test_a_notice_is_answered_before_the_instance_goes() -> None:
    world = World(steps_of_work=40)
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(8)
        old = await world.working_instance()
        await master.intents.interrupt(old.id, 30)
        job = await world.run_until_over(job.name)
        assert job.state is JobState.SUCCEEDED
        assert job.interruptions == 1
        steps = [step for _, _, step in world.work_done]
        assert steps == sorted(set(steps)), "a finished step was repeated"
        attempts = await world.store.attempts(workload=job.name)
        assert [a.state for a in attempts] == [AttemptState.RELEASED, AttemptState.EXITED]
        new = await world.store.instance(attempts[1].instance_id)
        assert new is not None
        assert new.offer.zone != old.offer.zone, "the pool that failed was chosen again"
        noticed, requested = [
            (await world.events(kind))[0].at for kind in (EventKind.INSTANCE_NOTICED, EventKind.REPLACEMENT_REQUESTED)
        ]
        assert (requested - noticed).total_seconds() <= 1
        assert world.cloud.running() == set()


async def test_a_notice_too_short_for_a_replacement_is_flushed_in_time() -> None:
    world = World(steps_of_work=40)
    world.provisioner.delay_s = 10
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(20)
        await master.intents.interrupt((await world.working_instance()).id, 4)
        job = await world.run_until_over(job.name)
        assert job.state is JobState.SUCCEEDED
        steps = [step for _, _, step in world.work_done]
        assert steps == sorted(set(steps))


async def test_a_death_without_notice_repeats_only_what_was_not_committed() -> None:
    world = World(steps_of_work=40)
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(9)
        await master.intents.interrupt((await world.working_instance()).id, 0)
        job = await world.run_until_over(job.name)
        assert job.state is JobState.SUCCEEDED
        assert len(world.work_done) - len({step for _, _, step in world.work_done}) <= 4
        assert world.log.steps[job.name] == 40


async def test_a_cut_off_attempt_is_replaced_and_fenced() -> None:
    world = World(steps_of_work=60)
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(8)
        agent = next(agent for agent in world.agents.values() if agent.working_epoch)
        agent.cut = True
        await agent.disconnect()
        job = await world.run_until_over(job.name)
        assert job.state is JobState.SUCCEEDED
        assert job.attempts == 2
        assert world.log.steps[job.name] == 60


async def test_access_that_cannot_be_granted_now_costs_time_and_nothing_else() -> None:
    world = World()
    async with world.running() as master:
        master.context.stream_host.away = True  # type: ignore[attr-defined]
        job = await master.intents.submit_job(spec())
        await world.run_for(60)
        [agent] = world.agents.values()
        instance = await world.store.instance(agent.instance_id)
        assert instance is not None
        assert instance.state is InstanceState.READY
        assert agent.assignment is None
        master.context.stream_host.away = False  # type: ignore[attr-defined]
        job = await world.run_until_over(job.name)
        assert (job.state, job.attempts) == (JobState.SUCCEEDED, 1)


async def test_an_empty_pool_is_passed_over() -> None:
    world = World()
    world.cloud.capacity = {offer.pool: 0 for offer in world.catalog.listed if offer.zone != "fake-c"}
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        job = await world.run_until_over(job.name)
        assert job.state is JobState.SUCCEEDED
        assert job.attempts == 3
        zones = [i.offer.zone for i in await world.store.instances()]
        assert zones == ["fake-a", "fake-b", "fake-c"]
        assert await world.provisioner.deployments() == frozenset()


async def test_a_quota_is_told_and_tried_again_later() -> None:
    world = World()
    world.provisioner.failures = [QuotaError("no more vCPUs", next_step="Ask for more.")]
    async with world.running() as master:
        job = await world.run_until_over((await master.intents.submit_job(spec())).name)
        assert job.state is JobState.SUCCEEDED
        assert [e.reason for e in await world.events(EventKind.DEPLOYMENT_FAILED)] == ["no more vCPUs"]


async def test_stopping_flushes_first() -> None:
    world = World(steps_of_work=1000)
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(9)
        await master.intents.stop(job.name)
        job = await world.run_until_over(job.name)
        assert job.state is JobState.STOPPED
        assert world.log.steps[job.name] == max(step for _, _, step in world.work_done)
        assert world.cloud.running() == set()


async def test_terminating_a_working_instance_hands_over() -> None:
    world = World(steps_of_work=40)
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(8)
        await master.intents.terminate((await world.working_instance()).id)
        job = await world.run_until_over(job.name)
        assert job.state is JobState.SUCCEEDED
        assert job.attempts == 2
        steps = [step for _, _, step in world.work_done]
        assert steps == sorted(set(steps))


async def test_bare_instances_come_and_go() -> None:
    world = World()
    async with world.running() as master:
        deployment = await master.intents.launch(None, 3)
        await world.run_for(5)
        assert len(world.cloud.running()) == 3
        first, *others = deployment.instance_ids
        await master.intents.terminate(first)
        await world.run_for(3)
        assert world.cloud.running() == set(others)
        for instance_id in others:
            await master.intents.terminate(instance_id)
        await world.run_for(5)
        assert world.cloud.running() == set()
        assert await world.provisioner.deployments() == frozenset()


async def test_a_restarted_master_goes_on_where_reality_stands() -> None:
    world = World(steps_of_work=60)
    world.provisioner.delay_s = 2
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(1)  # in the middle of the apply
        await world.kill_master()
        await world.run_for(3)
        await world.start_master()
        await world.run_for(10)
        await world.kill_master()
        await world.run_for(6)
        await world.start_master()
        job = await world.run_until_over(job.name)
        assert job.state is JobState.SUCCEEDED
        assert job.attempts == 1
        assert world.cloud.launches == 1


async def test_an_orphan_is_found_and_removed() -> None:
    world = World()
    async with world.running() as master:
        deployment = await master.intents.launch(None, 1)
        await world.run_for(4)
        world.store = type(world.store)()
        await world.kill_master()
        await world.start_master()
        await world.run_for(90)
        assert world.cloud.running() == set()
        kinds = [event.kind for event in await world.events()]
        assert kinds == [EventKind.ORPHAN_FOUND, EventKind.ORPHAN_REMOVED]
        assert deployment.instance_ids


async def test_a_stream_that_does_not_answer_holds_up_new_jobs_only_and_says_so() -> None:
    world = World(steps_of_work=40)
    async with world.running() as master:
        begun = await master.intents.submit_job(spec("zeta"))
        await world.run_for(8)
        world.stream.down = True
        new = await master.intents.submit_job(spec("alpha"))
        await world.run_for(2)
        await master.intents.interrupt((await world.working_instance()).id, 0)
        begun = await world.run_until_over(begun.name)
        assert begun.state is JobState.SUCCEEDED
        waiting = await world.job(new.name)
        assert (waiting.state, waiting.attempts) == (JobState.QUEUED, 0)
        assert waiting.reason == "its place in the stream cannot be made: the stream does not answer"
        (told,) = await world.events(EventKind.STREAM_TROUBLED)
        assert (told.subject, told.data) == (new.name, {"next_step": "Look at its server."})
        world.stream.down = False
        assert (await world.run_until_over(new.name)).state is JobState.SUCCEEDED


async def test_a_job_that_waits_for_a_stream_can_be_stopped() -> None:
    world = World()
    world.stream.down = True
    async with world.running() as master:
        job = await master.intents.submit_job(spec())
        await world.run_for(2)
        await master.intents.stop(job.name)
        assert (await world.run_until_over(job.name, at_most_s=5)).state is JobState.STOPPED
