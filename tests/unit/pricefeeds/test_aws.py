"""AWS: the price list, the Spot Advisor, and the answers of EC2, in their documented shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from kyc.adapters.aws.advisor import URL, read_advisor
from kyc.adapters.aws.bulk import INDEX, AwsPriceList, read_index, read_list
from kyc.adapters.aws.spot import AwsSpot, machines_of, prices_of
from kyc.domain.errors import InvalidInputError
from kyc.domain.offer import Arch, Purchase
from kyc.ports.pricefeed import BandFact, LeftOut, MachineFact, PriceFact

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ADVISOR = msgspec.json.encode(
    {
        "global_rate": "<10%",
        "ranges": [
            {"index": 0, "label": "<5%", "dots": 0, "max": 5},
            {"index": 4, "label": ">20%", "dots": 4, "max": 100},
        ],
        "instance_types": {"m5.large": {"cores": 2, "ram_gb": 8.0, "emr": True}},
        "spot_advisor": {
            "us-east-1": {
                "Linux": {"m5.large": {"s": 60, "r": 0}, "p5.48xlarge": {"s": -3, "r": 4}},
                "Windows": {"m5.large": {"s": 10, "r": 4}},
            }
        },
    }
)
_COLUMNS = (
    "SKU", "TermType", "Unit", "PricePerUnit", "Currency", "Product Family", "Instance Type", "vCPU",
    "Physical Processor", "Memory", "Tenancy", "Operating System", "Pre Installed S/W", "CapacityStatus",
)  # fmt: skip
_LINE = {
    "SKU": "A", "TermType": "OnDemand", "Unit": "Hrs", "PricePerUnit": "0.0960000000", "Currency": "USD",
    "Product Family": "Compute Instance", "Instance Type": "m5.large", "vCPU": "2",
    "Physical Processor": "Intel Xeon", "Memory": "1,952 GiB", "Tenancy": "Shared", "Operating System": "Linux",
    "Pre Installed S/W": "NA", "CapacityStatus": "Used",
}  # fmt: skip


def csv_of(*lines: Mapping[str, str]) -> list[str]:
    def row(values: tuple[str, ...]) -> str:
        return ",".join(f'"{value}"' for value in values) + "\n"

    head = ['"FormatVersion","v1.0"\n', '"Disclaimer","This pricing list is for information."\n', row(_COLUMNS)]
    return [*head, *(row(tuple(line[name] for name in _COLUMNS)) for line in lines)]


class FakeWeb:
    """The pages of the price list."""

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        region = {"regionCode": "us-east-1", "currentVersionUrl": "/offers/v1.0/aws/AmazonEC2/1/us-east-1/index.json"}
        return {URL: ADVISOR, INDEX: msgspec.json.encode({"formatVersion": "v1.0", "regions": {"us-east-1": region}})}[
            url
        ]

    def lines(self, url: str) -> Iterator[str]:
        assert url.endswith("/us-east-1/index.csv")
        return iter(csv_of(_LINE))


def test_the_list_gives_machines_and_prices() -> None:
    machine, price = read_list(csv_of(_LINE), region="us-east-1", now=NOW)
    assert machine == MachineFact(
        cloud="aws", instance_type="m5.large", vcpus=2, memory_mib=1952 * 1024, arch=Arch.X86_64
    )
    assert isinstance(price, PriceFact)
    assert (price.usd_per_hour, price.purchase, price.zone) == (Decimal("0.096"), Purchase.ON_DEMAND, "")
    graviton = {**_LINE, "Physical Processor": "AWS Graviton3 Processor"}
    arm = next(iter(read_list(csv_of(graviton), region="us-east-1", now=NOW)))
    assert isinstance(arm, MachineFact)
    assert arm.arch is Arch.ARM64


@pytest.mark.parametrize(
    "change",
    [
        {"Operating System": "Windows"},
        {"Tenancy": "Dedicated"},
        {"Pre Installed S/W": "SQL Std"},
        {"CapacityStatus": "UnusedCapacityReservation"},
        {"TermType": "Reserved"},
        {"Unit": "Quantity"},
        {"Currency": "CNY"},
        {"Product Family": "Storage"},
        {"Instance Type": ""},
    ],
)
def test_other_lines_are_passed_over(change: dict[str, str]) -> None:
    assert list(read_list(csv_of({**_LINE, **change}), region="us-east-1", now=NOW)) == []


def test_without_credentials_spot_is_derived_and_says_so() -> None:
    facts = list(AwsPriceList(FakeWeb()).fetch(now=NOW))
    assert BandFact(cloud="aws", region="us-east-1", instance_type="m5.large", band="<5%") in facts
    spot = next(f for f in facts if isinstance(f, PriceFact) and f.purchase is Purchase.SPOT)
    assert (spot.usd_per_hour, spot.source) == (Decimal("0.0384"), "aws-advisor (derived)")
    listed = list(AwsPriceList(FakeWeb(), derive_spot=False).fetch(now=NOW))
    assert not [f for f in listed if isinstance(f, PriceFact) and f.purchase is Purchase.SPOT]
    assert not [f for f in AwsPriceList(FakeWeb(), regions=("eu-west-1",)).fetch(now=NOW) if isinstance(f, PriceFact)]


def test_the_advisor_speaks_of_linux_and_may_advise_against_spot() -> None:
    advice = {one.instance_type: one for one in read_advisor(ADVISOR)}
    assert (advice["m5.large"].band, advice["m5.large"].saving) == ("<5%", 0.6)
    assert advice["p5.48xlarge"].saving == -0.03


@pytest.mark.parametrize("page", [b"", b"<Error>AccessDenied</Error>", b"{}"])
def test_other_formats_are_refused(page: bytes) -> None:
    for read in (read_advisor, read_index):
        with pytest.raises(InvalidInputError):
            read(page)
    with pytest.raises(InvalidInputError, match="header"):
        list(read_list(['"SKU","Other"\n'], region="x", now=NOW))
    with pytest.raises(InvalidInputError, match="header"):
        list(read_list([], region="x", now=NOW))


TYPE = {
    "InstanceType": "p4d.24xlarge",
    "ProcessorInfo": {"SupportedArchitectures": ["i386", "x86_64"]},
    "VCpuInfo": {"DefaultVCpus": 96},
    "MemoryInfo": {"SizeInMiB": 1179648},
    "GpuInfo": {
        "Gpus": [{"Name": "A100", "Manufacturer": "NVIDIA", "Count": 8, "MemoryInfo": {"SizeInMiB": 40960}}],
        "TotalGpuMemoryInMiB": 327680,
    },
}
SPOT = {
    "AvailabilityZone": "us-east-1a",
    "InstanceType": "p4d.24xlarge",
    "ProductDescription": "Linux/UNIX",
    "SpotPrice": "11.402300",
    "Timestamp": NOW,
}


def test_types_carry_their_gpus() -> None:
    (machine,) = machines_of({"InstanceTypes": [TYPE]})
    assert (machine.gpu, machine.gpu_count, machine.gpu_memory_mib) == ("A100", 8, 40960)
    assert (machine.vcpus, machine.memory_mib, machine.arch) == (96, 1179648, Arch.X86_64)
    inferentia = {**TYPE, "InferenceAcceleratorInfo": {"Accelerators": [{"Name": "Inferentia", "Count": 1}]}}
    del inferentia["GpuInfo"]
    (other,) = machines_of({"InstanceTypes": [inferentia]})
    assert (other.gpu, other.gpu_count, other.gpu_memory_mib) == ("Inferentia", 1, 0)


def test_spot_prices_are_told_by_zone_id() -> None:
    local_zone = {**SPOT, "AvailabilityZone": "us-east-1-bos-1a"}
    page = {"SpotPriceHistory": [SPOT, {**SPOT, "ProductDescription": "Windows"}, local_zone]}
    facts = list(prices_of(page, region="us-east-1", zone_ids={"us-east-1a": "use1-az4"}, now=NOW))
    price = facts[0]
    assert isinstance(price, PriceFact)
    assert (price.zone, price.usd_per_hour, price.priced_at) == ("use1-az4", Decimal("11.4023"), NOW)
    assert facts[1:] == [LeftOut(reason="not Linux"), LeftOut(reason="the zone has no id")]


class FakeEc2:
    """As much of boto3's client as the feed uses."""

    def describe_regions(self) -> dict[str, object]:
        return {"Regions": [{"RegionName": "us-east-1"}]}

    def describe_availability_zones(self) -> dict[str, object]:
        return {"AvailabilityZones": [{"ZoneName": "us-east-1a", "ZoneId": "use1-az4"}]}

    def get_paginator(self, name: str) -> FakeEc2:
        self.pages = {"describe_instance_types": {"InstanceTypes": [TYPE]}}.get(name, {"SpotPriceHistory": [SPOT]})
        return self

    def paginate(self, **asked: object) -> list[object]:
        return [self.pages, self.pages]


class FakeSession:
    def client(self, service: str, *, region_name: str) -> FakeEc2:
        assert (service, region_name) == ("ec2", "us-east-1")
        return FakeEc2()


def test_the_feed_reads_every_page_of_every_region() -> None:
    facts = list(AwsSpot(FakeWeb(), session=FakeSession()).fetch(now=NOW))
    assert len([fact for fact in facts if isinstance(fact, PriceFact)]) == 2
    assert len([fact for fact in facts if isinstance(fact, BandFact)]) == 2
