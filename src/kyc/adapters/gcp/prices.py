"""Google's Cloud Billing Catalog: prices of cores, of memory and of GPUs, from which a machine type's is put together.

VM = vCPUs x core-hour + GiB x GiB-hour (+ GPUs x GPU-hour). Which series a SKU belongs to stands in its description
only, so the table of series is kept by hand (`series`). Prices are per region; the API needs a key, and no more than
that. https://cloud.google.com/billing/v1/how-tos/catalog-api
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from kyc.adapters.gcp.series import Part, machine_types, part_of
from kyc.domain.errors import CredentialError, InvalidInputError
from kyc.domain.offer import Purchase
from kyc.ports.pricefeed import Fact, LeftOut, MachineFact, PriceFact, Web

SOURCE = "gcp-billing"
_URL = "https://cloudbilling.googleapis.com/v1/services/6F81-5844-456A/skus"
_MOST_PAGES = 200
_NANOS = Decimal("1e-9")
_KINDS = {"OnDemand": Purchase.ON_DEMAND, "Preemptible": Purchase.SPOT}
Prices = dict[tuple[str, Purchase, Part], Decimal]


class _Money(msgspec.Struct, frozen=True, rename="camel"):
    currency_code: str = ""
    units: int | str = 0
    nanos: int = 0


class _Rate(msgspec.Struct, frozen=True, rename="camel"):
    unit_price: _Money


class _Expression(msgspec.Struct, frozen=True, rename="camel"):
    usage_unit: str = ""
    tiered_rates: list[_Rate] = []


class _Info(msgspec.Struct, frozen=True, rename="camel"):
    pricing_expression: _Expression


class _Category(msgspec.Struct, frozen=True, rename="camel"):
    resource_family: str = ""
    usage_type: str = ""


class _Sku(msgspec.Struct, frozen=True, rename="camel"):
    description: str
    category: _Category
    service_regions: list[str] = []
    pricing_info: list[_Info] = []


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    skus: list[_Sku] = []
    next_page_token: str = ""


class GcpPrices:
    """The PriceFeed, with an API key (any project's, with the Cloud Billing API enabled)."""

    name = SOURCE
    cloud = "gcp"
    every = timedelta(days=1)

    def __init__(self, web: Web, *, api_key: str) -> None:
        self._web = web
        self._api_key = api_key

    def fetch(self, *, now: datetime) -> Iterator[Fact]:
        """Yield the machine types and their prices in every region where all their parts have one."""
        if not self._api_key:
            raise CredentialError("there is no API key for Google's prices", next_step="Set KYC_GCP_API_KEY.")
        prices: Prices = {}
        token = ""
        for _ in range(_MOST_PAGES):
            found, left_out, token = read_page(
                self._web.get(self._url(token), headers={"X-Goog-Api-Key": self._api_key})
            )
            prices.update(found)
            yield from left_out
            if not token:
                break
        yield from assemble(prices, now=now)

    def _url(self, token: str) -> str:
        query = {"pageSize": "5000", "currencyCode": "USD", **({"pageToken": token} if token else {})}
        return f"{_URL}?{urlencode(query)}"


def read_page(page: bytes) -> tuple[Prices, list[Fact], str]:
    """Return a page's prices of parts by region, what could not be read, and the next page's token."""
    try:
        read = msgspec.json.decode(page, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"Google's price page is not as it was: {error}") from error
    prices: Prices = {}
    left_out: list[Fact] = []
    for sku in read.skus:
        purchase = _KINDS.get(sku.category.usage_type)
        part = part_of(sku.description) if sku.category.resource_family == "Compute" else None
        if purchase is None or part is None:
            continue
        price = unit_price(sku.pricing_info)
        if price is None:
            left_out.append(LeftOut(reason="a part's price is not by the hour, or not in US dollars"))
            continue
        prices.update({(region, purchase, part): price for region in sku.service_regions})
    return prices, left_out, read.next_page_token


def unit_price(infos: list[_Info]) -> Decimal | None:
    """Return the USD per hour of one unit: units + nanos / 1e9 of the last tier (the first may be a free allowance)."""
    if not infos or not infos[-1].pricing_expression.tiered_rates:
        return None
    expression = infos[-1].pricing_expression
    money = expression.tiered_rates[-1].unit_price
    if money.currency_code != "USD" or expression.usage_unit not in {"h", "GiBy.h", "GBy.h"}:
        return None
    return Decimal(int(money.units)) + money.nanos * _NANOS


def assemble(prices: Prices, *, now: datetime) -> Iterator[Fact]:
    """Yield each machine type, and its price wherever all its parts have one."""
    regions = sorted({region for region, _, _ in prices})
    for machine in machine_types():
        yield MachineFact(
            cloud="gcp",
            instance_type=machine.name,
            vcpus=machine.vcpus,
            memory_mib=round(machine.memory_gib * 1024),
            arch=machine.arch,
            gpu=machine.gpu,
            gpu_count=machine.gpu_count,
            gpu_memory_mib=round(machine.gpu_memory_gib * 1024),
        )
        for region in regions:
            for purchase in Purchase:
                parts = [(prices.get((region, purchase, part)), count) for part, count in machine.parts]
                if all(price is not None for price, _ in parts):
                    total = sum((price * count for price, count in parts if price is not None), Decimal(0))
                    yield _price(machine.name, region, purchase, total, now)


def _price(name: str, region: str, purchase: Purchase, usd_per_hour: Decimal, now: datetime) -> PriceFact:
    return PriceFact(
        cloud="gcp",
        region=region,
        zone="",
        instance_type=name,
        purchase=purchase,
        usd_per_hour=usd_per_hour,
        source=SOURCE,
        priced_at=now,
    )
