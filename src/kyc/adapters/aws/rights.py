"""What an AWS account must be allowed to do: asked one by one by dry runs, and as the least policy that grants it.

With DryRun, EC2 checks the right and then refuses to act: DryRunOperation means granted, UnauthorizedOperation not.
Some calls check their arguments first; about those AWS does not say. Sources: the EC2 API reference, "Granting required
permissions for Amazon EC2 resources", and the calls that the Terraform provider was seen to make.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kyc.adapters.aws.session import AwsSession, code_of
from kyc.ports.account import Right

Arguments = Mapping[str, Any]
_NONE: Arguments = {}
_GRANTED = "DryRunOperation"
_DENIED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
AT_ONCE = 4
_NO_ID = "0123456789abcdef0"  # of nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A right, and the dry run that shows whether it is granted; without a method nothing can be asked."""

    right: str
    purpose: str
    method: str = ""
    arguments: Arguments = field(default_factory=dict)
    required: bool = True


def _describe(right: str, purpose: str, *, required: bool = True) -> Probe:
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in right).lstrip("_")
    return Probe(right=f"ec2:{right}", purpose=purpose, method=method, required=required)


_SEE = "to see what runs"
_NETWORK = "to find and make the security group"
PROBES = (
    _describe("DescribeInstances", _SEE),
    Probe(
        right="ec2:DescribeInstanceTypes",
        purpose="to know the instance types",
        method="describe_instance_types",
        arguments={"InstanceTypes": ["t3.micro"]},
        required=False,
    ),
    Probe(
        right="ec2:DescribeInstanceAttribute",
        purpose=_SEE,
        method="describe_instance_attribute",
        arguments={"InstanceId": f"i-{_NO_ID}", "Attribute": "userData"},
    ),
    _describe("DescribeInstanceCreditSpecifications", _SEE),
    _describe("DescribeVolumes", "to see the instances' disks"),
    _describe("DescribeTags", _SEE),
    Probe(
        right="ec2:DescribeImages",
        purpose="to find the newest image",
        method="describe_images",
        arguments={"Owners": ["self"]},
    ),
    _describe("DescribeRegions", "to look for forgotten instances in every region"),
    _describe("DescribeAvailabilityZones", "to know the zones"),
    _describe("DescribeVpcs", _NETWORK),
    Probe(
        right="ec2:DescribeVpcAttribute",
        purpose=_NETWORK,
        method="describe_vpc_attribute",
        arguments={"VpcId": f"vpc-{_NO_ID}", "Attribute": "enableDnsSupport"},
    ),
    _describe("DescribeSubnets", "to find the zone's subnet"),
    _describe("DescribeSecurityGroups", _NETWORK),
    _describe("DescribeNetworkInterfaces", _NETWORK),
    _describe("DescribeKeyPairs", "to give instances the master's SSH key"),
    Probe(
        right="ec2:CreateSecurityGroup",
        purpose=_NETWORK,
        method="create_security_group",
        arguments={"GroupName": "kyc-check", "Description": "dry run"},
    ),
    Probe(
        right="ec2:AuthorizeSecurityGroupIngress",
        purpose="to admit SSH and the edge",
        method="authorize_security_group_ingress",
        arguments={"GroupId": f"sg-{_NO_ID}", "IpPermissions": []},
    ),
    Probe(
        right="ec2:AuthorizeSecurityGroupEgress",
        purpose="to let instances call out",
        method="authorize_security_group_egress",
        arguments={"GroupId": f"sg-{_NO_ID}", "IpPermissions": []},
    ),
    Probe(
        right="ec2:RevokeSecurityGroupEgress",
        purpose=_NETWORK,
        method="revoke_security_group_egress",
        arguments={"GroupId": f"sg-{_NO_ID}", "IpPermissions": []},
    ),
    Probe(
        right="ec2:RevokeSecurityGroupIngress",
        purpose=_NETWORK,
        method="revoke_security_group_ingress",
        arguments={"GroupId": f"sg-{_NO_ID}", "IpPermissions": []},
    ),
    Probe(
        right="ec2:DeleteSecurityGroup",
        purpose="to leave nothing behind",
        method="delete_security_group",
        arguments={"GroupId": f"sg-{_NO_ID}"},
    ),
    Probe(
        right="ec2:ImportKeyPair",
        purpose="to give instances the master's SSH key",
        method="import_key_pair",
        arguments={"KeyName": "kyc-check", "PublicKeyMaterial": b"ssh-ed25519 AAAA"},
    ),
    Probe(
        right="ec2:DeleteKeyPair",
        purpose="to leave nothing behind",
        method="delete_key_pair",
        arguments={"KeyName": "kyc-check"},
    ),
    Probe(
        right="ec2:RunInstances",
        purpose="to buy instances",
        method="run_instances",
        arguments={"MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro"},
    ),
    Probe(
        right="ec2:CreateTags",
        purpose="to mark instances as ours before they can cost anything",
        method="create_tags",
        arguments={"Resources": [f"i-{_NO_ID}"], "Tags": [{"Key": "kyc-check", "Value": ""}]},
    ),
    Probe(
        right="ec2:TerminateInstances",
        purpose="to give instances back",
        method="terminate_instances",
        arguments={"InstanceIds": [f"i-{_NO_ID}"]},
    ),
    Probe(
        right="ec2:CancelSpotInstanceRequests",
        purpose="to give back instances that are stopped, not terminated, when AWS takes them away",
        method="cancel_spot_instance_requests",
        arguments={"SpotInstanceRequestIds": ["sir-00000000"]},
        required=False,
    ),
    _describe("DescribeSpotInstanceRequests", "to see why spot instances ended", required=False),
    _describe("DescribeSpotPriceHistory", "to know the prices of now", required=False),
    Probe(right="iam:PassRole", purpose="to launch with a role (--role)", required=False),
    Probe(right="iam:CreateServiceLinkedRole", purpose="the account's very first spot instance", required=False),
    Probe(right="fis:StartExperiment", purpose="kyc interrupt with a notice", required=False),
)


