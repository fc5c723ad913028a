"""Prices over time and alerts on them, by the API and the loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.local.catalog import LocalCatalog
from kyc.adapters.offerbook.catalog import RECORD_FILE, OfferBook
from kyc.adapters.offerbook.record import HISTORY_S, Record
from kyc.domain.alert import Market
from kyc.domain.course import Course
from kyc.domain.ids import WorkloadName, attempt_id
from kyc.domain.instance import InstanceState
from kyc.domain.job import Attempt, AttemptState
from kyc.domain.offer import Purchase
from kyc.ports.pricefeed import PriceFact
from kyc.wire.api import AlertRow, OfferRow, PriceHistory
from tests.integration.stand import JOB, Stand, in_process, make_stand, read, told

NOW = datetime(2026, 1, 10, tzinfo=UTC)
ALERT = {"cloud": "fake", "region": "fake", "type": "small", "side": "above", "usd_per_hour": 0.05}


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as client:
        yield client


async def alerted(stand: Stand) -> list[str]:
    events = await stand.store.events_after(0, limit=999)
    return [event.reason for event in events if event.kind == "price.alerted"]


def sells_small_at(stand: Stand, price: str) -> None:
    dear = [replace(o, price_usd_per_hour=Decimal(price)) for o in stand.catalog.listed if o.instance_type == "small"]
    spot = [offer for offer in dear if offer.purchase is Purchase.SPOT]
    stand.catalog.listed = (*spot, *(o for o in stand.catalog.listed if o.instance_type != "small"))


async def job_working_on_small(stand: Stand, client: httpx.AsyncClient) -> WorkloadName:
    await client.post("/jobs", json={"file": JOB})
    name = WorkloadName("train")
    deployment = await stand.services.intents.launch(fake_offer(price="0.03").id, 1)
    instance = await stand.store.instance(deployment.instance_ids[0])
    assert instance is not None
    ready = replace(instance.to(InstanceState.PROVISIONING).to(InstanceState.READY), workload=name)
    attempt = Attempt(
        id=attempt_id(name, 1),
        workload=name,
        number=1,
        instance_id=instance.id,
        state=AttemptState.RUNNING,
        created_at=stand.context.clock.now(),
    )
    await stand.store.save(ready, attempt)
    return name


class TestPrices:
    async def test_spot_with_on_demand_beside_it(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/market/prices", params={"type": "small"})
        rows = read(response, list[OfferRow])
        assert [(row.zone, row.price_usd_per_hour, row.on_demand_usd_per_hour) for row in rows] == [
            ("fake-b", 0.02, 0.1),
            ("fake-a", 0.03, 0.1),
        ]
        assert response.headers["x-total-count"] == "2"

    async def test_what_a_catalog_saw(self, client: httpx.AsyncClient) -> None:
        query = {"cloud": "fake", "region": "fake", "type": "small", "since": "2020-01-01T00:00:00Z"}
        history = read(await client.get("/market/history", params=query), PriceHistory)
        assert {point.zone: point.usd_per_hour for point in history.points} == {"fake-a": 0.03, "fake-b": 0.02}
        assert history.on_demand_usd_per_hour == 0.1
        none = read(await client.get("/market/history", params={**query, "type": "none"}), PriceHistory)
        assert (none.points, none.recorded_since) == ([], None)
        told(await client.get("/market/history", params={"cloud": "fake"}), 422)


class TestHistory:
    async def test_imported_prices_leave_a_trace_when_they_change(self, tmp_path: Path) -> None:
        record, book = Record(tmp_path / RECORD_FILE), OfferBook(tmp_path)
        market = Market(cloud="aws", region="us-east-1", instance_type="m5.large")
        assert await book.history(market, NOW - timedelta(days=30)) == []
        for hour, price in enumerate(("0.03", "0.03", "0.04", "0.02")):
            at = NOW + timedelta(hours=hour)
            record.take([_fact("us-east-1a", price, at)], what="test", now=at, complete=False)
        record.take([_fact("us-east-1b", "0.05", NOW)], what="test", now=NOW, complete=False)
        found = [(p.zone[-1], (p.at - NOW) / timedelta(hours=1), str(p.usd_per_hour)) for p in await self._all(book)]
        assert found == [("a", 1, "0.03"), ("a", 2, "0.04"), ("a", 3, "0.02"), ("b", 0, "0.05")]
        later = await book.history(replace(market, zone="us-east-1a"), NOW + timedelta(hours=2.5))
        assert [str(p.usd_per_hour) for p in later] == ["0.04", "0.02"], "the price that held then comes first"

    async def test_it_is_not_kept_for_ever(self, tmp_path: Path) -> None:
        record, book = Record(tmp_path / RECORD_FILE), OfferBook(tmp_path)
        for days, price in ((0, "0.03"), (1, "0.04"), (2, "0.05")):
            at = NOW + timedelta(days=days)
            record.take([_fact("us-east-1a", price, at)], what="test", now=at, complete=False)
        later = NOW + timedelta(seconds=HISTORY_S, days=1.5)
        record.take([_fact("us-east-1b", "0.01", later)], what="test", now=later, complete=False)
        assert [str(p.usd_per_hour) for p in await self._all(book) if p.zone == "us-east-1a"] == ["0.05"]

    async def test_the_local_cloud_s_prices_are_its_own(self) -> None:
        catalog = LocalCatalog(FakeClock())
        offer = next(o for o in catalog.offers() if o.purchase is Purchase.SPOT)
        market = Market(cloud=offer.cloud, region=offer.region, instance_type=offer.instance_type, zone=offer.zone)
        history = await catalog.history(market, offer.priced_at - timedelta(hours=1))
        assert len(history) == 13
        assert (history[-1].at, history[-1].usd_per_hour) == (offer.priced_at, offer.price_usd_per_hour)

    async def _all(self, book: OfferBook):
        market = Market(cloud="aws", region="us-east-1", instance_type="m5.large")
        return await book.history(market, NOW - timedelta(days=30))


class TestAlerts:
    async def test_made_listed_and_removed(self, client: httpx.AsyncClient) -> None:
        made = read(await client.post("/alerts", json=ALERT), AlertRow, 201)
        assert (made.zone, made.then, made.crossed, made.fired) == (None, "notify", None, 0)
        assert read(await client.get("/alerts"), list[AlertRow]) == [made]
        assert (await client.delete(f"/alerts/{made.id}")).status_code == 204
        assert read(await client.get("/alerts"), list[AlertRow]) == []
        told(await client.delete(f"/alerts/{made.id}"), 404)

    @pytest.mark.parametrize(
        ("wrong", "status"),
        [
            ({"side": "beside"}, 422),
            ({"then": "sell"}, 422),
            ({"usd_per_hour": 0}, 422),
            ({"usd_per_hour": -1}, 422),
            ({"type": "none"}, 404),
            ({"workload": "none"}, 404),
        ],
    )
    async def test_what_makes_no_sense_is_refused(
        self, client: httpx.AsyncClient, wrong: dict[str, object], status: int
    ) -> None:
        told(await client.post("/alerts", json={**ALERT, **wrong}), status)

    async def test_it_fires_once_for_each_crossing(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.post("/alerts", json=ALERT)
        for price in ("0.03", "0.06", "0.07", "0.06", "0.03", "0.08"):
            sells_small_at(stand, price)
            await stand.services.alerts.tick()
            await stand.services.alerts.tick()
        assert await alerted(stand) == [
            "the spot price of fake/fake/small is $0.06/h, above $0.05/h",
            "the spot price of fake/fake/small is $0.08/h, above $0.05/h",
        ]
        [row] = read(await client.get("/alerts"), list[AlertRow])
        assert (row.crossed, row.fired, row.seen_usd_per_hour) == (True, 2, 0.08)
        assert row.fired_at is not None

    async def test_a_price_that_is_not_listed_says_nothing(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.post("/alerts", json=ALERT)
        stand.catalog.listed = ()
        await stand.services.alerts.tick()
        assert await alerted(stand) == []

    async def test_pause_and_go_on(self, stand: Stand, client: httpx.AsyncClient) -> None:
        name = await job_working_on_small(stand, client)
        await client.post("/alerts", json={**ALERT, "then": "pause"})
        sells_small_at(stand, "0.06")
        await stand.services.alerts.tick()
        job = await stand.store.job(name)
        assert job is not None
        assert job.course.wait
        assert "above $0.05/h" in job.course.reason
        [row] = read(await client.get("/alerts"), list[AlertRow])
        assert row.paused == ["train"]
        sells_small_at(stand, "0.03")
        await stand.services.alerts.tick()
        job = await stand.store.job(name)
        assert job is not None
        assert job.course == Course()

    async def test_a_removed_alert_lets_its_jobs_go_on(self, stand: Stand, client: httpx.AsyncClient) -> None:
        name = await job_working_on_small(stand, client)
        made = read(await client.post("/alerts", json={**ALERT, "then": "pause"}), AlertRow, 201)
        sells_small_at(stand, "0.06")
        await stand.services.alerts.tick()
        await client.delete(f"/alerts/{made.id}")
        job = await stand.store.job(name)
        assert job is not None
        assert not job.course.wait

    async def test_move(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await job_working_on_small(stand, client)
        await client.post("/alerts", json={**ALERT, "then": "move"})
        sells_small_at(stand, "0.20")
        [working] = await stand.store.instances()
        dear = replace(working, offer=replace(working.offer, price_usd_per_hour=Decimal("0.20")))
        await stand.store.save(dear)
        await stand.services.alerts.tick()
        [instance] = await stand.store.instances()
        assert instance.state is InstanceState.DRAINING
        assert "large" in instance.end_reason
        events = await stand.store.events_after(0, limit=999)
        [event] = [event for event in events if event.kind == "price.alerted"]
        assert (event.data["moved"], event.data["paused"], event.data["left_alone"]) == (["train"], [], [])


def _fact(zone: str, price: str, at: datetime) -> PriceFact:
    return PriceFact(
        cloud="aws",
        region="us-east-1",
        zone=zone,
        instance_type="m5.large",
        purchase=Purchase.SPOT,
        usd_per_hour=Decimal(price),
        source="test",
        priced_at=at,
    )
