"""Services on the real control loops: they come up, follow the load, survive what providers do, and leave nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kyc.domain.errors import UnreachableError
from kyc.domain.event import EventKind
from kyc.domain.ids import InstanceId, WorkloadName
from kyc.domain.instance import InstanceState
from kyc.domain.offer import Purchase
from kyc.domain.replica import ReplicaState
from kyc.domain.service import (
    ReplicaMetric,
    ReplicaSize,
    ScalingPolicy,
    ScalingRule,
    Service,
    ServiceSpec,
    ServiceState,
    SignalKind,
    SpotRule,
    Target,
    ThresholdRule,
    WorthRule,
)
from kyc.planning.release import NOTICE_S
from tests.simulation.world import World

NAME = WorkloadName("web")
TARGET = Target(kind=SignalKind.REQUESTS, per_replica=10)


def rule(**changes: object) -> ScalingRule:
    usual = ScalingRule(
        min_replicas=2, max_replicas=12, targets=(TARGET,), worth=WorthRule(memory=timedelta(seconds=20))
    )
    return replace(usual, **changes)


def web(**changes: object) -> ServiceSpec:
    """A service of which two replicas share an instance."""
    usual = ServiceSpec(
        name=NAME,
        run="serve",
        port=0,
        scaling=rule(),
        size=ReplicaSize(cpus=0.5),
        drain_grace=timedelta(seconds=3),
    )
    return replace(usual, **changes)


async def service_of(world: World) -> Service:
    service = await world.store.service(NAME)
    assert service is not None
    return service


async def ready(world: World) -> list[str]:
    replicas = await world.store.replicas(workload=NAME, live_only=True)
    return [replica.id for replica in replicas if replica.state is ReplicaState.READY]


async def held(world: World) -> list[InstanceId]:
    instances = await world.store.instances(workload=NAME, live_only=True)
    return [i.id for i in instances if i.state in {InstanceState.READY, InstanceState.BOOTING}]


def up(world: World) -> set[str]:
    service = world.edge.services.get(NAME)
    return set() if service is None else {e.endpoint.replica_id for e in service.endpoints if e.state.value == "up"}


async def test_it_comes_up_follows_the_load_and_gives_back() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web())
        await world.run_for(15)
        assert (await service_of(world)).state is ServiceState.RUNNING
        assert len(await ready(world)) == 2
        assert len(await held(world)) == 1
        world.traffic.per_s[NAME] = 75
        await world.run_for(40)
        assert len(await ready(world)) >= 8
        assert len(await held(world)) >= 4
        world.traffic.per_s[NAME] = 5
        await world.run_for(120)
        assert len(await ready(world)) == 2
        assert len(await held(world)) == 1
        assert world.traffic.failed == 0
        scaled = await world.events(EventKind.SERVICE_SCALED)
        assert all(event.reason and event.data["cause"] for event in scaled)
        assert len(scaled) < 20, "it flaps"


async def test_it_follows_a_figure_of_the_replicas_own_and_holds_while_that_is_missing() -> None:
    world = World()
    metric = ReplicaMetric(path="/metrics", name="backlog")
    own = Target(kind=SignalKind.CUSTOM, per_replica=10, metric=metric)
    async with world.running() as master:
        world.traffic.backlog = 5
        await master.servings.submit(web(scaling=rule(targets=(TARGET, own))))
        await world.run_for(15)
        assert len(await ready(world)) == 2
        world.traffic.backlog = 75
        await world.run_for(40)
        grown = len(await ready(world))
        assert grown >= 8
        told = (await world.events(EventKind.SERVICE_SCALED))[-1].data["signals"]
        assert isinstance(told, dict)
        assert 74 < told["backlog"] < 160, "seen, before and while replicas come"
        world.traffic.backlog = None
        await world.run_for(120)
        assert len(await ready(world)) == grown, "the other signal asks for less, and is not enough to go by"
        assert "signal is missing" in (await service_of(world)).reason
        world.traffic.backlog = 5
        await world.run_for(120)
        assert len(await ready(world)) == 2
        assert (await service_of(world)).reason == ""


async def test_a_port_that_is_taken_is_tried_again() -> None:
    world = World()
    world.edge.taken.add(8080)
    async with world.running() as master:
        await master.servings.submit(web())
        await world.run_for(15)
        assert world.edge.services == {}
        refused = await world.events(EventKind.EDGE_UPDATED)
        told = [event.subject for event in refused if event.data.get("refused")]
        assert told == [NAME], "told once, of the service that it is about"
        assert len(await ready(world)) == 2
        assert await world.events(EventKind.SERVICE_READY) == []
        waiting = await service_of(world)
        assert (waiting.state, waiting.reason) == (ServiceState.STARTING, "port 8080 is taken")
        await world.run_for(5)
        assert (await service_of(world)).version == waiting.version, "nothing is written while nothing changes"
        world.edge.taken.clear()
        await world.run_for(2)
        assert len(up(world)) == 2
        assert len(await world.events(EventKind.SERVICE_READY)) == 1
        assert (await service_of(world)).state is ServiceState.RUNNING
        await world.run_for(40)
        assert (await service_of(world)).reason == ""


async def test_stopping_leaves_nothing() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web())
        await world.run_for(15)
        await master.servings.stop(NAME)
        await world.run_for(20)
        assert (await service_of(world)).state is ServiceState.STOPPED
        assert world.edge.services == {}
        assert world.cloud.running() == set()
        assert await world.leftovers() == []


async def test_a_notice_drains_at_once_and_buys_the_replacement() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=4)))
        await world.run_for(15)
        world.traffic.per_s[NAME] = 20
        await world.run_for(3)
        [victim, _] = await held(world)
        await world.cloud.interrupt(world.cloud.machines[victim].seen.provider_id, notice_s=30)
        await world.run_for(1)
        instances = {r.id: r.instance_id for r in await world.store.replicas(workload=NAME)}
        assert victim not in {instances[name] for name in up(world)}
        requested = await world.events(EventKind.REPLACEMENT_REQUESTED)
        assert [event.data["replaces"] for event in requested] == [victim]
        await world.run_for(25)
        assert len(await ready(world)) == 4
        assert victim not in await held(world)
        assert world.traffic.failed == 0


@pytest.mark.parametrize("pays", [True, False])
async def test_a_recommendation_is_followed_only_if_that_pays(pays: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It pays where a replacement takes longer than a notice gives; it serves before the old one goes."""
    world = World()
    world.boot_s = 40.0
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=4)))
        await world.run_for(60)
        world.traffic.per_s[NAME] = 30
        await world.run_for(60)
        victim, other = await held(world)
        monkeypatch.setitem(NOTICE_S, world.cloud.machines[victim].pool.cloud, 5.0 if pays else 120.0)
        world.cloud.recommend_rebalance(victim)
        for _ in range(140):
            await world.run_for(0.5)
            assert len(up(world)) >= 4, "the old one serves until its replacement does"
        [weighed] = await world.events(EventKind.INSTANCE_WEIGHED)
        assert (weighed.data["instance"], weighed.data["replaced"]) == (victim, pays)
        staying, going = weighed.data["staying_usd"], weighed.data["going_usd"]
        assert isinstance(staying, float)
        assert isinstance(going, float)
        assert (staying > going) is pays
        now_held = await held(world)
        assert (victim in now_held) is not pays
        assert other in now_held
        assert len(now_held) == 2
        pools = {i.id: i.offer.pool for i in await world.store.instances(workload=NAME)}
        assert all(pools[name] != pools[victim] for name in now_held if name not in {victim, other})
        assert len(pools) == 2 + pays, "bought once"
        assert len(await ready(world)) == 4
        assert world.traffic.failed == 0


