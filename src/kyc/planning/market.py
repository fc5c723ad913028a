"""Which offers a requirement allows, and in which order they should be tried."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal

from kyc.domain.offer import Offer, Pool, Purchase
from kyc.domain.workload import Requirement


def rank_offers(offers: Iterable[Offer], any_of: Iterable[Requirement], *, avoid: Collection[Pool] = ()) -> list[Offer]:
    """Return the offers that meet one of the requirements, best first.

    Spot comes before on-demand, cheap before dear; an offer of a pool to avoid (it has just failed) comes after all
    others of whatever kind. On-demand is the last resort where spot is wanted, and the only choice where it is not.
    """
    wanted = list(any_of)
    fitting = (offer for offer in offers if any(fits_requirement(offer, requirement) for requirement in wanted))
    return sorted(fitting, key=lambda offer: _rank(offer, avoid))


def fits_requirement(offer: Offer, requirement: Requirement) -> bool:
    """Say whether the offer has all that the requirement asks for."""
    return (
        _matches_place(offer, requirement)
        and _matches_machine(offer, requirement)
        and (requirement.use_spot or offer.purchase is Purchase.ON_DEMAND)
        and (
            requirement.max_price_usd_per_hour is None or offer.price_usd_per_hour <= requirement.max_price_usd_per_hour
        )
    )


def _matches_place(offer: Offer, requirement: Requirement) -> bool:
    asked = (requirement.cloud, requirement.region, requirement.zone, requirement.instance_type)
    given = (offer.cloud, offer.region, offer.zone, offer.instance_type)
    return all(wish is None or wish == fact for wish, fact in zip(asked, given, strict=True))


def _matches_machine(offer: Offer, requirement: Requirement) -> bool:
    return (
        requirement.vcpus.fits(offer.vcpus)
        and requirement.memory_gib.fits(offer.memory_mib / 1024)
        and requirement.arch in {None, offer.arch}
        and (requirement.gpu is None or requirement.gpu == offer.gpu)
        and offer.gpu_count >= requirement.gpu_count
    )


def _rank(offer: Offer, avoid: Collection[Pool]) -> tuple[bool, bool, Decimal, str]:
    return (offer.pool in avoid, offer.purchase is Purchase.ON_DEMAND, offer.price_usd_per_hour, offer.id)
