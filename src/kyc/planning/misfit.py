"""Why no offer meets the requirements, and which one is nearest to meeting them: words for people, decided purely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from kyc.domain.offer import Offer, Purchase
from kyc.domain.workload import Bound, Requirement


def explain_misfit(offers: Sequence[Offer], any_of: Sequence[Requirement]) -> str:
    """Return what fails, what is nearest and which clouds were searched; `any_of` are wishes that no offer meets."""
    if not offers:
        return "no cloud offers anything now"
    pairs = [(offer, wish) for wish in any_of for offer in offers]
    nearest, wish = min(pairs, key=lambda pair: _rank(*pair))
    failed = ", ".join(_failures(nearest, wish))
    return f"nearest is {nearest.id}, but {failed} (searched {_searched(offers)})"


def _rank(offer: Offer, wish: Requirement) -> tuple[int, float, Decimal]:
    """Return few failures before many, and a near miss before a far one: the cheapest says little of a big wish."""
    return len(list(_failures(offer, wish))), _distance(offer, wish), offer.price_usd_per_hour


def _distance(offer: Offer, requirement: Requirement) -> float:
    """Return by which share of the wish the offer misses it, over all amounts."""
    price, most = offer.price_usd_per_hour, requirement.max_price_usd_per_hour
    over = float((price - most) / most) if most else float(price) if most is not None else 0.0
    return (
        _share(requirement.vcpus, offer.vcpus)
        + _share(requirement.memory_gib, offer.memory_mib / 1024)
        + _share(Bound(least=requirement.gpu_count), offer.gpu_count)
        + max(0.0, over)
    )


def _share(wish: Bound, value: float) -> float:
    if value < wish.least:
        return (wish.least - value) / wish.least
    return (value - wish.most) / max(wish.most, 1) if wish.most is not None and value > wish.most else 0.0


def _failures(offer: Offer, wish: Requirement) -> Iterator[str]:
    """Yield each requirement that the offer fails: what it has, and what was asked for."""
    places = (
        ("cloud", wish.cloud, offer.cloud),
        ("region", wish.region, offer.region),
        ("zone", wish.zone, offer.zone),
        ("instance type", wish.instance_type, offer.instance_type),
        ("architecture", wish.arch, offer.arch),
    )
    for name, wanted, given in places:
        if wanted is not None and wanted != given:
            yield f"its {name} is {given}, not {wanted}"
    memory_gib = offer.memory_mib / 1024
    if not wish.vcpus.fits(offer.vcpus):
        yield f"it has {offer.vcpus:g} CPUs, not {_amount(wish.vcpus)}"
    if not wish.memory_gib.fits(memory_gib):
        yield f"it has {memory_gib:g} GiB of memory, not {_amount(wish.memory_gib)}"
    if offer.gpu_count < wish.gpu_count or (wish.gpu is not None and wish.gpu != offer.gpu):
        has = f"{offer.gpu}:{offer.gpu_count:g}" if offer.gpu_count else "no GPU"
        yield f"it has {has}, not {wish.gpu or 'GPU'}:{wish.gpu_count:g}"
    if not wish.use_spot and offer.purchase is not Purchase.ON_DEMAND:
        yield "it is spot, and use_spot is false"
    most = wish.max_price_usd_per_hour
    if most is not None and offer.price_usd_per_hour > most:
        yield f"it costs ${offer.price_usd_per_hour:f} an hour, more than ${most:f}"


def _amount(wish: Bound) -> str:
    if wish.most is None:
        return f"{wish.least:g}+"
    return f"{wish.least:g}" if wish.least == wish.most else f"{wish.least:g}..{wish.most:g}"


def _searched(offers: Iterable[Offer]) -> str:
    count: dict[str, int] = {}
    for offer in offers:
        count[offer.cloud] = count.get(offer.cloud, 0) + 1
    return ", ".join(f"{cloud}: {number} offer{'s' * (number > 1)}" for cloud, number in sorted(count.items()))
