"""Google Cloud through Google's own client library, against an emulated Compute Engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import compute_v1

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.gcp.client import GcpClient
from kyc.adapters.gcp.cloud import GceCloud
from kyc.adapters.gcp.provider import GcpProvider
from kyc.adapters.gcp.settings import read_settings
from kyc.adapters.system.clock import SystemClock
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.errors import (
    CapacityUnavailableError,
    CredentialError,
    InvalidInputError,
    NotFoundError,
    UnreachableError,
)
from kyc.domain.ids import AccountId, DeploymentId, InstanceId
from kyc.ports.account import Account
from tests.emulators.compute import EXHAUSTED, QUOTA, QUOTA_LATE, Compute
from tests.emulators.http import Request, serving

MASTER = "m0a1"
KEY = "ssh-ed25519 AAAA kyc"
ZONE = "europe-west1-b"


@dataclass
class World:
    compute: Compute
    account: Account
    provider: GcpProvider

    @property
    def cloud(self) -> GceCloud:
        cloud = self.provider.open(self.account).cloud
        assert isinstance(cloud, GceCloud)
        return cloud

    async def launch(self, instance_id: str, *, zone: str = ZONE, master: str = MASTER, **scheduling: Any) -> str:
        """Make an instance as Terraform's provider does: by the API, with our labels in the call. Return its path."""
        client = GcpClient(read_settings(self.account))
        spot = {"provisioning_model": "SPOT", "preemptible": True, "automatic_restart": False}
        resource = compute_v1.Instance(
            name=f"kyc-{instance_id}",
            machine_type=f"zones/{zone}/machineTypes/e2-standard-2",
            labels={"kyc-master": master, "kyc-deployment": "d-1", "kyc-instance": instance_id},
            scheduling=compute_v1.Scheduling(**(spot | scheduling)),
            disks=[compute_v1.AttachedDisk(boot=True, auto_delete=True)],
            network_interfaces=[compute_v1.NetworkInterface(access_configs=[compute_v1.AccessConfig(name="nat")])],
        )

        def insert() -> None:
            made = client.instances.insert_unary(project="p", zone=zone, instance_resource=resource)
            done = client.operations.wait(project="p", zone=zone, operation=made.name)
            if done.error.errors:
                raise RuntimeError(f"{done.error.errors[0].code}: {done.error.errors[0].message}")

        await asyncio.to_thread(insert)
        return f"zones/{zone}/instances/kyc-{instance_id}"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    compute = Compute()
    async with serving(compute) as url:
        compute.url = url
        account = Account(
            id=AccountId("gcp:default"),
            settings={"endpoint": f"{url}/compute/v1/"},
            secrets={"credentials": json.dumps(compute.key())},
        )
        yield World(compute, account, GcpProvider(MASTER, lambda: KEY, admit_ssh=True, clock=SystemClock()))


async def seen(world: World, cloud: GceCloud | None = None) -> dict[str, Any]:
    return {one.instance_id: one for one in await (cloud or world.cloud).instances()}


# --- credentials ---


async def test_credentials_are_verified_with_every_right_by_name(world: World) -> None:
    verdict = await world.provider.check(world.account)
    assert verdict.identity == "kyc@p.iam.gserviceaccount.com in p"
    assert verdict.missing == []
    assert all(right.granted and right.purpose for right in verdict.rights)
    assert "- compute.instances.create\n" in verdict.policy
    assert all(f"- {right.name}\n" in verdict.policy for right in verdict.rights)


async def test_missing_rights_are_named_one_by_one(world: World) -> None:
    everything = {right.name for right in (await world.provider.check(world.account)).rights}
    lacking = {"compute.instances.create", "compute.firewalls.create", "compute.instances.simulateMaintenanceEvent"}
    world.compute.permissions = everything - lacking
    verdict = await world.provider.check(world.account)
    assert {right.name for right in verdict.missing} == lacking - {"compute.instances.simulateMaintenanceEvent"}


async def test_a_key_that_is_not_accepted_is_a_matter_of_credentials(world: World) -> None:
    world.compute.forget_tokens()
    token = Account(
        id=world.account.id, settings=world.account.settings | {"project": "p"}, secrets={"access_token": "bad"}
    )
    with pytest.raises(CredentialError) as raised:
        await world.provider.check(token)
    assert "kyc cloud" in raised.value.next_step


