"""Azure through Microsoft's own client libraries, against an emulated sign-in and Resource Manager over TLS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kyc.adapters.azure.client import AzureClient, understood
from kyc.adapters.azure.cloud import GONE, LEFT_OVER, AzureCloud
from kyc.adapters.azure.provider import AzureProvider
from kyc.adapters.azure.settings import read_settings
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import (
    CapacityUnavailableError,
    CredentialError,
    InvalidInputError,
    NotFoundError,
    QuotaError,
    UnreachableError,
)
from kyc.domain.ids import AccountId
from kyc.ports.account import Account
from tests.emulators.arm import NO_QUOTA, NO_ROOM, NO_SKU, SUBSCRIPTION, Arm
from tests.emulators.certificate import self_signed
from tests.emulators.http import Request, serving
from tests.emulators.signin import CLIENT, SECRET, TENANT

MASTER = "m0a1"
GROUP = "kyc-m0a1-westeurope"
KEY = "ssh-rsa AAAA kyc"


@dataclass
class World:
    arm: Arm
    account: Account
    provider: AzureProvider

    @property
    def cloud(self) -> AzureCloud:
        cloud = self.provider.open(self.account).cloud
        assert isinstance(cloud, AzureCloud)
        return cloud

    @property
    def client(self) -> AzureClient:
        return AzureClient(read_settings(self.account), poll_s=0.01)

    async def launch(self, instance_id: str, *, master: str = MASTER, public: bool = True, **properties: Any) -> str:
        """Make a machine as Terraform's provider does: address, interface, machine, each with our tags."""
        return await asyncio.to_thread(self._launch, instance_id, master, public, properties)

    def _launch(self, instance_id: str, master: str, public: bool, properties: dict[str, Any]) -> str:
        client, name = self.client, f"kyc-{instance_id}"
        tags = {"kyc-master": master, "kyc-deployment": "d-1", "kyc-instance": instance_id}
        place = {"location": "westeurope", "tags": tags}
        self.arm.resources.setdefault(
            f"/subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}",
            {
                "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}",
                "type": "group",
                "name": GROUP,
                "properties": {},
            },
        )
        configuration: dict[str, Any] = {"name": "primary", "properties": {}}
        with understood():
            if public:
                made = client.network.public_ip_addresses.begin_create_or_update(GROUP, name, place).result(timeout=60)
                configuration["properties"]["publicIPAddress"] = {"id": made.id}
            interface = client.network.network_interfaces.begin_create_or_update(
                GROUP, name, place | {"properties": {"ipConfigurations": [configuration]}}
            ).result(timeout=60)
            spot = {"priority": "Spot", "evictionPolicy": "Delete", "billingProfile": {"maxPrice": -1}}
            machine = {
                "networkProfile": {"networkInterfaces": [{"id": interface.id}]},
                "storageProfile": {"osDisk": {"name": name, "createOption": "FromImage"}},
                **spot,
                **properties,
            }
            poller = client.compute.virtual_machines.begin_create_or_update(
                GROUP, name, place | {"zones": ["2"], "properties": machine}
            )
            return str(poller.result(timeout=60).id)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    arm = Arm()
    trusted, tls = self_signed(tmp_path)
    async with serving(arm, tls) as url:
        arm.url = url
        settings = {
            "tenant_id": TENANT,
            "subscription_id": SUBSCRIPTION,
            "client_id": CLIENT,
            "metadata_host": url.removeprefix("https://"),
            "ca_file": str(trusted),
        }
        account = Account(id=AccountId("azure:default"), settings=settings, secrets={"client_secret": SECRET})
        yield World(arm, account, AzureProvider(MASTER, lambda: KEY, admit_ssh=True, clock=SystemClock(), poll_s=0.01))


async def seen(cloud: AzureCloud, *, everywhere: bool = False) -> dict[str, Any]:
    return {one.instance_id: one for one in await cloud.instances(everywhere=everywhere)}


# --- credentials ---


