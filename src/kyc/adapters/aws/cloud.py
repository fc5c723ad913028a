"""AWS from outside: what carries our tags in the regions in use, why it ended, and how to have one interrupted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kyc.adapters.aws.experiment import SHORTEST_NOTICE_S, interrupt_with_notice
from kyc.adapters.aws.session import AwsSession
from kyc.domain.errors import InvalidInputError, NotFoundError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.cloud import TAG_DEPLOYMENT, TAG_INSTANCE, TAG_MASTER, CloudInstance

CLOUD = "aws"
AT_ONCE = 8  # regions
_RUNNING = frozenset({"pending", "running"})
_STOPPED = frozenset({"stopping", "stopped"})
_WHEN = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
_REASONS: Mapping[str, str] = {
    "Server.SpotInstanceTermination": "AWS took the spot instance away",
    "Server.SpotInstanceShutdown": "AWS stopped the spot instance",
    "Server.InsufficientInstanceCapacity": "AWS had no capacity to start it",
    "Server.InternalError": "AWS failed to start it",
    "Server.ScheduledStop": "AWS stopped it as scheduled",
    "Client.InstanceInitiatedShutdown": "it shut itself down",
    "Client.InstanceTerminated": "it was terminated",
    "Client.UserInitiatedShutdown": "somebody ended it by the API",
    "Client.UserInitiatedHibernate": "somebody hibernated it by the API",
    "Client.VolumeLimitExceeded": "the account's limit on disks was reached",
    "Client.InternalError": "it could not start, as when its disk's key may not be used",
    "Client.InvalidSnapshot.NotFound": "its image's snapshot is gone",
}
_BY_ITSELF = frozenset({"Client.InstanceInitiatedShutdown"})


@dataclass(slots=True)
class AwsCloud:
    """The Cloud port on EC2. `regions` gives those in use; a look at `everywhere` asks AWS which there are."""

    session: AwsSession
    master_id: str
    regions: Callable[[], Awaitable[frozenset[str]]]
    name: str = CLOUD
    look_every_s: float = 15.0
    _region_of: dict[str, str] = field(default_factory=dict)

    async def instances(self, *, everywhere: bool = False) -> list[CloudInstance]:
        """Return what carries our tags, ended ones for as long as EC2 remembers them (about an hour)."""
        regions = await (self._enabled() if everywhere else self.regions())
        turns = asyncio.Semaphore(AT_ONCE)

        async def look(region: str) -> list[CloudInstance]:
            async with turns:
                return await self.session.call("ec2", region, lambda client: self._listed(client, region))

        found = [one for listed in await asyncio.gather(*map(look, sorted(regions))) for one in listed]
        self._region_of.update((one.provider_id, one.region) for one in found)
        return found

    async def interrupt(self, provider_id: str, *, notice_s: float) -> str:
        """Terminate it for no notice; else have AWS's Fault Injection Service interrupt it as AWS itself would."""
        region = await self._region(provider_id)
        if notice_s <= 0:
            await self.session.call("ec2", region, lambda ec2: _terminate_running(ec2, provider_id))
            return "terminated by EC2's TerminateInstances"
        role = self.session.account.settings.get("fis_role", "")
        if not role:
            raise InvalidInputError(
                "AWS gives a notice only through its Fault Injection Service, for which the account has no role",
                next_step="Give the account a fis_role (kyc cloud add aws --set fis_role=ARN), or say --notice 0.",
            )
        if notice_s < SHORTEST_NOTICE_S:
            raise InvalidInputError(f"AWS gives its notice {SHORTEST_NOTICE_S} s before", next_step="Say --notice 120.")
        await interrupt_with_notice(self.session, region, provider_id, role=role, notice_s=notice_s)
        return "interrupted by AWS's Fault Injection Service"

    async def remove(self, provider_id: str) -> None:
        """Terminate it, and the request that would bring it back."""
        try:
            region = await self._region(provider_id)
            await self.session.call("ec2", region, lambda ec2: _terminate(ec2, provider_id))
        except NotFoundError:
            return  # EC2 has forgotten it

    async def reach(self, url: str) -> str:
        """Return the URL as it is: a public one is the same everywhere, a local one is brought there by a tunnel."""
        return url

    async def _region(self, provider_id: str) -> str:
        if provider_id not in self._region_of:
            await self.instances()
        if provider_id not in self._region_of:
            await self.instances(everywhere=True)
        region = self._region_of.get(provider_id)
        if region is None:
            raise NotFoundError(f"AWS has no instance {provider_id} of ours", next_step="`kyc instances` lists them.")
        return region

    async def _enabled(self) -> frozenset[str]:
        def ask(client: Any) -> frozenset[str]:  # noqa: ANN401  # boto3 has no types
            found = client.describe_regions()["Regions"]  # by default those that the account has enabled
            return frozenset(one["RegionName"] for one in found)

        return await self.session.call("ec2", self.session.region, ask)

    def _listed(self, client: Any, region: str) -> list[CloudInstance]:  # noqa: ANN401
        ours = [{"Name": f"tag:{TAG_MASTER}", "Values": [self.master_id]}]
        pages = client.get_paginator("describe_instances").paginate(Filters=ours)
        return [seen(one, region) for page in pages for group in page["Reservations"] for one in group["Instances"]]


def seen(raw: Mapping[str, Any], region: str) -> CloudInstance:
    """Return an instance of DescribeInstances as the port tells it."""
    tags = {tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())}
    state, code = raw["State"]["Name"], raw.get("StateReason", {}).get("Code", "")
    running = state in _RUNNING
    return CloudInstance(
        provider_id=raw["InstanceId"],
        instance_id=InstanceId(tags.get(TAG_INSTANCE, "")),
        deployment_id=DeploymentId(tags.get(TAG_DEPLOYMENT, "")),
        running=running,
        leftover=state in _STOPPED,
        zone=raw.get("Placement", {}).get("AvailabilityZone", ""),
        region=region,
        address=raw.get("PublicIpAddress") or raw.get("PrivateIpAddress") or None,
        started_at=raw.get("LaunchTime"),
        ended_at=None if running else _ended_at(raw.get("StateTransitionReason", "")),
        end_reason="" if running else _reason(code, raw),
        crashed=not running and code in _BY_ITSELF,
    )


def _reason(code: str, raw: Mapping[str, Any]) -> str:
    words = _REASONS.get(code) or raw.get("StateReason", {}).get("Message", "") or raw["State"]["Name"]
    return f"{words} ({code})" if code else str(words)


def _ended_at(transition: str) -> datetime | None:
    """Return the time in EC2's words, such as `User initiated (2026-05-01 12:00:00 GMT)`."""
    found = _WHEN.search(transition)
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if found else None


def _terminate_running(ec2: Any, provider_id: str) -> None:  # noqa: ANN401
    [group] = ec2.describe_instances(InstanceIds=[provider_id])["Reservations"]
    if group["Instances"][0]["State"]["Name"] not in _RUNNING:
        raise NotFoundError(f"{provider_id} does not run any more", next_step="`kyc instances` lists what runs.")
    ec2.terminate_instances(InstanceIds=[provider_id])


def _terminate(ec2: Any, provider_id: str) -> None:  # noqa: ANN401
    [group] = ec2.describe_instances(InstanceIds=[provider_id])["Reservations"]
    request = group["Instances"][0].get("SpotInstanceRequestId")
    if request:  # a persistent one would launch it again
        ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request])
    ec2.terminate_instances(InstanceIds=[provider_id])