async def test_a_token_that_runs_out_is_a_matter_of_credentials(world: World) -> None:
    settings = world.account.settings | {"project": "p"}
    token = Account(id=world.account.id, settings=settings, secrets={"access_token": "good"})
    await world.provider.check(token)
    cloud = world.provider.open(token).cloud
    world.compute.forget_tokens()
    with pytest.raises(CredentialError):
        await cloud.instances()


async def test_another_project_is_not_found(world: World) -> None:
    other = Account(
        id=world.account.id, settings=world.account.settings | {"project": "other"}, secrets=world.account.secrets
    )
    with pytest.raises(CredentialError, match="other"):
        await world.provider.check(other)


@pytest.mark.parametrize("state", ["down", "gone"])
async def test_a_cloud_that_does_not_answer_is_unreachable(state: str) -> None:
    compute = Compute()
    async with serving(compute) as url:
        compute.url = url
        account = Account(
            id=AccountId("gcp:default"),
            settings={"endpoint": url, "project": "p"},
            secrets={"access_token": "good"},
        )
        cloud = GcpProvider(MASTER, lambda: KEY, admit_ssh=True, clock=SystemClock()).open(account).cloud
        compute.down = True
        if state == "down":
            with pytest.raises(UnreachableError):
                await cloud.instances()
    if state == "gone":
        with pytest.raises(UnreachableError):
            await cloud.instances()


@pytest.mark.parametrize(
    ("settings", "secrets", "named"),
    [
        ({}, {}, "key file"),
        ({}, {"credentials": "{"}, "credentials"),
        ({}, {"credentials": '{"type": "magic"}'}, "credentials"),
        ({}, {"access_token": "x"}, "project"),
        ({"project": "p", "endpoint": "nonsense"}, {"access_token": "x"}, "endpoint"),
        ({"project": "p", "ssh_from": "everywhere"}, {"access_token": "x"}, "ssh_from"),
    ],
)
def test_a_field_that_cannot_be_is_named(settings: dict[str, str], secrets: dict[str, str], named: str) -> None:
    account = Account(id=AccountId("gcp:default"), settings=settings, secrets=secrets)
    with pytest.raises(InvalidInputError, match=named):
        GcpProvider(MASTER, lambda: KEY, admit_ssh=True, clock=SystemClock()).open(account)


# --- instances ---


async def test_what_carries_our_label_is_listed_in_every_zone_and_page(world: World) -> None:
    world.compute.page_size = 1
    await world.launch("i-1")
    await world.launch("i-2", zone="us-east1-b")
    await world.launch("i-3", master="another")
    there = await seen(world)
    assert set(there) == {"i-1", "i-2"}
    first = there["i-1"]
    assert first.provider_id == f"projects/p/zones/{ZONE}/instances/kyc-i-1"
    assert (first.running, first.zone, first.region, first.deployment_id) == (True, ZONE, "europe-west1", "d-1")
    assert first.address.startswith("203.0.113.")
    assert first.started_at <= datetime.now(UTC)


@pytest.mark.parametrize("action", ["DELETE", "STOP"])
async def test_a_preempted_one_is_over_and_says_why_though_it_may_be_gone(world: World, action: str) -> None:
    path = await world.launch("i-1", instance_termination_action=action)
    cloud = world.cloud
    assert (await seen(world, cloud))["i-1"].running
    world.compute.preempt(path)
    for _ in range(2):  # it is remembered
        one = (await seen(world, cloud))["i-1"]
        assert (one.running, one.end_reason, one.crashed) == (False, "preempted", False)
        assert one.ended_at is not None
        assert one.leftover is (action == "STOP")
    await cloud.remove(one.provider_id)
    one = (await seen(world, cloud))["i-1"]
    assert (one.running, one.leftover, one.end_reason) == (False, False, "preempted")


@pytest.mark.parametrize(
    ("operation", "reason", "crashed"),
    [
        ("compute.instances.guestTerminate", "it shut itself down", True),
        ("compute.instances.hostError", "the host failed", False),
        ("stop", "stopped by somebody", False),
        ("magic", "it is gone, and Compute Engine does not say why", False),
    ],
)
async def test_other_ends_have_their_reasons(world: World, operation: str, reason: str, *, crashed: bool) -> None:
    path = await world.launch("i-1")
    world.compute.end(path, operation)
    one = (await seen(world))["i-1"]
    assert (one.running, one.end_reason, one.crashed) == (False, reason, crashed)


