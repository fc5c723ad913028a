"""Searching for offers: the question, the answer, and the rule between them, over any list of offers.

This is the reference: a catalog that is too large for a list answers the same question in its own way, and is tested
against `search_offers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice

from kyc.domain.offer import Offer, Purchase
from kyc.domain.workload import Requirement
from kyc.planning.match import CHECKS, Check, in_wished_zone
from kyc.planning.risk import RiskBook

DEFAULT_LIMIT = 100
NEAREST = 5
RESTART_H = 0.2  # what an interruption is taken to cost when offers are compared without a job: 12 minutes of paid time


class OfferOrder(StrEnum):
    """How found offers are sorted; equal ones by price, then by id."""

    PRICE = "price"  # USD per hour
    VALUE = "value"  # USD per hour and GiB of GPU memory where a GPU is asked for, else per vCPU; unknown ones last
    RISK = "risk"  # USD per hour, and what its interruptions are expected to cost in an hour


class OfferGroup(StrEnum):
    """What offers may be gathered by; each group shows its best."""

    CLOUD = "cloud"
    REGION = "region"  # of one cloud
    TYPE = "type"  # of one cloud
    GPU = "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferQuery:
    """What is looked for: offers that meet one of `any_of` (one at least), of these `clouds` (None: all).

    `purchase` None: both kinds. With `group` the best `per_group` of each group are returned, `limit` in all at most.
    """

    any_of: tuple[Requirement, ...] = (Requirement(),)
    purchase: Purchase | None = None
    clouds: frozenset[str] | None = None
    order: OfferOrder = OfferOrder.PRICE
    group: OfferGroup | None = None
    per_group: int = 1
    limit: int = DEFAULT_LIMIT
    risks: RiskBook = field(default_factory=RiskBook)

    @property
    def by_gpu(self) -> bool:
        """Whether value means GPU memory."""
        return any(r.gpu or r.gpu_count > 0 or r.gpu_memory_gib.least > 0 for r in self.any_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """How many offers one filter of an alternative took out, of those that the filters before it had left."""

    filter: str
    wish: str
    count: int
    alternative: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An offer of the answer; `group_size` counts its group where there are groups, else 1."""

    offer: Offer
    group_size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The answer, best first. `total` counts all that fit. Where none does: why not, and the nearest offers.

    The nearest are those that miss the fewest wishes, in the query's order.
    """

    found: tuple[Found, ...]
    total: int
    searched: int
    removed: tuple[Removal, ...] = ()
    nearest: tuple[Offer, ...] = ()

    @property
    def offers(self) -> list[Offer]:
        """The found offers by themselves."""
        return [found.offer for found in self.found]


def search_offers(offers: Iterable[Offer], query: OfferQuery) -> SearchResult:
    """Return the offers that the query asks for; every offer in turn, so for short lists."""
    everything = list(offers)
    fitting = [offer for offer in everything if _misses(offer, query) == 0]
    key = order_key(query)
    fitting.sort(key=key)
    if not fitting:
        return explain_empty(everything, query)
    found = _grouped(fitting, query) if query.group else [Found(offer=offer) for offer in fitting]
    return SearchResult(found=placed(found[: query.limit], query), total=len(fitting), searched=len(everything))


def placed(found: Iterable[Found], query: OfferQuery) -> tuple[Found, ...]:
    """Return what was found, offers of whole regions in the zones that are asked for."""
    if all(wish.zone is None for wish in query.any_of):
        return tuple(found)
    return tuple(replace(one, offer=in_wished_zone(one.offer, query.any_of)) for one in found)


def merge_results(results: Sequence[SearchResult], query: OfferQuery) -> SearchResult:
    """Return the answers of several catalogs as one."""
    if len(results) == 1:
        return results[0]
    key = order_key(query)
    found = sorted((found for result in results for found in result.found), key=lambda found: key(found.offer))
    total, searched = sum(result.total for result in results), sum(result.searched for result in results)
    if total:
        return SearchResult(found=tuple(_best_of_groups(found, query)[: query.limit]), total=total, searched=searched)
    counts: dict[tuple[int, str, str], int] = {}
    for removal in (removal for result in results for removal in result.removed):
        place = (removal.alternative, removal.filter, removal.wish)
        counts[place] = counts.get(place, 0) + removal.count
    removed = tuple(Removal(alternative=a, filter=f, wish=w, count=n) for (a, f, w), n in counts.items())
    near = [offer for result in results for offer in result.nearest]
    near.sort(key=lambda offer: (_misses(offer, query), key(offer)))
    return SearchResult(found=(), total=0, searched=searched, removed=removed, nearest=tuple(near[:NEAREST]))


def explain_empty(offers: Sequence[Offer], query: OfferQuery) -> SearchResult:
    """Return the answer for offers of which none fits: what each filter removed, and the nearest."""
    removed: list[Removal] = []
    for number, requirement in enumerate(query.any_of):
        left: Sequence[Offer] = offers
        for check in checks_of(query, requirement):
            stays = [offer for offer in left if check.holds(offer, requirement)]
            wish = check.wish(requirement)
            removed.append(Removal(filter=check.name, wish=wish, count=len(left) - len(stays), alternative=number))
            left = stays
    key = order_key(query)
    near = sorted(offers, key=lambda offer: (_misses(offer, query), key(offer)))[:NEAREST]
    return SearchResult(found=(), total=0, searched=len(offers), removed=tuple(removed), nearest=tuple(near))


def checks_of(query: OfferQuery, requirement: Requirement) -> list[Check]:
    """Return the checks that this alternative of the query makes, in the order in which they are explained."""
    return [check for check in (*CHECKS, *_of_query(query)) if check.wish(requirement)]


def order_key(query: OfferQuery) -> Callable[[Offer], tuple[float, float, str]]:
    """Return by what offers are sorted: the order's own number, the price, the id."""

    def key(offer: Offer) -> tuple[float, float, str]:
        price = float(offer.price_usd_per_hour)
        return (_rank(offer, price, query), price, offer.id)

    return key