async def test_the_only_replica_serves_on_until_its_successor_is_ready() -> None:
    world = World()
    spec = web(scaling=rule(min_replicas=1, max_replicas=1), max_per_instance=1)
    async with world.running() as master:
        await master.servings.submit(spec)
        await world.run_for(15)
        world.traffic.per_s[NAME] = 5
        await world.run_for(3)
        [victim] = await held(world)
        await world.cloud.interrupt(world.cloud.machines[victim].seen.provider_id, notice_s=30)
        for _ in range(40):
            await world.run_for(0.5)
            assert up(world), "nobody gets requests"
        assert world.traffic.failed == 0
        assert world.traffic.waiting == {}
        assert victim not in await held(world)


async def test_a_killed_instance_is_replaced() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=4)))
        await world.run_for(15)
        [victim, _] = await held(world)
        world.cloud.end(victim, reason="taken")
        await world.run_for(20)
        assert len(await ready(world)) == 4
        assert victim not in await held(world)


async def test_scales_to_zero_and_back_while_requests_wait() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=0)))
        await world.run_for(10)
        assert await held(world) == []
        world.traffic.per_s[NAME] = 4
        await world.run_for(15)
        assert await ready(world)
        assert world.traffic.failed == 0
        assert world.traffic.served > 40
        assert world.traffic.waiting == {}
        world.traffic.per_s[NAME] = 0
        await world.run_for(120)
        assert await held(world) == []


