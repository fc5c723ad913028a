"""AWS without credentials: the public price list (on-demand, region by region) and the Spot Advisor.

The list of a region is a CSV of hundreds of megabytes, read line by line: a few lines of metadata, a header, then a
line for each price of each product; about one in a hundred is what we look for. Without credentials there is no spot
price to be read; the Advisor's average saving gives a derived one, and its source says so.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

import msgspec

from kyc.adapters.aws.advisor import URL, Advice, bands_of, read_advisor
from kyc.domain.errors import InvalidInputError
from kyc.domain.offer import Arch, Purchase
from kyc.ports.pricefeed import Fact, LeftOut, MachineFact, PriceFact, Web

SOURCE = "aws-list"
DERIVED = "aws-advisor (derived)"
HOST = "https://pricing.us-east-1.amazonaws.com"
INDEX = f"{HOST}/offers/v1.0/aws/AmazonEC2/current/region_index.json"
_WANTED = {
    "TermType": "OnDemand",
    "Unit": "Hrs",
    "Currency": "USD",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "Pre Installed S/W": "NA",
    "CapacityStatus": "Used",
}
_NAMES = ("PricePerUnit", "Instance Type", "vCPU", "Memory", "Physical Processor", "Product Family")
_FAMILIES = frozenset({"Compute Instance", "Compute Instance (bare metal)"})


class _Region(msgspec.Struct, frozen=True, rename="camel"):
    current_version_url: str


class _Index(msgspec.Struct, frozen=True):
    regions: dict[str, _Region]


class AwsPriceList:
    """The PriceFeed. `regions` limits it (empty: all). `derive_spot`: state derived spot prices too."""

    name = SOURCE
    cloud = "aws"
    every = timedelta(days=7)

    def __init__(self, web: Web, *, regions: tuple[str, ...] = (), derive_spot: bool = True) -> None:
        self._web = web
        self._regions = regions
        self._derive_spot = derive_spot

    def fetch(self, *, now: datetime) -> Iterator[Fact]:
        """Yield bands, machines and prices of every region."""
        advice = read_advisor(self._web.get(URL))
        yield from bands_of(advice)
        for region, url in read_index(self._web.get(INDEX)).items():
            if self._regions and region not in self._regions:
                continue
            told = {one.instance_type: one for one in advice if one.region == region}
            for fact in read_list(self._web.lines(url), region=region, now=now):
                yield fact
                if isinstance(fact, PriceFact) and self._derive_spot and fact.instance_type in told:
                    yield derived_spot(fact, told[fact.instance_type])


def read_index(page: bytes) -> dict[str, str]:
    """Return the address of each region's CSV; raise InvalidInputError for a page in another format."""
    try:
        index = msgspec.json.decode(page, type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"the index of AWS's price list is not as it was: {error}") from error
    return {
        name: f"{HOST}{region.current_version_url.removesuffix('.json')}.csv" for name, region in index.regions.items()
    }


def read_list(lines: Iterable[str], *, region: str, now: datetime) -> Iterator[Fact]:
    """Yield the on-demand prices (Linux, shared) of a region's CSV; raise InvalidInputError without its header."""
    rows = csv.reader(lines)
    header = next((row for row in rows if row and row[0] == "SKU"), None)
    if header is None or any(name not in header for name in (*_WANTED, *_NAMES)):
        raise InvalidInputError("AWS's price list has another header than it had")
    places = {name: header.index(name) for name in (*_WANTED, *_NAMES)}
    filters = [(places[name], value) for name, value in _WANTED.items()]
    for row in rows:
        if len(row) == len(header) and all(row[place] == value for place, value in filters):
            line = {name: row[place] for name, place in places.items()}
            if line["Product Family"] in _FAMILIES and line["Instance Type"]:
                yield from _facts(line, region, now)


def derived_spot(listed: PriceFact, advice: Advice) -> Fact:
    """Return the spot price that the Advisor's average saving means."""
    price = listed.usd_per_hour * (1 - Decimal(str(advice.saving)))
    return PriceFact(
        cloud="aws",
        region=listed.region,
        zone="",
        instance_type=listed.instance_type,
        purchase=Purchase.SPOT,
        usd_per_hour=price,
        source=DERIVED,
        priced_at=listed.priced_at,
    )


def _facts(line: Mapping[str, str], region: str, now: datetime) -> Iterator[Fact]:
    memory = _decimal(line["Memory"].removesuffix(" GiB").replace(",", ""))
    vcpus, price = _decimal(line["vCPU"]), _decimal(line["PricePerUnit"])
    arm = "graviton" in line["Physical Processor"].lower()
    yield MachineFact(
        cloud="aws",
        instance_type=line["Instance Type"],
        vcpus=float(vcpus or 0),
        memory_mib=int((memory or 0) * 1024),
        arch=Arch.ARM64 if arm else Arch.X86_64,
    )
    if price is None:
        yield LeftOut(reason="the price is not a number")
        return
    yield PriceFact(
        cloud="aws",
        region=region,
        zone="",
        instance_type=line["Instance Type"],
        purchase=Purchase.ON_DEMAND,
        usd_per_hour=price,
        source=SOURCE,
        priced_at=now,
    )


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