def group_of(offer: Offer, group: OfferGroup) -> str:
    """Return the name of the offer's group."""
    match group:
        case OfferGroup.CLOUD:
            return offer.cloud
        case OfferGroup.REGION:
            return f"{offer.cloud}/{offer.region}"
        case OfferGroup.TYPE:
            return f"{offer.cloud}/{offer.instance_type}"
        case OfferGroup.GPU:
            return offer.gpu or ""


def _of_query(query: OfferQuery) -> list[Check]:
    purchase, clouds = query.purchase, query.clouds
    checks: list[Check] = []
    if purchase is not None:
        name = purchase.value.replace("_", "-")
        checks.append(Check(name="purchase", wish=lambda _: name, holds=lambda o, _: o.purchase is purchase))
    if clouds is not None:
        names = ", ".join(sorted(clouds)) or "none"
        checks.append(Check(name="registered clouds", wish=lambda _: names, holds=lambda o, _: o.cloud in clouds))
    return checks


def _misses(offer: Offer, query: OfferQuery) -> int:
    """Return how many wishes the offer misses of the alternative that it meets best."""
    return min(
        (
            sum(not check.holds(offer, requirement) for check in checks_of(query, requirement))
            for requirement in query.any_of
        ),
        default=1,
    )


def _rank(offer: Offer, price: float, query: OfferQuery) -> float:
    match query.order:
        case OfferOrder.PRICE:
            return price
        case OfferOrder.VALUE:
            units = offer.gpu_count * offer.gpu_memory_mib / 1024 if query.by_gpu else offer.vcpus
            return price / units if units > 0 else float("inf")
        case OfferOrder.RISK:
            return price * (1 + query.risks.rate(offer) * RESTART_H)


def _grouped(ordered: Sequence[Offer], query: OfferQuery) -> list[Found]:
    sizes: dict[str, int] = {}
    if query.group is None:
        return [Found(offer=offer) for offer in ordered]
    for offer in ordered:
        name = group_of(offer, query.group)
        sizes[name] = sizes.get(name, 0) + 1
    found = [Found(offer=offer, group_size=sizes[group_of(offer, query.group)]) for offer in ordered]
    return _best_of_groups(found, query)


def _best_of_groups(ordered: Sequence[Found], query: OfferQuery) -> list[Found]:
    if query.group is None:
        return list(islice(ordered, query.limit))
    taken: dict[str, int] = {}
    best: list[Found] = []
    for found in ordered:
        name = group_of(found.offer, query.group)
        taken[name] = taken.get(name, 0) + 1
        if taken[name] <= query.per_group:
            best.append(found)
    return best