async def test_an_update_replaces_all_without_going_below_the_minimum() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=4)))
        await world.run_for(15)
        world.traffic.per_s[NAME] = 20
        await world.run_for(3)
        before = set(await ready(world))
        updated = await master.servings.submit(web(scaling=rule(min_replicas=4), run="serve better"))
        assert updated.revision == 2
        for _ in range(80):
            await world.run_for(0.5)
            assert len(up(world)) >= 4
        after = set(await ready(world))
        assert len(after) == 4
        assert not before & after
        assert world.traffic.failed == 0


async def test_a_broken_update_replaces_nobody() -> None:
    world = World()
    world.broken.add("web@2")
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=4)))
        await world.run_for(15)
        before = set(await ready(world))
        await master.servings.submit(web(scaling=rule(min_replicas=4), run="serve badly"))
        await world.run_for(60)
        assert set(await ready(world)) == before
        assert (await service_of(world)).state is ServiceState.RUNNING
        assert "never got ready" in (await service_of(world)).reason


async def test_a_service_that_never_comes_up_fails_and_leaves_nothing() -> None:
    world = World()
    world.broken.add("web@1")
    async with world.running() as master:
        await master.servings.submit(web())
        await world.run_for(90)
        service = await service_of(world)
        assert service.state is ServiceState.FAILED
        assert "ended with code 1" in service.reason
        assert world.cloud.running() == set()


async def test_a_silent_instance_leaves_the_edge_after_five_seconds() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=4)))
        await world.run_for(15)
        [silent, _] = await held(world)
        world.agents[silent].cut = True
        await world.agents[silent].disconnect()
        await world.run_for(4)
        assert len(up(world)) == 4
        await world.run_for(3)
        assert len(up(world)) == 2
        world.agents[silent].cut = False
        await world.run_for(3)
        assert len(up(world)) == 4


async def test_a_broken_signal_holds() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web())
        world.traffic.per_s[NAME] = 75
        await world.run_for(40)
        before = await ready(world)
        world.edge.running = False
        world.traffic.per_s[NAME] = 0

        async def refuses() -> bool:
            raise UnreachableError("gone")

        world.edge.ensure = refuses  # type: ignore[method-assign]
        await world.run_for(60)
        assert await ready(world) == before
        assert "signal is missing" in (await service_of(world)).reason


