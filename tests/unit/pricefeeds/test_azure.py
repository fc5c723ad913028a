"""Azure's Retail Prices API: pages as documented, with the meters that must not be taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from kyc.adapters.azure.prices import AzurePrices, first_url, machine_of_name, read_page
from kyc.domain.errors import InvalidInputError
from kyc.domain.offer import Arch, Purchase
from kyc.ports.pricefeed import LeftOut, MachineFact, PriceFact

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ITEM: dict[str, object] = {
    "currencyCode": "USD",
    "tierMinimumUnits": 0.0,
    "retailPrice": 0.192,
    "unitPrice": 0.192,
    "armRegionName": "eastus",
    "location": "US East",
    "effectiveStartDate": "2024-01-01T00:00:00Z",
    "meterId": "0",
    "meterName": "D4s v5",
    "productId": "P",
    "skuId": "S",
    "productName": "Virtual Machines Dsv5 Series",
    "skuName": "Standard_D4s_v5",
    "serviceName": "Virtual Machines",
    "serviceFamily": "Compute",
    "unitOfMeasure": "1 Hour",
    "type": "Consumption",
    "isPrimaryMeterRegion": True,
    "armSkuName": "Standard_D4s_v5",
}


def page(*items: Mapping[str, object], link: str | None = None) -> bytes:
    body = {"BillingCurrency": "USD", "Items": items, "NextPageLink": link, "Count": len(items)}
    return msgspec.json.encode(body)


class Pages:
    """A Web of prepared pages."""

    def __init__(self, *pages: bytes) -> None:
        self.pages = list(pages)
        self.asked: list[str] = []

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        self.asked.append(url)
        return self.pages.pop(0)

    def lines(self, url: str) -> Iterator[str]:
        raise AssertionError


def test_linux_on_demand_and_spot_are_taken() -> None:
    spot = {**ITEM, "retailPrice": 0.0384, "meterName": "D4s v5 Spot", "skuName": "D4s v5 Spot"}
    facts, link = read_page(page(ITEM, spot), now=NOW)
    prices = [fact for fact in facts if isinstance(fact, PriceFact)]
    assert [(one.purchase, one.usd_per_hour) for one in prices] == [
        (Purchase.ON_DEMAND, Decimal("0.192")),
        (Purchase.SPOT, Decimal("0.0384")),
    ]
    assert {(one.region, one.zone, one.instance_type, one.priced_at) for one in prices} == {
        ("eastus", "", "Standard_D4s_v5", NOW)
    }
    assert link is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"productName": "Virtual Machines Dsv5 Series Windows"}, "Windows"),
        ({"productName": "Dv3 Series Cloud Services"}, "Cloud Services"),
        ({"meterName": "D4s v5 Low Priority"}, "Low Priority"),
        ({"skuName": "D4s v5 Low Priority"}, "Low Priority"),
        ({"unitOfMeasure": "1 Month"}, "hour"),
        ({"currencyCode": "EUR"}, "dollars"),
        ({"type": "Reservation"}, "pay-as-you-go"),
        ({"type": "DevTestConsumption"}, "pay-as-you-go"),
        ({"armSkuName": ""}, "virtual machine"),
        ({"serviceName": "Storage"}, "virtual machine"),
        ({"tierMinimumUnits": 100.0}, "tier"),
        ({"effectiveEndDate": "2025-01-01T00:00:00Z"}, "in force"),
        ({"effectiveStartDate": "2027-01-01T00:00:00Z"}, "in force"),
        ({"skuName": "D4s v5 Expired"}, "expired"),
    ],
)
def test_other_meters_are_left_out(change: dict[str, object], reason: str) -> None:
    (fact,) = read_page(page({**ITEM, **change}), now=NOW)[0]
    assert isinstance(fact, LeftOut)
    assert reason in fact.reason


def test_pages_are_followed_within_the_host() -> None:
    following = "https://prices.azure.com:443/api/retail/prices?$skip=1000"
    web = Pages(page(ITEM, link=following), page(ITEM))
    facts = list(AzurePrices(web, regions=("eastus",)).fetch(now=NOW))
    assert len([fact for fact in facts if isinstance(fact, PriceFact)]) == 2
    assert web.asked[1] == following
    query = parse_qs(urlsplit(web.asked[0]).query)
    assert "armRegionName eq 'eastus'" in query["$filter"][0]
    assert "armRegionName" not in first_url("")
    with pytest.raises(InvalidInputError, match="host"):
        read_page(page(link="https://elsewhere.example/prices"), now=NOW)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"Items": [{"retailPrice": "free"}]}'])
def test_another_format_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read_page(content, now=NOW)


@pytest.mark.parametrize(
    ("size", "vcpus", "arch"),
    [
        ("Standard_D4s_v5", 4, Arch.X86_64),
        ("Standard_D8ps_v5", 8, Arch.ARM64),
        ("Standard_E8-4ads_v5", 4, Arch.X86_64),
        ("Standard_NC24ads_A100_v4", 24, Arch.X86_64),
        ("Standard_NP10s", 0, None),
        ("Standard_DS11_v2", 0, None),
        ("Standard_A1", 0, None),
    ],
)
def test_only_regular_names_tell_a_size(size: str, vcpus: float, arch: Arch | None) -> None:
    assert machine_of_name(size) == MachineFact(cloud="azure", instance_type=size, vcpus=vcpus, arch=arch)
