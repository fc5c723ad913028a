"""An offer: instance type x zone x purchase kind x price, as some source stated it at some time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from kyc.domain.ids import OfferId

ANY_ZONE = "*"


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
    """What is lost together: capacity of one type in one zone of one cloud; the region where no zone is known."""

    cloud: str
    zone: str
    instance_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One thing that can be bought, or looked at where its cloud is not registered.

    `zone` is empty where the price holds for the whole region. `on_demand_usd_per_hour` is the same machine's list
    price, for the ledger; where no source states one it is the price itself (nothing counts as saved) and
    `on_demand_known` is False. `vcpus` and `memory_mib` are 0 where unknown. `interruption_band` is the provider's
    word, such as `5-10%` a month.
    """

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
    arch: Arch | None = Arch.X86_64  # None: the source does not say
    gpu: str | None = None
    gpu_count: float = 0
    gpu_memory_mib: int = 0
    interruptions_per_hour: float | None = None
    interruption_band: str = ""
    on_demand_known: bool = True

    @property
    def id(self) -> OfferId:
        """The offer's name, the same as long as the same thing is sold: `local/lab/lab-a/small/spot`; zone `*`: any."""
        place = (self.cloud, self.region, self.zone or ANY_ZONE)
        return OfferId("/".join((*place, self.instance_type, self.purchase.value)))

    @property
    def pool(self) -> Pool:
        """The pool this offer draws from."""
        return Pool(cloud=self.cloud, zone=self.zone or self.region, instance_type=self.instance_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferName:
    """An offer's id taken apart; `zone` is empty for any."""

    cloud: str
    region: str
    zone: str
    instance_type: str
    purchase: Purchase


def read_offer_id(text: str) -> OfferName | None:
    """Return the parts of an offer's id, None for a text that is none."""
    parts = text.split("/")
    if len(parts) != 5 or parts[4] not in set(Purchase):
        return None
    cloud, region, zone, instance_type, purchase = parts
    zone = "" if zone == ANY_ZONE else zone
    return OfferName(cloud=cloud, region=region, zone=zone, instance_type=instance_type, purchase=Purchase(purchase))