async def test_a_new_master_finds_everything_again() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(min_replicas=4)))
        await world.run_for(15)
        world.traffic.per_s[NAME] = 20
        await world.run_for(3)
        before = await ready(world)
        await world.kill_master()
        for _ in range(10):
            for agent in world.agents.values():
                await agent.live()
            world.traffic.flow(0.5, world.answering())
            await world.clock.advance(0.5)
        await world.start_master()
        await world.run_for(20)
        assert await ready(world) == before
        assert len(up(world)) == 4
        assert world.traffic.failed == 0


async def test_limits_are_never_exceeded() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(max_instances=3), max_per_instance=2))
        world.traffic.per_s[NAME] = 500
        for _ in range(80):
            await world.run_for(0.5)
            living = await held(world)
            assert len(living) <= 3
            replicas = await world.store.replicas(workload=NAME, live_only=True)
            assert all(sum(r.instance_id == i for r in replicas) <= 2 for i in living)
        assert len(await ready(world)) == 6


async def test_the_rules_of_the_original_can_be_chosen() -> None:
    world = World()
    scaling = rule(min_replicas=1, policy=ScalingPolicy.THRESHOLD, targets=(), max_instances=3)
    quick = ThresholdRule(boot_grace=timedelta(0), sustain=timedelta(seconds=2))
    async with world.running() as master:
        await master.servings.submit(
            web(scaling=replace(scaling, threshold=quick), max_per_instance=3, size=ReplicaSize())
        )
        await world.run_for(40)  # each simulated instance says that half of its CPU is in use
        assert len(await held(world)) == 1
        assert len(await ready(world)) == 2  # above 30 %, not above 60 %


async def test_the_boot_of_an_instance_is_no_load() -> None:
    world = World()
    rules = ThresholdRule(boot_grace=timedelta(seconds=60), sustain=timedelta(seconds=2))
    scaling = rule(min_replicas=1, policy=ScalingPolicy.THRESHOLD, targets=(), threshold=rules)
    async with world.running() as master:
        await master.servings.submit(web(scaling=scaling, max_per_instance=3, size=ReplicaSize()))
        await world.run_for(50)  # half of the CPU is in use all the time, which asks for one more
        assert len(await ready(world)) == 1
        await world.run_for(40)
        assert len(await ready(world)) == 2


async def test_on_demand_stands_in_while_spot_is_not_there() -> None:
    world = World()
    scaling = rule(min_replicas=2, max_replicas=2, spot=SpotRule(fallback=True))
    async with world.running() as master:
        for offer in world.catalog.listed:
            world.cloud.without_spot.add(offer.pool)
        await master.servings.submit(web(scaling=scaling, max_per_instance=2))
        await world.run_for(40)
        kinds = {i.offer.purchase for i in await world.store.instances(workload=NAME, live_only=True)}
        assert Purchase.ON_DEMAND in kinds
        assert len(await ready(world)) >= 2
        world.cloud.without_spot.clear()
        await world.run_for(200)
        living = await world.store.instances(workload=NAME, live_only=True)
        assert {i.offer.purchase for i in living} == {Purchase.SPOT}
        assert world.traffic.failed == 0


async def test_a_replica_that_dies_is_started_again() -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web())
        await world.run_for(15)
        [first, *_] = sorted(await ready(world))
        agent = next(a for a in world.agents.values() if first in a.replicas.mine)
        agent.replicas.crash(first)
        await world.run_for(1)
        assert first not in up(world)
        await world.run_for(10)
        assert first in up(world)
        replica = await world.store.replica(first)  # type: ignore[arg-type]
        assert replica is not None
        assert replica.exit_code == 137


@pytest.mark.parametrize("extra", [0, 1])
async def test_extra_spot_instances_are_kept(extra: int) -> None:
    world = World()
    async with world.running() as master:
        await master.servings.submit(web(scaling=rule(spot=SpotRule(extra=extra))))
        await world.run_for(20)
        assert len(await held(world)) == 1 + extra
        assert len(await ready(world)) == 2 * (1 + extra)
