"""Which offers a person sees who searches for some, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from kyc.domain.offer import Offer, Purchase
from kyc.domain.workload import Requirement
from kyc.planning.market import fits_requirement


class OfferOrder(StrEnum):
    """How found offers are sorted."""

    PRICE = "price"  # USD per hour
    VALUE = "value"  # USD per hour and GPU, or vCPU where there is none
    RISK = "risk"  # interruptions per hour; unknown ones last


def select_offers(
    offers: Iterable[Offer], any_of: Sequence[Requirement], *, purchase: Purchase | None, order: OfferOrder
) -> list[Offer]:
    """Return the offers that meet one of the requirements and are bought that way (None: any), sorted."""
    fitting = (
        offer
        for offer in offers
        if purchase in {None, offer.purchase} and any(fits_requirement(offer, wish) for wish in any_of)
    )
    return sorted(fitting, key=lambda offer: (_rank(offer, order), float(offer.price_usd_per_hour), offer.id))


def _rank(offer: Offer, order: OfferOrder) -> float:
    match order:
        case OfferOrder.PRICE:
            return float(offer.price_usd_per_hour)
        case OfferOrder.VALUE:
            units = offer.gpu_count or offer.vcpus
            return float(offer.price_usd_per_hour) / units if units else float("inf")
        case OfferOrder.RISK:
            return _risk(offer)


def _risk(offer: Offer) -> float:
    if offer.purchase is Purchase.ON_DEMAND:
        return 0.0
    return float("inf") if offer.interruptions_per_hour is None else offer.interruptions_per_hour