async def test_credentials_are_verified_with_every_right_by_name(world: World) -> None:
    verdict = await world.provider.check(world.account)
    assert verdict.identity == f"application {CLIENT} in Emulated"
    assert verdict.missing == []
    assert all(right.granted and right.purpose for right in verdict.rights)
    actions = json.loads(verdict.policy)["Actions"]
    assert "Microsoft.Compute/virtualMachines/write" in actions
    assert {right.name for right in verdict.rights if "(" not in right.name} == set(actions)


async def test_the_least_role_is_enough_and_each_missing_right_is_named(world: World) -> None:
    actions = json.loads((await world.provider.check(world.account)).policy)["Actions"]
    world.arm.actions = actions
    assert (await world.provider.check(world.account)).missing == []
    lacking = {"Microsoft.Compute/virtualMachines/write", "Microsoft.Network/networkInterfaces/join/action"}
    world.arm.actions = ["Microsoft.Compute/*", *(set(actions) - lacking)]
    world.arm.not_actions = ["Microsoft.Compute/virtualMachines/WRITE"]
    verdict = await world.provider.check(world.account)
    assert {right.name for right in verdict.missing} == lacking


async def test_a_service_that_is_not_registered_is_named_with_what_to_do(world: World) -> None:
    world.arm.registered = {"Microsoft.Compute"}
    [missing] = (await world.provider.check(world.account)).missing
    assert missing.name == "Microsoft.Network (registered)"
    assert missing.problem == "it is NotRegistered: az provider register --namespace Microsoft.Network"


async def test_a_wrong_secret_is_a_matter_of_credentials(world: World) -> None:
    wrong = replace(world.account, secrets={"client_secret": "wrong-secret"})
    with pytest.raises(CredentialError, match="AADSTS7000215") as raised:
        await world.provider.check(wrong)
    assert "wrong-secret" not in str(raised.value)
    assert "kyc cloud" in raised.value.next_step


async def test_a_token_that_is_refused_is_a_matter_of_credentials(world: World) -> None:
    cloud = world.cloud
    await cloud.instances()
    world.arm.sign_in.forget_tokens()
    with pytest.raises(CredentialError):
        await cloud.instances()


@pytest.mark.parametrize("state", ["down", "gone", "another CA"])
async def test_a_cloud_that_does_not_answer_is_unreachable(world: World, tmp_path: Path, state: str) -> None:
    world.arm.down = state == "down"
    changes = {"gone": {"metadata_host": "127.0.0.1:1"}, "another CA": {"ca_file": ""}}.get(state, {})
    account = replace(world.account, settings={**world.account.settings, **changes})
    with pytest.raises(UnreachableError) as raised:
        await world.provider.open(account).cloud.instances()
    assert raised.value.next_step


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tenant_id": ""}, "tenant_id"),
        ({"subnet_id": "mine"}, "subnet"),
        ({"ssh_from": "everywhere"}, "ssh_from"),
    ],
)
def test_a_field_that_cannot_be_is_named(changes: dict[str, str], named: str) -> None:
    settings = {"tenant_id": TENANT, "subscription_id": SUBSCRIPTION, "client_id": CLIENT, **changes}
    account = Account(id=AccountId("azure:default"), settings=settings, secrets={"client_secret": SECRET})
    with pytest.raises(InvalidInputError, match=named):
        AzureProvider(MASTER, lambda: KEY, admit_ssh=True, clock=SystemClock()).open(account)


# --- instances ---


async def test_what_carries_our_tag_is_listed_on_every_page(world: World) -> None:
    world.arm.page_size = 1
    identity = await world.launch("i-1")
    await world.launch("i-2", public=False)
    await world.launch("i-3", master="another")
    there = await seen(world.cloud)
    assert set(there) == {"i-1", "i-2"}
    first = there["i-1"]
    assert first.provider_id == identity.lower()
    assert (first.running, first.zone, first.region, first.deployment_id) == (True, "2", "westeurope", "d-1")
    assert first.address.startswith("203.0.113.")
    assert there["i-2"].address.startswith("10.0.0.")
    assert first.started_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("policy", "reason"), [("Delete", GONE), ("Deallocate", "deallocated: evicted, or by somebody; Azure does not say")]
)
async def test_an_evicted_one_is_over_though_it_may_be_gone(world: World, policy: str, reason: str) -> None:
    identity, cloud = await world.launch("i-1", evictionPolicy=policy), world.cloud
    assert (await seen(cloud))["i-1"].running
    world.arm.evict(identity)
    for _ in range(2):  # it is remembered
        one = (await seen(cloud))["i-1"]
        assert (one.running, one.end_reason, one.crashed) == (False, reason, False)
        assert one.ended_at is not None
        assert one.leftover is (policy == "Deallocate")
    await cloud.remove(one.provider_id)
    assert not any(one.running or one.leftover for one in await cloud.instances(everywhere=True))


