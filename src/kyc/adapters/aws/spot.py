"""AWS with credentials: the spot price of each zone now, and what the instance types are.

DescribeSpotPriceHistory with both ends of the time at now gives the price in force. Zones are told by their names,
which differ from account to account; offers carry zone ids (use1-az4), which do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from kyc.adapters.aws.advisor import URL, bands_of, read_advisor
from kyc.domain.errors import CredentialError, InvalidInputError, UnreachableError
from kyc.domain.offer import Arch, Purchase
from kyc.ports.pricefeed import Fact, LeftOut, MachineFact, PriceFact, Web

SOURCE = "aws-spot"
LINUX = frozenset({"Linux/UNIX", "Linux/UNIX (Amazon VPC)"})
_HOME_REGION = "us-east-1"
_ARCHS = {"x86_64": Arch.X86_64, "arm64": Arch.ARM64}
_REFUSALS = frozenset(
    {"AuthFailure", "UnauthorizedOperation", "InvalidClientTokenId", "ExpiredToken", "RequestExpired"}
)
Page = Mapping[str, Any]


class AwsSpot:
    """The PriceFeed. `regions` limits it (empty: all that the account has enabled)."""

    name = SOURCE
    cloud = "aws"
    every = timedelta(hours=1)

    def __init__(self, web: Web, *, regions: tuple[str, ...] = (), session: Any = None) -> None:  # noqa: ANN401  # boto3 has no types
        self._web = web
        self._regions = regions
        self._session = session

    def fetch(self, *, now: datetime) -> Iterator[Fact]:
        """Yield bands, machines and prices of every region; needs boto3 and credentials."""
        session, errors = self._session or _session(), _boto_errors()
        try:
            yield from bands_of(read_advisor(self._web.get(URL)))
            for region in self._regions or _enabled(session.client("ec2", region_name=_HOME_REGION)):
                yield from _region(session.client("ec2", region_name=region), region, now)
        except errors as error:
            raise _translated(error) from error


def machines_of(page: Page) -> Iterator[MachineFact]:
    """Yield the types of a page of DescribeInstanceTypes."""
    for one in page["InstanceTypes"]:
        archs = [_ARCHS[arch] for arch in one["ProcessorInfo"]["SupportedArchitectures"] if arch in _ARCHS]
        gpu, count, memory_mib = _accelerator(one)
        yield MachineFact(
            cloud="aws",
            instance_type=one["InstanceType"],
            vcpus=one["VCpuInfo"]["DefaultVCpus"],
            memory_mib=one["MemoryInfo"]["SizeInMiB"],
            arch=archs[0] if archs else None,
            gpu=gpu,
            gpu_count=count,
            gpu_memory_mib=memory_mib,
        )


def prices_of(page: Page, *, region: str, zone_ids: Mapping[str, str], now: datetime) -> Iterator[Fact]:
    """Yield the Linux prices of a page of DescribeSpotPriceHistory, under zone ids."""
    for one in page["SpotPriceHistory"]:
        zone = zone_ids.get(one["AvailabilityZone"])
        if one["ProductDescription"] not in LINUX:
            yield LeftOut(reason="not Linux")
        elif zone is None:
            yield LeftOut(reason="the zone has no id")  # a local zone that the account has not enabled
        else:
            yield PriceFact(
                cloud="aws",
                region=region,
                zone=zone,
                instance_type=one["InstanceType"],
                purchase=Purchase.SPOT,
                usd_per_hour=_price(one["SpotPrice"]),
                source=SOURCE,
                priced_at=now,
            )


def _region(client: Any, region: str, now: datetime) -> Iterator[Fact]:  # noqa: ANN401
    zones = client.describe_availability_zones()["AvailabilityZones"]
    zone_ids = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
    for page in client.get_paginator("describe_instance_types").paginate():
        yield from machines_of(page)
    pages = client.get_paginator("describe_spot_price_history").paginate(
        StartTime=now, EndTime=now, ProductDescriptions=sorted(LINUX)
    )
    for page in pages:
        yield from prices_of(page, region=region, zone_ids=zone_ids, now=now)


def _accelerator(one: Page) -> tuple[str | None, float, int]:
    """The name, number and memory (MiB, of each) of its GPUs or other accelerators; of several kinds the first."""
    for info, kinds in (
        ("GpuInfo", "Gpus"),
        ("NeuronInfo", "NeuronDevices"),
        ("InferenceAcceleratorInfo", "Accelerators"),
    ):
        devices: Iterable[Page] = one.get(info, {}).get(kinds, ())
        for device in devices:
            memory = device.get("MemoryInfo", {}).get("SizeInMiB", 0)
            count = device.get("Count") or device.get("LogicalGpuCount") or 0
            return device["Name"], float(count), int(memory)
    return None, 0.0, 0


def _price(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidInputError(f"AWS states a spot price that is no number: {text[:40]!r}") from error


def _enabled(client: Any) -> list[str]:  # noqa: ANN401
    return sorted(region["RegionName"] for region in client.describe_regions()["Regions"])


def _session() -> Any:  # noqa: ANN401
    try:
        import boto3  # noqa: PLC0415  # an extra, and heavy
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            "boto3 is not installed", next_step="pip install 'keep-your-cost[aws]', or import a price file."
        ) from error
    session = boto3.Session()
    if session.get_credentials() is None:
        raise CredentialError(
            "there are no AWS credentials here", next_step="Set AWS_PROFILE or AWS_ACCESS_KEY_ID for the master."
        )
    return session


def _boto_errors() -> tuple[type[Exception], ...]:
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        return ()
    return (BotoCoreError, ClientError)


def _translated(error: Exception) -> Exception:
    code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    if code in _REFUSALS:
        return CredentialError(
            f"AWS refuses: {error}", next_step="Allow ec2:DescribeSpotPriceHistory and the other ec2:Describe calls."
        )
    return UnreachableError(f"AWS does not answer as it should: {error}")