async def test_that_it_ended_is_known_also_where_the_reason_may_not_be_seen(world: World) -> None:
    path = await world.launch("i-1")
    world.compute.end(path, "stop")
    world.compute.permissions = {"compute.instances.list"}
    one = (await seen(world))["i-1"]
    assert (one.running, one.leftover) == (False, True)
    assert "compute.zoneOperations.list" in one.end_reason


async def test_an_interruption_is_a_true_preemption(world: World) -> None:
    await world.launch("i-1")
    cloud = world.cloud
    provider_id = (await seen(world, cloud))["i-1"].provider_id
    assert "30 s" in await cloud.interrupt(provider_id, notice_s=120)
    assert (await seen(world, cloud))["i-1"].end_reason == "preempted"
    with pytest.raises(NotFoundError):
        await cloud.interrupt(provider_id, notice_s=30)


async def test_what_compute_engine_cannot_do_is_refused(world: World) -> None:
    await world.launch("i-1")
    await world.launch("i-2", provisioning_model="STANDARD", preemptible=False)
    there = await seen(world)
    with pytest.raises(InvalidInputError, match="Spot"):
        await world.cloud.interrupt(there["i-2"].provider_id, notice_s=30)
    with pytest.raises(NotFoundError):
        await world.cloud.interrupt("nonsense", notice_s=30)
    assert {key for key, one in (await seen(world)).items() if one.running} == {"i-1", "i-2"}


async def test_without_notice_it_is_gone_at_once(world: World) -> None:
    await world.launch("i-1")
    provider_id = (await seen(world))["i-1"].provider_id
    await world.cloud.interrupt(provider_id, notice_s=0)
    assert world.compute.instances == {}
    assert world.compute.requests[-1].query["noGracefulShutdown"] == "true"


async def test_an_orphan_is_removed_and_may_be_twice(world: World) -> None:
    await world.launch("i-1")
    provider_id = (await seen(world))["i-1"].provider_id
    for _ in range(2):
        await world.cloud.remove(provider_id)
    assert world.compute.instances == {}


# --- launches ---


async def test_a_region_wide_offer_gets_a_zone_that_has_the_type_and_keeps_it(world: World) -> None:
    module = world.provider.open(world.account).module

    async def zone(name: str, kind: str, region: str = "europe-west1") -> object:
        offer = replace(fake_offer(cloud="gcp", zone="", instance_type=kind), region=region)
        filled = await module.variables(deployment(name, offer), {InstanceId("i-1"): "#!/bin/sh\n"}, {})
        return filled["zone"]

    chosen = {name: await zone(name, "e2-standard-2") for name in ("d-1", "d-2", "d-3", "d-4", "d-5")}
    assert set(chosen.values()) == {"europe-west1-b", "europe-west1-c"}
    assert await zone("d-1", "e2-standard-2") == chosen["d-1"]
    assert await zone("d-1", "a2-highgpu-1g", "us-east1") == "us-east1-b"
    with pytest.raises(CapacityUnavailableError, match="a2-highgpu-1g"):
        await zone("d-1", "a2-highgpu-1g")


async def test_to_destroy_nothing_is_asked(world: World) -> None:
    module = world.provider.open(world.account).module
    offer = replace(fake_offer(cloud="gcp", zone=""), region="europe-west1")
    assert (await module.variables(deployment("d-1", offer), {}, {}))["instance_ids"] == []
    assert world.compute.requests == []


@pytest.mark.parametrize("refusal", [EXHAUSTED, QUOTA_LATE])
async def test_the_emulator_refuses_capacity_and_quota_as_compute_engine_does(world: World, refusal: Any) -> None:
    world.compute.refusals.append(refusal)
    with pytest.raises(RuntimeError, match=f"{refusal.code}: {refusal.message.split('.')[0]}"):
        await world.launch("i-1")
    assert world.compute.instances == {}
    await world.launch("i-1")


async def test_the_emulator_refuses_a_quota_at_once_with_403(world: World) -> None:
    world.compute.refusals.append(QUOTA)
    with pytest.raises(Forbidden, match="PREEMPTIBLE_CPUS"):
        await world.launch("i-1")


async def test_the_emulator_wants_a_token(world: World) -> None:
    assert world.compute(Request("GET", "/compute/v1/projects/p/aggregated/instances")).status == 401


def deployment(name: str, offer: Any) -> Deployment:
    return Deployment(
        id=DeploymentId(name),
        offer=offer,
        instance_ids=(InstanceId("i-1"),),
        state=DeploymentState.REQUESTED,
        requested_at=datetime.now(UTC),
    )
