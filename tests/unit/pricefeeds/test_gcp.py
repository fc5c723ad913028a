"""Google's Cloud Billing Catalog: parts put together, and the SKUs that are none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from tests.unit.pricefeeds.test_azure import Pages

from kyc.adapters.gcp.prices import GcpPrices, assemble, read_page
from kyc.adapters.gcp.series import Part, Resource, machine_types, part_of
from kyc.domain.errors import CredentialError, InvalidInputError
from kyc.domain.offer import Purchase
from kyc.ports.pricefeed import Fact, LeftOut, MachineFact, PriceFact

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def sku(
    description: str,
    nanos: int = 10_000_000,
    *,
    units: str = "0",
    usage: str = "OnDemand",
    unit: str = "h",
    currency: str = "USD",
    regions: tuple[str, ...] = ("us-east1",),
    tiers: int = 1,
) -> dict[str, object]:
    rates = [
        {
            "startUsageAmount": n,
            "unitPrice": {"currencyCode": currency, "units": units, "nanos": nanos * (n + 1 == tiers)},
        }
        for n in range(tiers)
    ]
    return {
        "name": "services/6F81-5844-456A/skus/X",
        "skuId": "X",
        "description": description,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": "Compute",
            "resourceGroup": "CPU",
            "usageType": usage,
        },
        "serviceRegions": list(regions),
        "pricingInfo": [
            {"effectiveTime": "2026-04-01T00:00:00Z", "pricingExpression": {"usageUnit": unit, "tieredRates": rates}}
        ],
        "serviceProviderName": "Google",
    }


def page(*skus: Mapping[str, object], token: str = "") -> bytes:
    return msgspec.json.encode({"skus": skus, "nextPageToken": token})


def by_name(facts: list[Fact]) -> dict[tuple[str, str, Purchase], Decimal]:
    return {(f.instance_type, f.region, f.purchase): f.usd_per_hour for f in facts if isinstance(f, PriceFact)}


def test_a_machine_costs_what_its_parts_do() -> None:
    first = page(
        sku("N2 Instance Core running in Americas", 31_611_000, regions=("us-east1", "us-west1")),
        sku("N2 Instance Ram running in Americas", 4_237_000, unit="GiBy.h", tiers=2),
        token="more",
    )
    second = page(
        sku("Spot Preemptible N2 Instance Core running in Americas", 7_650_000, usage="Preemptible"),
        sku("Spot Preemptible N2 Instance Ram running in Americas", 1_025_000, usage="Preemptible", unit="GiBy.h"),
    )
    web = Pages(first, second)
    facts = list(GcpPrices(web, api_key="k").fetch(now=NOW))
    prices = by_name(facts)
    assert prices["n2-standard-4", "us-east1", Purchase.ON_DEMAND] == Decimal("0.194236")
    assert prices["n2-standard-4", "us-east1", Purchase.SPOT] == Decimal("0.047")
    assert ("n2-standard-4", "us-west1", Purchase.ON_DEMAND) not in prices  # there memory has no price
    assert "pageToken=more" in web.asked[1]
    assert "k" not in web.asked[0].split("skus?")[1].split("&")  # the key goes in a header, not in the address
    machine = next(f for f in facts if isinstance(f, MachineFact) and f.instance_type == "n2-highmem-8")
    assert (machine.vcpus, machine.memory_mib) == (8, 65536)


def test_gpus_are_a_part() -> None:
    skus = [
        sku("A2 Instance Core running in Americas", 30_000_000),
        sku("A2 Instance Ram running in Americas", 4_000_000, unit="GiBy.h"),
        sku("Nvidia Tesla A100 GPU running in Americas", 900_000_000, units="2"),
    ]
    facts = list(assemble(read_page(page(*skus))[0], now=NOW))
    price = by_name(facts)["a2-highgpu-2g", "us-east1", Purchase.ON_DEMAND]
    assert price == 24 * Decimal("0.03") + 170 * Decimal("0.004") + 2 * Decimal("2.9")


@pytest.mark.parametrize(
    "description",
    [
        "N2 Custom Instance Core running in Americas",
        "N2 Sole Tenancy Instance Core running in Americas",
        "Commitment v1: N2 in Americas for 1 Year",
        "N2 Custom Extended Instance Ram running in Americas",
        "Network Internet Egress",
        "Z9 Instance Core running in Americas",
        "",
    ],
)
def test_other_skus_are_no_parts(description: str) -> None:
    assert part_of(description) is None


@pytest.mark.parametrize(
    ("description", "part"),
    [
        ("Spot Preemptible N2D AMD Instance Core running in Frankfurt", Part("n2d", Resource.CORE)),
        ("Compute optimized Core running in Americas", Part("c2", Resource.CORE)),
        ("N1 Predefined Instance Ram running in EMEA", Part("n1", Resource.RAM)),
        ("T2A Arm Instance Core running in Iowa", Part("t2a", Resource.CORE)),
        ("Nvidia L4 GPU attached to Spot Preemptible VMs running in Tokyo", Part("L4", Resource.GPU)),
    ],
)
def test_parts_are_read_from_descriptions(description: str, part: Part) -> None:
    assert part_of(description) == part


def test_odd_prices_are_left_out() -> None:
    core = "N2 Instance Core running in Americas"
    for odd in (sku(core, currency="EUR"), sku(core, unit="mo"), {**sku(core), "pricingInfo": []}):
        prices, left_out, _ = read_page(page(odd))
        assert prices == {}
        assert isinstance(left_out[0], LeftOut)
    committed = sku(core, usage="Commit1Yr")
    assert read_page(page(committed)) == ({}, [], "")


def test_what_cannot_be_asked_says_why() -> None:
    with pytest.raises(CredentialError):
        list(GcpPrices(Pages(), api_key="").fetch(now=NOW))
    with pytest.raises(InvalidInputError):
        read_page(b"<html>")


def test_the_table_of_types_is_sound() -> None:
    names = [machine.name for machine in machine_types()]
    assert len(names) == len(set(names)) > 200
    assert all(machine.memory_gib > 0 and machine.parts for machine in machine_types())
