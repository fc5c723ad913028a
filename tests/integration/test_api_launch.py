"""What a person asks of bare instances, as the API takes it in: every wish, and whose account pays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.account import CloudAccount
from kyc.domain.ids import AccountId
from kyc.domain.launch import LaunchOptions, OnInterruption
from kyc.domain.offer import Purchase
from kyc.wire.api import DeploymentRow, LaunchRequest
from tests.integration.stand import STARTED, Stand, in_process, make_stand, read, told

WISH: dict[str, object] = {
    "offer": None,
    "count": 2,
    "cloud": "fake",
    "region": "fake",
    "zone": "fake-a",
    "type": "small",
    "spot": False,
    "account": "work",
    "disk_gib": 80,
    "network": "n",
    "subnet": "s",
    "role": "r",
    "image": "i",
    "tags": {"team": "ml"},
    "max_price_usd_per_hour": 0.7,
    "on_interruption": "terminate",
    "public_address": False,
}
WORK = CloudAccount(
    id=AccountId("fake:work"),
    cloud="fake",
    name="work",
    settings={},
    sealed="",
    identity="me",
    added_at=STARTED,
    checked_at=STARTED,
)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as client:
        yield client


async def test_every_wish_is_stored_for_the_cloud(stand: Stand, client: httpx.AsyncClient) -> None:
    """What each cloud's own request makes of it is shown where its module is run."""
    assert set(WISH) == {one.name for one in fields(LaunchRequest)}
    await stand.store.save(WORK)
    read(await client.post("/deployments", json=WISH), DeploymentRow, status=201)
    [made] = await stand.store.deployments()
    assert len(made.instance_ids) == 2
    assert (made.offer.region, made.offer.zone, made.offer.instance_type) == ("fake", "fake-a", "small")
    assert (made.offer.purchase, made.account) == (Purchase.ON_DEMAND, "fake:work")
    assert made.options == LaunchOptions(
        disk_gib=80,
        network="n",
        subnet="s",
        role="r",
        image="i",
        tags={"team": "ml"},
        max_price_usd_per_hour=Decimal("0.7"),
        public_address=False,
    )


async def test_a_zone_can_be_chosen_where_prices_hold_for_the_region(stand: Stand, client: httpx.AsyncClient) -> None:
    """As Google's and Azure's do, and AWS's on demand."""
    stand.catalog.listed = (*stand.catalog.listed, replace(fake_offer(price="0.05"), zone="", region="west"))
    for wish in ({"zone": "west-b"}, {"region": "west", "zone": "2"}):
        read(await client.post("/deployments", json={"cloud": "fake", **wish}), DeploymentRow, status=201)
        made = (await stand.store.deployments())[-1]
        assert (made.offer.region, made.offer.zone, made.offer.price_usd_per_hour) == (
            "west",
            wish["zone"],
            Decimal("0.05"),
        )
    told(await client.post("/deployments", json={"cloud": "fake", "zone": "east-b"}), 503)


async def test_what_becomes_of_a_spot_instance_is_stored(stand: Stand, client: httpx.AsyncClient) -> None:
    wish = {"cloud": "fake", "on_interruption": "stop"}
    read(await client.post("/deployments", json=wish), DeploymentRow, status=201)
    [made] = await stand.store.deployments()
    assert (made.offer.purchase, made.options.on_interruption) == (Purchase.SPOT, OnInterruption.STOP)


async def test_an_account_is_looked_up_before_anything_is_stored(stand: Stand, client: httpx.AsyncClient) -> None:
    unknown = told(await client.post("/deployments", json={"cloud": "fake", "account": "none"}), 404)
    assert "'none'" in unknown.detail
    assert "kyc cloud list" in unknown.next_step
    nowhere = told(await client.post("/deployments", json={"account": "work"}), 422)
    assert "cloud" in nowhere.next_step
    assert await stand.store.deployments() == []
