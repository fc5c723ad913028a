"""What the local cloud sells: one region, three zones, a few instance types. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

CLOUD = "local"
REGION = "local"
ZONES = ("local-a", "local-b", "local-c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An instance type; the price is in USD per hour, as text, since money is never a float."""

    name: str
    vcpus: float
    memory_mib: int
    on_demand_usd_per_hour: str


SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape(name="small", vcpus=1, memory_mib=1024, on_demand_usd_per_hour="0.05"),
        Shape(name="medium", vcpus=2, memory_mib=4096, on_demand_usd_per_hour="0.10"),
        Shape(name="large", vcpus=4, memory_mib=8192, on_demand_usd_per_hour="0.20"),
    )
}
