"""The catalog in control: only registered clouds are bought from, feeds are asked, decisions keep their numbers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kyc.adapters.fake.catalog import FakeCatalog, fake_offer
from kyc.adapters.fake.keeper import FakeKeeper
from kyc.control.intent import Intents
from kyc.control.prices import Prices
from kyc.domain.errors import ConflictError, InvalidInputError, NotFoundError, UnreachableError
from kyc.domain.event import EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.workload import JobSpec, Requirement
from kyc.planning.market import WorkAhead
from kyc.planning.offers import OfferOrder, OfferQuery
from kyc.planning.refresh import FeedStatus
from kyc.ports.catalog import Taken
from tests.integration.stand import Stand, make_stand
from tests.simulation.world import World

ELSEWHERE = fake_offer(cloud="lambdalabs", price="0.0001")
HOUR = timedelta(hours=1)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    made = make_stand(tmp_path)
    made.catalog.listed += (ELSEWHERE,)
    return made


async def test_search_shows_all_and_placement_buys_from_registered_clouds(stand: Stand) -> None:
    seen = (await stand.context.search(OfferQuery())).offers
    assert seen[0] == ELSEWHERE
    ranking = await stand.context.rank([Requirement()], WorkAhead())
    assert {one.offer.cloud for one in ranking.best_first} == {"fake"}
    launched = await Intents(stand.context).launch(None, 1)
    assert launched.offer.cloud == "fake"
    with pytest.raises(ConflictError, match="not registered"):
        await Intents(stand.context).launch(ELSEWHERE.id, 1)
    for unknown in ("nonsense", "fake/fake/fake-z/small/spot"):
        with pytest.raises(NotFoundError):
            await Intents(stand.context).launch(unknown, 1)


async def test_several_catalogs_are_one(stand: Stand) -> None:
    prices = Prices(stand.context, FakeKeeper())
    assert sum(one.rows for one in await prices.coverage()) == 5
    assert (await prices.search(OfferQuery(order=OfferOrder.RISK))).total == 5
    assert isinstance(stand.context.catalogs[0], FakeCatalog)


async def test_feeds_are_asked_in_turn_and_one_that_fails_stops_nothing(stand: Stand) -> None:
    keeper = FakeKeeper(
        [FeedStatus(name=name, cloud=cloud, every=HOUR) for name, cloud in (("a", "fake"), ("b", "far"))]
    )
    prices = Prices(stand.context, keeper)
    await prices.tick()
    assert keeper.asked == ["a"]  # of the registered cloud
    assert await prices.ask(None) == ["a", "b"]
    assert prices.pending() == {"a", "b"}
    keeper.failure = UnreachableError("no network")
    await prices.tick()
    assert keeper.asked == ["a", "a", "b"]
    assert prices.pending() == frozenset()
    assert [feed.failure for feed in await prices.feeds()] == ["no network", "no network"]
    with pytest.raises(NotFoundError):
        await prices.ask("moon")


async def test_a_file_without_prices_is_refused(stand: Stand, tmp_path: Path) -> None:
    keeper = FakeKeeper()
    keeper.taken = Taken(prices=0, machines=0)
    with pytest.raises(InvalidInputError):
        await Prices(stand.context, keeper).import_table(tmp_path)


async def test_a_placement_keeps_its_numbers() -> None:
    world = World()
    async with world.running() as master:
        await master.intents.submit_job(JobSpec(name=WorkloadName("train"), run="x"))
        await master.places.tick()
        await master.jobs.tick()
        events = await world.store.events_after(0, limit=100)
    requested = next(event for event in events if event.kind is EventKind.INSTANCE_REQUESTED)
    assert requested.data["expected_usd"] > 0  # type: ignore[operator]
    assert requested.data["considered"] == len(world.catalog.listed)
    assert requested.data["others"]