async def ask_rights(session: AwsSession) -> list[Right]:
    """Return every right and whether AWS grants it."""
    image = await _any_image(session)
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(probe: Probe) -> Right:
        async with turns:
            return await _ask(session, probe, image)

    return list(await asyncio.gather(*map(ask, PROBES)))


def least_policy() -> str:
    """Return the IAM policy that grants all of PROBES and nothing else."""
    by_service: dict[str, list[str]] = {}
    for probe in PROBES:
        by_service.setdefault(probe.right.partition(":")[0], []).append(probe.right)
    ec2 = {"Sid": "KeepYourCost", "Effect": "Allow", "Action": sorted(by_service["ec2"]), "Resource": "*"}
    spot_role = {
        "Sid": "FirstSpotInstance",
        "Effect": "Allow",
        "Action": "iam:CreateServiceLinkedRole",
        "Resource": "arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/*",
        "Condition": {"StringLike": {"iam:AWSServiceName": "spot.amazonaws.com"}},
    }
    roles = {
        "Sid": "RolesForInstancesAndInterruptions",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": "arn:aws:iam::*:role/kyc-*",
    }
    notices = {
        "Sid": "InterruptionsWithNotice",
        "Effect": "Allow",
        "Action": [
            "fis:CreateExperimentTemplate",
            "fis:DeleteExperimentTemplate",
            "fis:StartExperiment",
            "fis:TagResource",
        ],
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [ec2, spot_role, roles, notices]}, indent=2)


async def _ask(session: AwsSession, probe: Probe, image: str | None) -> Right:
    def right(granted: bool | None, problem: str = "") -> Right:
        return Right(name=probe.right, purpose=probe.purpose, granted=granted, problem=problem, required=probe.required)

    if not probe.method:
        return right(None, "AWS has no dry run for it")
    arguments = dict(probe.arguments)
    if probe.right == "ec2:RunInstances":
        arguments["ImageId"] = image or f"ami-{_NO_ID}"
    code, said = await session.call("ec2", session.region, lambda client: _dry_run(client, probe.method, arguments))
    if code == _GRANTED or not code:
        return right(True)
    return right(False, said) if code in _DENIED else right(None, f"AWS says {code} instead")


def _dry_run(client: Any, method: str, arguments: Arguments) -> tuple[str, str]:  # noqa: ANN401  # boto3 has no types
    """Return the code and text of AWS's answer; none if it went through, as a description may."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        call: Callable[..., object] = getattr(client, method)
        call(DryRun=True, **arguments)
    except ClientError as error:
        return code_of(error), str(error)
    return "", ""


async def _any_image(session: AwsSession) -> str | None:
    """Return the id of an image that exists, for the dry run of a launch; None if none can be seen."""

    def find(client: Any) -> str | None:  # noqa: ANN401
        from botocore.exceptions import ClientError  # noqa: PLC0415

        wanted = [{"Name": "architecture", "Values": ["x86_64"]}, {"Name": "root-device-type", "Values": ["ebs"]}]
        try:
            images = client.describe_images(Owners=["099720109477", "amazon"], Filters=wanted, MaxResults=20)["Images"]
        except ClientError as error:
            if code_of(error) in _DENIED:
                return None
            raise
        return str(images[0]["ImageId"]) if images else None

    return await session.call("ec2", session.region, find)
