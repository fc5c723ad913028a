"""Every wish of a launch, as the real hashicorp/aws provider asks EC2 for it: RunInstances' own parameters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from kyc.domain.ids import InstanceId
from kyc.domain.launch import LaunchOptions, OnInterruption
from kyc.domain.offer import Offer
from tests.aws.stand import Aws, Stand, aws_offer, aws_running, terraform_stand
from tests.needs import need
from tests.terraform.stand import deployment

pytestmark = pytest.mark.timeout(900)
_SPOT = "InstanceMarketOptions.SpotOptions"


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    need("aws-provider")
    with aws_running() as running:
        yield running


@pytest.fixture
async def stand(aws: Aws, tmp_path: Path) -> AsyncIterator[Stand]:
    async with terraform_stand(aws, tmp_path / "home", regions=("us-east-1",)) as opened:
        aws.reset()
        yield opened


async def _silent(_line: object) -> None:
    """Let it pass."""


async def asked(stand: Stand, offer: Offer, options: LaunchOptions, *ids: str) -> list[dict[str, str]]:
    """Buy the instances; return what EC2 was asked with for each."""
    scripts = {InstanceId(one): f"#!/bin/sh\n# {one}\n" for one in ids}
    made = await stand.provisioner.converge(deployment(offer, *ids, options=options), scripts, _silent)
    assert set(made.provider_ids.values()) == set(stand.aws.running())
    return stand.aws.requests("RunInstances")


def tags_of(request: dict[str, str], kind: str) -> dict[str, str]:
    """Return the tags that are asked for with a kind of resource."""
    [part] = [key.rpartition(".")[0] for key, value in request.items() if value == kind and "ResourceType" in key]
    keys = [key for key in request if key.startswith(f"{part}.") and key.endswith(".Key")]
    return {request[key]: request[f"{key.removesuffix('Key')}Value"] for key in keys}


async def test_all_that_a_person_can_wish_for(stand: Stand) -> None:
    ec2, zone = stand.aws.client(), "us-east-1b"
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    stand.aws.client("iam").create_instance_profile(InstanceProfileName="work")
    options = LaunchOptions(
        disk_gib=80,
        network=vpc,
        subnet=subnet,
        role="work",
        image=image,
        tags={"team": "ml"},
        max_price_usd_per_hour=Decimal("0.05"),
        on_interruption=OnInterruption.HIBERNATE,
        public_address=False,
    )
    requests = await asked(stand, aws_offer(zone=zone), options, "i-1", "i-2")
    wanted = {
        "ImageId": image,
        "InstanceType": "m5.large",
        "MinCount": "1",
        "MaxCount": "1",
        "NetworkInterface.1.SubnetId": subnet,
        "NetworkInterface.1.AssociatePublicIpAddress": "false",
        "IamInstanceProfile.Name": "work",
        "BlockDeviceMapping.1.Ebs.VolumeSize": "80",
        "BlockDeviceMapping.1.Ebs.VolumeType": "gp3",
        "BlockDeviceMapping.1.Ebs.Encrypted": "true",
        "InstanceMarketOptions.MarketType": "spot",
        f"{_SPOT}.MaxPrice": "0.05",
        f"{_SPOT}.SpotInstanceType": "persistent",
        f"{_SPOT}.InstanceInterruptionBehavior": "hibernate",
        "HibernationOptions.Configured": "true",
        "InstanceInitiatedShutdownBehavior": "stop",
        "MetadataOptions.HttpTokens": "required",
        "MetadataOptions.HttpPutResponseHopLimit": "2",
    }
    assert {tags_of(request, "instance")["kyc-instance"] for request in requests} == {"i-1", "i-2"}
    for request in requests:
        assert {key: request.get(key) for key in wanted} == wanted
        assert request["KeyName"].startswith("kyc-m1-")
        group = request["NetworkInterface.1.SecurityGroupId.1"]
        assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"] == vpc
        for kind in ("instance", "volume"):
            tags = tags_of(request, kind)
            assert (tags["team"], tags["kyc-master"], tags["kyc-deployment"]) == ("ml", "m1", "d-1")


async def test_on_demand_without_a_wish_in_another_region(stand: Stand) -> None:
    offer = aws_offer(region="us-west-2", zone="us-west-2b", spot=False)
    [request] = await asked(stand, offer, LaunchOptions(), "i-1")
    assert not [key for key in request if key.startswith(("InstanceMarketOptions", "IamInstanceProfile"))]
    assert request["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert request["NetworkInterface.1.AssociatePublicIpAddress"] == "true"
    assert request["BlockDeviceMapping.1.Ebs.VolumeSize"] == "30"
    west = stand.aws.client(region="us-west-2")
    [subnet] = west.describe_subnets(SubnetIds=[request["NetworkInterface.1.SubnetId"]])["Subnets"]
    assert subnet["AvailabilityZone"] == "us-west-2b"
    images = west.describe_images(Owners=["099720109477"], Filters=[{"Name": "name", "Values": ["*26.04-amd64*"]}])
    assert request["ImageId"] == max(images["Images"], key=lambda one: one["CreationDate"])["ImageId"]
    assert len(images["Images"]) > 1
