"""A master with Google Cloud and Azure: the real Terraform decides, emulated clouds run, the clients' libraries look.

Each test ends with what runs in the cloud being what the inventory says, to the id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kyc.adapters.fake.catalog import FakeCatalog, fake_offer
from kyc.adapters.fake.store import FakeStore
from kyc.domain.event import EventKind
from kyc.domain.ids import InstanceId
from kyc.domain.instance import BILLED, InstanceState
from kyc.domain.offer import Offer
from kyc.ports.provisioner import LogLine
from tests.aws.master import SmallMaster, in_state
from tests.emulators import arm, compute
from tests.emulators.certificate import self_signed
from tests.emulators.http import serving
from tests.emulators.signin import CLIENT, SECRET, TENANT
from tests.needs import need
from tests.terraform.actor import ActingProvisioner, acting_at_arm, acting_at_compute
from tests.terraform.stand import Stand, deployment, standing

_S = InstanceState
GCP = replace(fake_offer(cloud="gcp", zone="europe-west1-b", instance_type="e2-standard-2"), region="europe-west1")
AZURE = replace(fake_offer(cloud="azure", zone="westeurope-2", instance_type="Standard_D2s_v5"), region="westeurope")


@dataclass
class Place:
    """An emulated cloud: what runs there, how something is taken away or refused, and an offer of it."""

    stand: Stand
    provisioner: ActingProvisioner
    offer: Offer
    running: Callable[[], dict[str, str]]  # our ids by provider id
    left: Callable[[], list[str]]
    refuse: Callable[[], None]


@dataclass
class Master(SmallMaster):
    place: Place = field(kw_only=True)

    async def agrees(self) -> bool:
        inventory = {one.provider_id for one in await self.store.instances() if one.state in BILLED}
        return set(self.place.running()) == inventory

    async def event(self, kind: EventKind) -> None:
        """Wait until the timeline has an event of this kind."""
        async with asyncio.timeout(120):
            while not await self.events(kind):
                await asyncio.sleep(0.1)


@asynccontextmanager
async def gcp(home: Path) -> AsyncIterator[Place]:
    cloud = compute.Compute()
    async with serving(cloud) as url:
        cloud.url = url
        async with standing("gcp", home, "terraform", secret="good", endpoint=url) as stand:
            yield Place(
                stand=stand,
                provisioner=acting_at_compute(stand, cloud),
                offer=GCP,
                running=lambda: {
                    f"projects/p/{path}": one["labels"]["kyc-instance"]
                    for path, one in cloud.instances.items()
                    if one["status"] == "RUNNING"
                },
                left=lambda: list(cloud.instances),
                refuse=lambda: cloud.refusals.append(replace(compute.EXHAUSTED, status=503)),
            )


@asynccontextmanager
async def azure(home: Path) -> AsyncIterator[Place]:
    cloud = arm.Arm()
    trusted, tls = self_signed(home)
    async with serving(cloud, tls) as url:
        cloud.url = url
        settings = {
            "tenant_id": TENANT,
            "subscription_id": arm.SUBSCRIPTION,
            "client_id": CLIENT,
            "metadata_host": url.removeprefix("https://"),
            "ca_file": str(trusted),
        }
        async with standing("azure", home, "terraform", secret=SECRET, **settings) as stand:
            yield Place(
                stand=stand,
                provisioner=acting_at_arm(stand, cloud),
                offer=AZURE,
                running=lambda: {
                    str(one["id"]).lower(): one["tags"]["kyc-instance"]
                    for one in cloud.of_type("Microsoft.Compute/virtualMachines").values()
                    if one["power"] == "PowerState/running"
                },
                left=lambda: [key for key in cloud.resources if "/providers/" in key],
                refuse=lambda: cloud.refusals.append(arm.NO_SKU),
            )


@pytest.fixture(params=["gcp", "azure"])
async def master(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Master]:
    need("schemas")
    need("terraform")
    opener: Any = {"gcp": gcp, "azure": azure}[request.param]
    async with opener(tmp_path) as place:
        made = Master(place.stand, FakeStore(), FakeCatalog([place.offer]), place=place)  # type: ignore[arg-type]
        made.context = replace(made.context, provisioner=place.provisioner)
        made.intents = type(made.intents)(made.context)
        async with made.running():
            yield made


async def test_instances_are_bought_listed_and_given_back(master: Master) -> None:
    made = await master.intents.launch(None, 2)
    there = await master.until(lambda found: len(in_state(found, _S.BOOTING)) == 2)
    assert master.place.running() == {one.provider_id: one.id for one in there}
    listed = {one.instance_id: one for one in await master.stand.opened.cloud.instances()}
    assert {one.deployment_id for one in listed.values()} == {made.id}
    assert all(one.running and one.address for one in listed.values())
    for one in there:
        await master.intents.terminate(one.id)
    await master.until(lambda found: len(in_state(found, _S.TERMINATED)) == 2)
    await master.settled()
    assert master.place.left() == []


async def test_one_that_is_taken_away_is_lost_with_its_reason_and_given_back(master: Master) -> None:
    await master.intents.launch(None, 2)
    there = await master.until(lambda found: len(in_state(found, _S.BOOTING)) == 2)
    await master.intents.interrupt(there[0].id, notice_s=30)
    ended = in_state(await master.until(lambda found: in_state(found, _S.TERMINATED)), _S.TERMINATED)
    assert [one.id for one in ended] == [there[0].id]
    assert ended[0].end_reason
    assert ended[0].interrupted_at is not None
    await master.settled()
    assert list(master.place.running().values()) == [there[1].id]
    await master.intents.terminate(there[1].id)
    await master.until(lambda found: len(in_state(found, _S.TERMINATED)) == 2)
    assert master.place.left() == []


async def test_no_capacity_ends_the_deployment_and_leaves_nothing(master: Master) -> None:
    master.place.refuse()
    await master.intents.launch(None, 1)
    failed = in_state(await master.until(lambda found: in_state(found, _S.FAILED)), _S.FAILED)
    assert "resources" in failed[0].end_reason or "SKUs" in failed[0].end_reason
    await master.event(EventKind.DEPLOYMENT_DESTROYED)
    await master.settled()
    assert master.place.left() == []


async def test_what_nobody_here_knows_is_found_and_removed_and_others_are_left_alone(master: Master) -> None:
    await master.intents.launch(None, 1)
    [known] = await master.until(lambda found: in_state(found, _S.BOOTING))
    stray = deployment(master.place.offer, "i-stray")  # as after the loss of a database
    made = await master.place.provisioner.converge(stray, {InstanceId("i-stray"): "#!/bin/sh\n"}, no_line)
    assert set(master.place.running().values()) == {known.id, "i-stray"}
    await master.settled()
    assert list(master.place.running().values()) == [known.id]
    await master.event(EventKind.ORPHAN_REMOVED)
    found, removed = await master.events(EventKind.ORPHAN_FOUND, EventKind.ORPHAN_REMOVED)
    assert found.subject == removed.subject == made.provider_ids[InstanceId("i-stray")]
    assert (found.data["instance"], found.reason) == ("i-stray", "not known here")


async def no_line(_line: LogLine) -> None:
    """Let it pass."""