async def test_an_interruption_is_a_true_eviction(world: World) -> None:
    identity, cloud = await world.launch("i-1"), world.cloud
    assert "30 s" in await cloud.interrupt(identity, notice_s=120)
    assert world.arm.of_type("Microsoft.Compute/virtualMachines") == {}
    with pytest.raises(NotFoundError):
        await cloud.interrupt(identity, notice_s=30)


async def test_what_azure_cannot_do_is_refused(world: World) -> None:
    await world.launch("i-1")
    regular = await world.launch("i-2", priority="Regular", evictionPolicy=None)
    with pytest.raises(InvalidInputError, match="spot"):
        await world.cloud.interrupt(regular, notice_s=30)
    with pytest.raises(NotFoundError):
        await world.cloud.interrupt("nonsense", notice_s=30)
    assert {key for key, one in (await seen(world.cloud)).items() if one.running} == {"i-1", "i-2"}


async def test_without_notice_it_is_off_at_once(world: World) -> None:
    identity, cloud = await world.launch("i-1"), world.cloud
    await cloud.interrupt(identity, notice_s=0)
    assert world.arm.requests[-1].query["skipShutdown"] == "true"
    one = (await seen(cloud))["i-1"]
    assert (one.running, one.crashed) == (False, True)
    with pytest.raises(NotFoundError):
        await cloud.interrupt(identity, notice_s=0)


async def test_an_orphan_is_removed_with_all_its_parts_and_may_be_twice(world: World) -> None:
    identity = await world.launch("i-1")
    await world.launch("i-2")
    for _ in range(2):
        await world.cloud.remove(identity)
    assert {one["name"] for one in world.arm.resources.values()} == {GROUP, "kyc-i-2"}


async def test_what_an_evicted_one_left_behind_is_found_and_removed(world: World) -> None:
    identity, cloud = await world.launch("i-1"), world.cloud
    world.arm.evict(identity)
    assert [one.running for one in await cloud.instances()] == []
    [left] = (await seen(cloud, everywhere=True)).values()
    assert (left.provider_id, left.running, left.leftover, left.end_reason) == (
        identity.lower(),
        False,
        True,
        LEFT_OVER,
    )
    await cloud.remove(left.provider_id)
    assert await seen(cloud, everywhere=True) == {}
    assert {one["name"] for one in world.arm.resources.values()} == {GROUP}


# --- launches ---


@pytest.mark.parametrize(
    ("refusal", "error"),
    [(NO_SKU, CapacityUnavailableError), (NO_ROOM, CapacityUnavailableError), (NO_QUOTA, QuotaError)],
)
async def test_capacity_and_quota_are_refused_as_azure_does(world: World, refusal: Any, error: type[Exception]) -> None:
    world.arm.refusals.append(refusal)
    with pytest.raises(error, match=refusal.message.split(".")[0]):
        await world.launch("i-1")
    assert world.arm.of_type("Microsoft.Compute/virtualMachines") == {}
    await world.launch("i-1")


async def test_what_is_used_is_not_deleted(world: World) -> None:
    await world.launch("i-1")
    with pytest.raises(UnreachableError, match="InUse"):
        await asyncio.to_thread(_delete_interface, world.client)


def _delete_interface(client: AzureClient) -> None:
    with understood():
        client.network.network_interfaces.begin_delete(GROUP, "kyc-i-1").result(timeout=60)


def test_the_emulator_wants_a_token() -> None:
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines"
    assert Arm()(Request("GET", path, {"api-version": "2024-07-01"})).status == 401
