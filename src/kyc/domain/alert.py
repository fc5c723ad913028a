"""A price alert: what a person wants to happen when a spot price crosses a line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from kyc.domain.ids import AlertId, WorkloadName
from kyc.domain.offer import Offer, Purchase


class Side(StrEnum):
    """On which side of the line the price has to come for the alert to fire."""

    ABOVE = "above"
    BELOW = "below"


class Then(StrEnum):
    """What follows a crossing. People are told in each case."""

    NOTIFY = "notify"
    PAUSE = "pause"  # jobs that work there rest until the price is back
    MOVE = "move"  # jobs that work there go on elsewhere, where that costs less


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What is watched: the spot price of a type in a region, and in one zone of it if that is named."""

    cloud: str
    region: str
    instance_type: str
    zone: str = ""

    def covers(self, offer: Offer) -> bool:
        """Say whether the offer is bought there."""
        place = (offer.cloud, offer.region, offer.instance_type)
        return (
            offer.purchase is Purchase.SPOT
            and place == (self.cloud, self.region, self.instance_type)
            and (not self.zone or offer.zone == self.zone)
        )

    def words(self) -> str:
        """Return it as people write it."""
        return "/".join((self.cloud, self.region, *([self.zone] if self.zone else []), self.instance_type))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAlert:
    """Fires once for each crossing. `crossed` is None until a price was seen; `paused` are jobs that rest for it.

    Without a zone the price is that of the region's cheapest zone. `workload` limits what follows to one job.
    """

    id: AlertId
    market: Market
    side: Side
    usd_per_hour: Decimal
    then: Then
    created_at: datetime
    workload: WorkloadName | None = None
    crossed: bool | None = None
    seen_usd_per_hour: Decimal | None = None
    seen_at: datetime | None = None
    fired: int = 0
    fired_at: datetime | None = None
    paused: tuple[WorkloadName, ...] = ()
    removed: bool = False
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nobody wants it any more."""
        return self.removed
