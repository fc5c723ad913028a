"""gpuhunt's items as facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from kyc.adapters.gpuhunt.prices import GpuHunt
from kyc.domain.offer import Purchase
from kyc.ports.pricefeed import LeftOut, MachineFact, PriceFact

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class Item:
    provider: str = "lambdalabs"
    instance_name: str = "gpu_1x_a100"
    location: str = "us-east-1"
    price: float = 1.29
    cpu: int = 30
    memory: float = 200.0
    gpu_count: int = 1
    gpu_name: str | None = "A100"
    gpu_memory: float | None = 40.0
    spot: bool = False


def test_items_of_gpu_clouds_are_taken() -> None:
    machine, price = GpuHunt([Item(), Item(provider="aws")]).fetch(now=NOW)
    assert isinstance(machine, MachineFact)
    assert (machine.cloud, machine.gpu, machine.gpu_memory_mib, machine.memory_mib) == (
        "lambdalabs",
        "A100",
        40960,
        204800,
    )
    assert isinstance(price, PriceFact)
    assert (price.usd_per_hour, price.purchase, price.region, price.zone) == (
        Decimal("1.29"),
        Purchase.ON_DEMAND,
        "us-east-1",
        "",
    )


def test_clouds_that_name_the_gpu_get_a_type_for_each_count() -> None:
    one = Item(provider="runpod", instance_name="NVIDIA A100 PCIe", spot=True)
    names = [
        f.instance_type for f in GpuHunt([one, replace(one, gpu_count=4)]).fetch(now=NOW) if isinstance(f, PriceFact)
    ]
    assert names == ["NVIDIA A100 PCIe", "NVIDIA A100 PCIe:4"]


def test_an_item_without_a_name_is_left_out() -> None:
    assert list(GpuHunt([Item(location="")]).fetch(now=NOW)) == [LeftOut(reason="a name is missing")]
