"""An AWS account and what runs in it, by boto3 against moto: rights one by one, instances seen, ended, explained."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kyc.adapters.aws.cloud import AwsCloud, seen
from kyc.adapters.aws.provider import environment_of
from kyc.adapters.aws.rights import least_policy
from kyc.adapters.aws.session import AwsSession
from kyc.domain.errors import CredentialError, InvalidInputError, NotFoundError, UnreachableError
from kyc.ports.account import Account
from tests.aws.stand import MASTER, Aws, account_at, aws_running, provider

pytestmark = pytest.mark.timeout(400)  # moto makes networks in each region that is looked at first


@pytest.fixture(scope="module")
def server() -> Iterator[Aws]:
    with aws_running() as running:
        yield running


@pytest.fixture
def aws(server: Aws) -> Aws:
    server.reset()
    return server


@pytest.fixture
def cloud(aws: Aws) -> AwsCloud:
    async def regions() -> frozenset[str]:
        return frozenset({"us-east-1"})

    return AwsCloud(AwsSession(account_at(aws.url)), MASTER, regions)


def run(aws: Aws, instance_id: str = "i-1", *, master: str = MASTER, region: str = "us-east-1") -> str:
    """Start an instance with our tags; return its provider id."""
    ec2 = aws.client(region=region)
    tags = {"kyc-master": master, "kyc-deployment": "d-1", "kyc-instance": instance_id}
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    made = ec2.run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        InstanceType="m5.large",
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    return str(made["Instances"][0]["InstanceId"])


async def test_a_missing_right_is_named_with_the_policy_that_grants_it(aws: Aws) -> None:
    policy = json.loads(least_policy())
    policy["Statement"][0]["Action"].remove("ec2:RunInstances")
    policy["Statement"].append({"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"})
    iam = aws.client("iam")
    iam.create_user(UserName="kyc")
    iam.put_user_policy(UserName="kyc", PolicyName="kyc", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="kyc")["AccessKey"]
    account = account_at(aws.url)
    account = replace(
        account, secrets={"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    )
    with aws.checking_credentials():
        verdict = await provider().check(account)
        assert [right.name for right in verdict.missing] == ["ec2:RunInstances"]
        assert "not authorized" in verdict.missing[0].problem
        assert verdict.identity.endswith("user/kyc")
        assert "ec2:RunInstances" in verdict.policy
        wrong = replace(account, secrets={**account.secrets, "secret_access_key": "wrong"})
        with pytest.raises(CredentialError) as raised:
            await provider().check(wrong)
        assert "wrong" not in str(raised.value).lower().replace("wrongly", "")
        assert raised.value.next_step


async def test_a_wrong_setting_is_named_and_nobody_is_asked(aws: Aws) -> None:
    with pytest.raises(InvalidInputError, match="ssh_from"):
        await provider().check(account_at(aws.url, ssh_from="everywhere"))
    with pytest.raises(InvalidInputError, match="region"):
        await provider().check(account_at(aws.url, region="US East"))
    with pytest.raises(UnreachableError):
        await AwsCloud(AwsSession(account_at("http://127.0.0.1:9")), MASTER, _none).instances(everywhere=True)


async def _none() -> frozenset[str]:
    return frozenset()


async def test_only_ours_are_listed_in_the_regions_in_use_or_everywhere(aws: Aws, cloud: AwsCloud) -> None:
    here, elsewhere = run(aws, "i-1"), run(aws, "i-2", region="eu-west-1")
    run(aws, "i-3", master="another")
    assert [(one.provider_id, one.instance_id) for one in await cloud.instances()] == [(here, "i-1")]
    found = {one.provider_id: one.region for one in await cloud.instances(everywhere=True)}
    assert found == {here: "us-east-1", elsewhere: "eu-west-1"}
    await cloud.remove(elsewhere)
    await cloud.remove(elsewhere)
    assert aws.running("eu-west-1") == {}


async def test_an_interruption_without_a_notice_is_its_end(aws: Aws, cloud: AwsCloud) -> None:
    provider_id = run(aws)
    assert "TerminateInstances" in await cloud.interrupt(provider_id, notice_s=0)
    [ended] = await cloud.instances()
    assert not ended.running
    assert not ended.crashed
    assert ended.ended_at is not None
    assert "Client.UserInitiatedShutdown" in ended.end_reason
    with pytest.raises(NotFoundError):
        await cloud.interrupt(provider_id, notice_s=0)
    with pytest.raises(NotFoundError):
        await cloud.interrupt("i-0123456789abcdef0", notice_s=0)


async def test_a_notice_needs_a_role_and_says_so(aws: Aws, cloud: AwsCloud) -> None:
    with pytest.raises(InvalidInputError, match="Fault Injection") as raised:
        await cloud.interrupt(run(aws), notice_s=120)
    assert "fis_role" in raised.value.next_step


async def test_with_a_role_aws_itself_gives_the_notice(aws: Aws) -> None:
    role = "arn:aws:iam::123456789012:role/interrupt"
    cloud = AwsCloud(AwsSession(account_at(aws.url, fis_role=role)), MASTER, _home)
    provider_id = run(aws)
    assert "Fault Injection Service" in await cloud.interrupt(provider_id, notice_s=130)
    target = f"arn:aws:ec2:us-east-1:123456789012:instance/{provider_id}"
    assert aws.experiments() == [{"target": target, "after": "PT2M", "role": role}]
    with pytest.raises(InvalidInputError, match="120 s before"):
        await cloud.interrupt(provider_id, notice_s=30)
    with pytest.raises(InvalidInputError, match="900 s at most"):
        await cloud.interrupt(provider_id, notice_s=3600)
    assert len(aws.experiments()) == 1


async def _home() -> frozenset[str]:
    return frozenset({"us-east-1"})


@pytest.mark.parametrize(
    ("state", "code", "running", "leftover", "crashed", "says"),
    [
        ("running", "", True, False, False, ""),
        ("terminated", "Server.SpotInstanceTermination", False, False, False, "took the spot instance away"),
        ("stopped", "Server.SpotInstanceShutdown", False, True, False, "stopped the spot instance"),
        ("shutting-down", "Client.InstanceInitiatedShutdown", False, False, True, "shut itself down"),
        ("terminated", "Client.VolumeLimitExceeded", False, False, False, "limit on disks"),
        ("terminated", "Server.SomethingNew", False, False, False, "Server.SomethingNew"),
    ],
)
def test_why_an_instance_ended(state: str, code: str, running: bool, leftover: bool, crashed: bool, says: str) -> None:
    raw = {
        "InstanceId": "i-0a",
        "State": {"Name": state},
        "StateReason": {"Code": code, "Message": code},
        "StateTransitionReason": "User initiated (2026-05-01 12:00:00 GMT)",
        "Tags": [],
    }
    one = seen(raw, "us-east-1")
    assert (one.running, one.leftover, one.crashed) == (running, leftover, crashed)
    assert says in one.end_reason
    assert one.ended_at == (None if running else datetime(2026, 5, 1, 12, tzinfo=UTC))


def test_terraform_gets_the_account_by_its_environment_alone() -> None:
    account: Account = account_at("http://127.0.0.1:1")
    env = environment_of(account)
    assert env["AWS_SECRET_ACCESS_KEY"] == account.secrets["secret_access_key"]
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert account.secrets["secret_access_key"] not in repr(account)


async def test_a_further_region_costs_little_memory() -> None:
    """What boto3 reads of EC2 takes 24 MB: a sweep of all regions must not read it for each."""
    session = AwsSession(account_at("http://127.0.0.1:9"))

    async def make(region: str) -> int:
        await session.call("ec2", region, lambda client: client)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = await make("us-east-1")
        assert await make("us-west-2") - first < 8 << 20
    finally:
        tracemalloc.stop()
