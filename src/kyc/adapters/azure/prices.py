"""Azure's Retail Prices API: public, no account, a page of up to 1,000 meters at a time.

One size has many meters: Windows ones, Low Priority ones (Batch's old kind), Cloud Services ones, reservations. Only
the Linux meters of virtual machines by the hour are taken; spot is told by `Spot` in the meter's or SKU's name.
Specifications are not stated here; what the size's name tells of vCPUs and architecture is taken where the naming is
regular. https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode, urlsplit

import msgspec

from kyc.domain.errors import InvalidInputError
from kyc.domain.offer import Arch, Purchase
from kyc.ports.pricefeed import Fact, LeftOut, MachineFact, PriceFact, Web

SOURCE = "azure-retail"
HOST = "prices.azure.com"
_URL = f"https://{HOST}/api/retail/prices"
_MOST_PAGES = 5000
_OTHER_PRODUCTS = ("Windows", "Cloud Services", "CloudServices", "Dedicated Host")
# Standard_D4s_v5, Standard_E8-4ads_v5 (8 made to be 4), Standard_NC24ads_A100_v4; older names count otherwise.
_SIZE = re.compile(r"Standard_(?P<family>[A-Z]+)(?P<size>\d+)(?:-(?P<less>\d+))?(?P<features>[a-z]*)(?:_\w+)?_v[3-9]")


class _Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    currency_code: str = ""
    retail_price: Decimal
    arm_region_name: str = ""
    meter_name: str = ""
    product_name: str = ""
    sku_name: str = ""
    service_name: str = ""
    unit_of_measure: str = ""
    type: str = ""
    arm_sku_name: str = ""
    tier_minimum_units: float = 0
    effective_start_date: datetime | None = None
    effective_end_date: datetime | None = None


class _Page(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    items: list[_Item]
    next_page_link: str | None = None


class AzurePrices:
    """The PriceFeed. `regions` limits it (empty: all)."""

    name = SOURCE
    cloud = "azure"
    every = timedelta(hours=12)

    def __init__(self, web: Web, *, regions: tuple[str, ...] = ()) -> None:
        self._web = web
        self._regions = regions

    def fetch(self, *, now: datetime) -> Iterator[Fact]:
        """Yield machines and prices, page by page."""
        for region in self._regions or ("",):
            url: str | None = first_url(region)
            for _ in range(_MOST_PAGES):
                if not url:
                    break
                facts, url = read_page(self._web.get(url), now=now)
                yield from facts


def first_url(region: str) -> str:
    """Return the address of the first page; values in the filter are case-sensitive."""
    wishes = ["serviceName eq 'Virtual Machines'", "priceType eq 'Consumption'"]
    if region:
        wishes.append(f"armRegionName eq '{region}'")
    query = {"api-version": "2023-01-01-preview", "currencyCode": "'USD'", "$filter": " and ".join(wishes)}
    return f"{_URL}?{urlencode(query)}"


def read_page(page: bytes, *, now: datetime) -> tuple[list[Fact], str | None]:
    """Return a page's facts and the next page's address; raise InvalidInputError for another format or another host."""
    try:
        read = msgspec.json.decode(page, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"Azure's price page is not as it was: {error}") from error
    following = read.next_page_link or None
    if following and urlsplit(following).hostname != HOST:
        raise InvalidInputError("Azure's price page leads to another host")
    return [fact for item in read.items for fact in _facts(item, now)], following


def machine_of_name(size: str) -> MachineFact:
    """Return what the size's name tells: vCPUs and architecture where its naming is regular, else nothing."""
    match = _SIZE.fullmatch(size)
    if match is None:
        return MachineFact(cloud="azure", instance_type=size)
    return MachineFact(
        cloud="azure",
        instance_type=size,
        vcpus=float(match["less"] or match["size"]),
        arch=Arch.ARM64 if "p" in match["features"] else Arch.X86_64,
    )


def _facts(item: _Item, now: datetime) -> list[Fact]:
    reason = _why_not(item, now)
    if reason:
        return [LeftOut(reason=reason)]
    spot = "Spot" in item.meter_name or "Spot" in item.sku_name
    price = PriceFact(
        cloud="azure",
        region=item.arm_region_name,
        zone="",
        instance_type=item.arm_sku_name,
        purchase=Purchase.SPOT if spot else Purchase.ON_DEMAND,
        usd_per_hour=item.retail_price,
        source=SOURCE,
        priced_at=now,
    )
    return [machine_of_name(item.arm_sku_name), price]


def _why_not(item: _Item, now: datetime) -> str:
    names = f"{item.meter_name} {item.sku_name}"
    checks = (
        (item.service_name != "Virtual Machines" or not item.arm_sku_name, "not a virtual machine"),
        (item.type != "Consumption", "not pay-as-you-go"),
        (any(word in item.product_name for word in _OTHER_PRODUCTS), "Windows, Cloud Services or a dedicated host"),
        ("Low Priority" in names, "Low Priority, not spot"),
        ("Expired" in names, "an expired meter"),
        (item.unit_of_measure != "1 Hour", "not by the hour"),
        (item.currency_code != "USD", "not in US dollars"),
        (item.tier_minimum_units > 0, "a volume tier"),
        (_is_past(item.effective_end_date, now), "no longer in force"),
        (item.effective_start_date is not None and _utc(item.effective_start_date) > now, "not yet in force"),
    )
    return next((reason for found, reason in checks if found), "")


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is not None and _utc(at) <= now


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
