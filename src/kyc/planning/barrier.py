"""What must not be asked for again for a while, because a provider refused it for a reason that lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kyc.domain.instance import Instance
from kyc.domain.offer import Offer, Purchase
from kyc.domain.refusal import Refusal

LASTS: Mapping[Refusal, timedelta] = {
    Refusal.QUOTA: timedelta(minutes=10),  # what is given back elsewhere makes room; a person may raise it
    Refusal.CREDENTIALS: timedelta(minutes=2),  # a person gives new ones
    Refusal.UNSUPPORTED: timedelta(days=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """Offers that need not be tried, and why. Empty parts and None stand for all."""

    cloud: str
    reason: str
    region: str = ""
    zone: str = ""
    instance_type: str = ""
    purchase: Purchase | None = None

    def bars(self, offer: Offer) -> bool:
        """Say whether the offer is behind it."""
        return (
            offer.cloud == self.cloud
            and self.region in {"", offer.region}
            and self.zone in {"", offer.zone}
            and self.instance_type in {"", offer.instance_type}
            and self.purchase in {None, offer.purchase}
        )


def barriers_of(instances: Iterable[Instance], *, now: datetime) -> tuple[Barrier, ...]:
    """Return the barriers that refusals of these instances put up, as far as they still stand."""
    return tuple(dict.fromkeys(_barrier(one) for one in instances if _stands(one, now)))


def _stands(instance: Instance, now: datetime) -> bool:
    lasts = LASTS.get(instance.refusal) if instance.refusal is not None else None
    return lasts is not None and instance.ended_at is not None and now - instance.ended_at < lasts


def _barrier(instance: Instance) -> Barrier:
    offer, reason = instance.offer, instance.end_reason
    if instance.refusal is Refusal.CREDENTIALS:
        return Barrier(cloud=offer.cloud, reason=reason)
    if instance.refusal is Refusal.QUOTA:
        return Barrier(cloud=offer.cloud, region=offer.region, purchase=offer.purchase, reason=reason)
    zone, kind = offer.zone, offer.instance_type
    return Barrier(cloud=offer.cloud, region=offer.region, zone=zone, instance_type=kind, reason=reason)
