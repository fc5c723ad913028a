"""An offer: instance type x zone x purchase kind x price, as some source stated it at some time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from kyc.domain.ids import OfferId


class Purchase(StrEnum):
    """How capacity is bought: spot can be taken away, on-demand cannot."""

    SPOT = "spot"
    ON_DEMAND = "on_demand"


class Arch(StrEnum):
    """The processor's architecture."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What is lost together: capacity of one type in one zone of one cloud."""

    cloud: str
    zone: str
    instance_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One thing that can be bought. `on_demand_usd_per_hour` is the same machine's list price, for the ledger."""

    cloud: str
    region: str
    zone: str
    instance_type: str
    purchase: Purchase
    vcpus: float
    memory_mib: int
    price_usd_per_hour: Decimal
    on_demand_usd_per_hour: Decimal
    source: str
    priced_at: datetime
    arch: Arch = Arch.X86_64
    gpu: str | None = None
    gpu_count: float = 0
    gpu_memory_mib: int = 0
    interruptions_per_hour: float | None = None

    @property
    def id(self) -> OfferId:
        """The offer's name, the same as long as the same thing is sold: `local/lab/lab-a/small/spot`."""
        return OfferId("/".join((self.cloud, self.region, self.zone, self.instance_type, self.purchase.value)))

    @property
    def pool(self) -> Pool:
        """The pool this offer draws from."""
        return Pool(cloud=self.cloud, zone=self.zone, instance_type=self.instance_type)
