"""GPU clouds by way of gpuhunt (PyPI, MPL-2.0): offers to look at, since kyc launches on none of them yet.

gpuhunt reads what its own project publishes and some clouds' live interfaces. The three large clouds are left to their
own feeds, which are closer to the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.offer import Arch, Purchase
from kyc.ports.pricefeed import Fact, LeftOut, MachineFact, PriceFact

SOURCE = "gpuhunt"
_OWN_FEEDS = frozenset({"aws", "gcp", "azure"})
_ARCHS = {"x86": Arch.X86_64, "arm": Arch.ARM64}


class Item(Protocol):
    """What is used of gpuhunt's CatalogItem. Memory is in GB, as the clouds state it; taken as GiB."""

    provider: str
    instance_name: str
    location: str
    price: float
    cpu: int
    memory: float
    gpu_count: int
    gpu_name: str | None
    gpu_memory: float | None
    spot: bool


class GpuHunt:
    """The PriceFeed; needs the package gpuhunt. `items` are given by tests."""

    name = SOURCE
    cloud = "gpuhunt"
    every = timedelta(hours=12)

    def __init__(self, items: Iterable[Item] | None = None) -> None:
        self._items = items

    def fetch(self, *, now: datetime) -> Iterator[Fact]:
        """Yield machines and prices of every GPU cloud that gpuhunt can read now."""
        for item in _query() if self._items is None else self._items:
            if item.provider not in _OWN_FEEDS:
                yield from facts_of(item, now=now)


def facts_of(item: Item, *, now: datetime) -> Iterator[Fact]:
    """Yield an item's machine and price."""
    if not item.instance_name or not item.location:
        yield LeftOut(reason="a name is missing")
        return
    name = item.instance_name.replace("/", "-")
    if item.gpu_count and item.gpu_count > 1 and not any(sign.isdigit() for sign in name[-3:]):
        name += f":{item.gpu_count}"  # some clouds name the GPU, and sell it one to eight at a time
    arch = getattr(item, "cpu_arch", None)
    yield MachineFact(
        cloud=item.provider,
        instance_type=name,
        vcpus=float(item.cpu or 0),
        memory_mib=round((item.memory or 0) * 1024),
        arch=_ARCHS.get(getattr(arch, "value", "")),
        gpu=item.gpu_name,
        gpu_count=float(item.gpu_count or 0),
        gpu_memory_mib=round((item.gpu_memory or 0) * 1024),
    )
    yield PriceFact(
        cloud=item.provider,
        region=item.location.replace("/", "-"),
        zone="",
        instance_type=name,
        purchase=Purchase.SPOT if item.spot else Purchase.ON_DEMAND,
        usd_per_hour=Decimal(str(item.price)),
        source=SOURCE,
        priced_at=now,
    )


def _query() -> list[Item]:
    try:
        import gpuhunt  # noqa: PLC0415  # an extra
        import requests  # noqa: PLC0415  # gpuhunt's own
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            "gpuhunt is not installed", next_step="pip install 'keep-your-cost[gpuhunt]'"
        ) from error
    try:
        return list(gpuhunt.Catalog(balance_resources=False).query())
    except (OSError, requests.RequestException) as error:
        raise UnreachableError(f"gpuhunt cannot read its catalog: {error}") from error
