"""AWS by the real Terraform and the real hashicorp/aws provider, against moto's EC2.

Each test ends with what runs at AWS being what the inventory says, to the id.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from kyc.domain.deployment import DeploymentState
from kyc.domain.event import EventKind
from kyc.domain.instance import InstanceState
from kyc.domain.refusal import Refusal
from tests.aws.master import in_state, small_master
from tests.aws.stand import Aws, Stand, aws_offer, aws_running, terraform_stand
from tests.needs import need
from tests.simulation.world import spec

pytestmark = pytest.mark.timeout(900)
_S = InstanceState


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    need("aws-provider")
    with aws_running() as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: the ground is made once, as it is for a person."""
    return tmp_path_factory.mktemp("aws") / "home"


@pytest.fixture
async def stand(aws: Aws, home: Path) -> AsyncIterator[Stand]:
    async with terraform_stand(aws, home, regions=("us-east-1",)) as opened:
        aws.forget_faults()
        yield opened


async def test_five_are_bought_listed_and_given_back_one_by_one(stand: Stand) -> None:
    master = small_master(stand, [aws_offer(zone="use1-az4")])
    async with master.running():
        made = await master.intents.launch(None, 5)
        there = await master.until(lambda all_: len(in_state(all_, _S.BOOTING)) == 5)
        assert {one.provider_id for one in there} == set(stand.aws.running())
        listed = {one.instance_id: one for one in await stand.opened.cloud.instances()}
        assert set(listed) == set(made.instance_ids)
        for one in stand.aws.running().values():
            tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            assert (tags["kyc-master"], tags["kyc-deployment"]) == ("m1", made.id)
            assert one["InstanceLifecycle"] == "spot"
            assert one["Placement"]["AvailabilityZone"] == "us-east-1d"  # use1-az4, as this account calls it
            assert one["MetadataOptions"]["HttpTokens"] == "required"
            assert one["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
            assert one["NetworkInterfaces"][0]["Groups"][0]["GroupName"].startswith("kyc-m1-")
            assert one["KeyName"].startswith("kyc-m1-")
        groups = stand.aws.client().describe_security_groups()["SecurityGroups"]
        rules = [rule for one in groups if one["GroupName"].startswith("kyc-m1-") for rule in one["IpPermissions"]]
        assert {(rule["FromPort"], rule["ToPort"]) for rule in rules} == {(22, 22), (30_000, 31_999)}
        await master.intents.terminate(made.instance_ids[0])
        await master.until(lambda all_: in_state(all_, _S.TERMINATED))
        assert len(stand.aws.running()) == 4
        for instance_id in made.instance_ids[1:]:
            await master.intents.terminate(instance_id)
        await master.until(lambda all_: len(in_state(all_, _S.TERMINATED)) == 5)
        await master.settled()
        assert stand.aws.running() == {}
        assert await stand.provisioner.deployments() == frozenset()


async def test_an_empty_pool_and_an_interruption_lead_to_other_zones(stand: Stand) -> None:
    """No capacity in the first zone: the second; interrupted there: the third, for the first two are to be avoided."""
    zones = {"use1-az4": "us-east-1d", "use1-az6": "us-east-1a", "use1-az1": "us-east-1b"}
    offers = [aws_offer(zone=zone, price=f"0.0{number}") for number, zone in enumerate(zones, 1)]
    master = small_master(stand, offers)
    async with master.running():
        subnets = {one["AvailabilityZone"]: one["SubnetId"] for one in stand.aws.client().describe_subnets()["Subnets"]}
        stand.aws.fail(
            "RunInstances", "InsufficientInstanceCapacity", status=500, times=99, where=subnets["us-east-1d"]
        )
        job = await master.intents.submit_job(spec())
        found = await master.until(lambda all_: in_state(all_, _S.BOOTING))
        [refused], [first] = in_state(found, _S.FAILED), in_state(found, _S.BOOTING)
        assert refused.refusal is Refusal.CAPACITY
        assert (refused.offer.zone, first.offer.zone) == ("use1-az4", "use1-az6")
        assert stand.aws.calls("RunInstances") == 2  # none was tried again
        assert first.provider_id is not None
        how = await stand.opened.cloud.interrupt(first.provider_id, notice_s=0)
        assert "TerminateInstances" in how
        found = await master.until(lambda all_: [one for one in in_state(all_, _S.BOOTING) if one.id != first.id])
        [second] = in_state(found, _S.BOOTING)
        assert second.offer.zone == "use1-az1"
        [lost] = await master.events(EventKind.INSTANCE_LOST)
        assert lost.subject == first.id
        assert "Client.UserInitiatedShutdown" in lost.reason
        await master.intents.stop(job.name)
        await master.until(lambda all_: all(one.is_over for one in all_))
        await master.settled()
        assert stand.aws.running() == {}


REFUSALS = {
    "m5.large": ("VcpuLimitExceeded", Refusal.QUOTA, "VcpuLimitExceeded"),
    "c5.large": ("ExpiredToken", Refusal.CREDENTIALS, "kyc cloud"),
    "r5.large": ("SpotMaxPriceTooLow", Refusal.PRICE, "maximum price"),
    "t3.large": ("Unsupported", Refusal.UNSUPPORTED, "not sold there"),
    "a1.large": ("AuthFailure", Refusal.CREDENTIALS, "kyc cloud"),
}


async def test_each_refusal_is_named_and_leaves_nothing(stand: Stand) -> None:
    offers = {kind: aws_offer(instance_type=kind) for kind in REFUSALS}
    master = small_master(stand, offers.values())
    for kind, (code, _, _) in REFUSALS.items():
        stand.aws.fail("RunInstances", code, times=99, where=kind)
    async with master.running():
        made = {kind: await master.intents.launch(offer.id, 1) for kind, offer in offers.items()}
        found = await master.until(lambda all_: len(in_state(all_, _S.FAILED)) == len(REFUSALS))
        by_deployment = {one.deployment_id: one for one in found}
        failed = {one.subject: one for one in await master.events(EventKind.DEPLOYMENT_FAILED)}
        for kind, (code, refusal, words) in REFUSALS.items():
            one = by_deployment[made[kind].id]
            assert one.refusal is refusal, kind
            assert code in one.end_reason
            assert words in f"{failed[made[kind].id].data['next_step']} {one.end_reason}"
        assert stand.aws.calls("RunInstances") == len(REFUSALS)
        async with asyncio.timeout(240):
            while {one.state for one in await master.store.deployments()} != {DeploymentState.DESTROYED}:
                await asyncio.sleep(0.1)
        assert await master.agrees()
        assert stand.aws.running() == {}
        assert await stand.provisioner.deployments() == frozenset()


async def test_a_killed_apply_leaves_nothing_running(stand: Stand) -> None:
    master = small_master(stand, [aws_offer()])
    async with master.running():
        await master.intents.launch(None, 1)
        async with asyncio.timeout(240):
            while not stand.aws.running():  # bought; Terraform is still waiting for it to run
                await asyncio.sleep(0.05)
        killed = _kill_engines(stand)
        assert killed
        await master.until(lambda all_: in_state(all_, _S.FAILED))
        await master.settled()
        assert stand.aws.running() == {}
        async with asyncio.timeout(240):
            while not await master.events(EventKind.ORPHAN_REMOVED):
                await asyncio.sleep(0.1)
        [found], [removed] = await master.events(EventKind.ORPHAN_FOUND), await master.events(EventKind.ORPHAN_REMOVED)
        assert found.subject == removed.subject


async def test_the_ground_is_given_back(stand: Stand) -> None:
    """Comes last: what all of the above stood on goes, and with it the last trace of us."""
    for ground in await stand.provisioner.grounds():
        await stand.provisioner.release(ground, _silent)
    assert await stand.provisioner.grounds() == frozenset()
    groups = stand.aws.client().describe_security_groups()["SecurityGroups"]
    assert not [one for one in groups if one["GroupName"].startswith("kyc-")]
    assert not stand.aws.client().describe_key_pairs()["KeyPairs"]


async def _silent(_line: object) -> None:
    """Let it pass."""


def _kill_engines(stand: Stand) -> int:
    """Kill every engine, and what it started, that works in the stand's workspaces; return how many there were."""
    killed = 0
    for process in psutil.process_iter(["cwd", "name"]):
        where = process.info["cwd"] or ""
        if where.startswith(str(stand.provisioner.root)):
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
    return killed
