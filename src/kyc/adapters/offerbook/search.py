"""A query over the columns: the answer of `planning.offers.search_offers`, in milliseconds for any number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kyc.adapters.offerbook.book import VECTORS, Book, Floats, Mask, Masks, Rows
from kyc.domain.offer import Pool, Purchase
from kyc.domain.workload import Requirement
from kyc.planning.match import Check
from kyc.planning.offers import (
    NEAREST,
    RESTART_H,
    Found,
    OfferGroup,
    OfferOrder,
    OfferQuery,
    Removal,
    SearchResult,
    checks_of,
    placed,
)
from kyc.planning.risk import UNKNOWN_PER_HOUR

Codes = npt.NDArray[np.intp]


def search_book(book: Book, query: OfferQuery) -> SearchResult:
    """Return the answer to the query."""
    chosen = _Search(book, query)
    rows = chosen.matching()
    if not rows.size:
        return chosen.explained()
    return SearchResult(found=placed(chosen.best(rows), query), total=int(rows.size), searched=book.rows)


@dataclass(frozen=True, slots=True)
class _Search:
    book: Book
    query: OfferQuery

    def matching(self) -> Rows:
        """The rows that meet one alternative, cheapest first."""
        found = [self._meets(requirement) for requirement in self.query.any_of]
        if not found:
            return np.array([], dtype=np.intp)
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))

    def best(self, rows: Rows) -> list[Found]:
        """The rows in the query's order, the best of each group, as many as asked for."""
        query = self.query
        if query.group is None:
            ordered = self._ordered(rows, most=query.limit)
            return [Found(offer=self.book.offer(row)) for row in ordered.tolist()]
        ordered = self._ordered(rows, most=rows.size)
        groups = _group_codes(self.book, query.group)[ordered]
        sizes = np.bincount(groups)
        kept = _first_of_each(groups, query.per_group)[: query.limit]
        return [
            Found(offer=self.book.offer(int(ordered[place])), group_size=int(sizes[groups[place]]))
            for place in kept.tolist()
        ]

    def explained(self) -> SearchResult:
        """Why nothing fits: what each filter removed of what was left, and what misses the fewest wishes."""
        removed: list[Removal] = []
        fewest = np.full(self.book.rows, 255, dtype=np.uint8)
        for number, requirement in enumerate(self.query.any_of):
            left = np.ones(self.book.rows, dtype=bool)
            misses = np.zeros(self.book.rows, dtype=np.uint8)
            for check in checks_of(self.query, requirement):
                holds = self._wide(check, requirement)
                misses += ~holds
                count = int(np.count_nonzero(left & ~holds))
                removed.append(
                    Removal(filter=check.name, wish=check.wish(requirement), count=count, alternative=number)
                )
                left &= holds
            fewest = np.minimum(fewest, misses)
        nearest = [self.book.offer(row) for row in self._nearest(fewest)]
        return SearchResult(found=(), total=0, searched=self.book.rows, removed=tuple(removed), nearest=tuple(nearest))

    def _nearest(self, misses: npt.NDArray[np.uint8]) -> list[int]:
        rows: list[int] = []
        for number in np.unique(misses).tolist():
            if len(rows) >= NEAREST:
                break
            rows += self._ordered(np.flatnonzero(misses == number), most=NEAREST - len(rows)).tolist()
        return rows

    def _meets(self, requirement: Requirement) -> Rows:
        checks = checks_of(self.query, requirement)
        return self.book.select(_joined([self._masks(check, requirement) for check in checks]))

    def _wide(self, check: Check, requirement: Requirement) -> Mask:
        mask = np.zeros(self.book.rows, dtype=bool)
        mask[self.book.select(self._masks(check, requirement))] = True
        return mask

    def _masks(self, check: Check, requirement: Requirement) -> Masks:
        book, query = self.book, self.query
        if check.name == "purchase":
            spot: Mask = book.arrays["spot"]
            return Masks(rows=spot if query.purchase is Purchase.SPOT else ~spot)
        if check.name == "registered clouds":
            return Masks(places=np.isin(book.clouds, sorted(query.clouds or ())))
        return VECTORS[check.name](book, requirement)

    def _ordered(self, rows: Rows, *, most: int) -> Rows:
        """The rows in the query's order; they come, and equal ones stay, in the order of price and id."""
        if self.query.order is OfferOrder.PRICE:
            return rows[:most]
        keys = self._keys(rows)
        if most < rows.size:
            bar = np.partition(keys, most - 1)[most - 1] if most else -1.0
            chosen = keys <= bar
            rows, keys = rows[chosen], keys[chosen]
        return rows[np.argsort(keys, kind="stable")][:most]

    def _keys(self, rows: Rows) -> Floats:
        book = self.book
        price = book.arrays["nanos"][rows] / 1e9
        if self.query.order is OfferOrder.RISK:
            return price * (1 + self._rates(rows) * RESTART_H)
        memory_gib = book.gpu_count * book.gpu_memory_mib / 1024
        units = (memory_gib if self.query.by_gpu else book.vcpus)[book.arrays["machine"][rows]]
        with np.errstate(divide="ignore"):
            return np.where(units > 0, price / np.where(units > 0, units, 1), np.inf)

    def _rates(self, rows: Rows) -> Floats:
        """What each row's offer is expected to suffer: by its band, and where we know its pool by our own record."""
        book, risks = self.book, self.query.risks
        by_band = np.array([UNKNOWN_PER_HOUR if rate is None else rate for rate in book.band_rates])
        spot = book.arrays["spot"][rows]
        rates = np.where(spot, by_band[book.arrays["band"][rows]], 0.0)
        for pool in risks.pools:
            for place in np.flatnonzero(_of_pool(rows, spot, pool, book)).tolist():
                rates[place] = risks.rate(book.offer(int(rows[place])))
        return rates


def _of_pool(rows: Rows, spot: Mask, pool: Pool, book: Book) -> Mask:
    zones = np.where(book.zones == "", book.regions, book.zones)
    places = (book.clouds == pool.cloud) & (zones == pool.zone)
    machines = book.types == pool.instance_type
    if not places.any() or not machines.any():
        return np.zeros(rows.size, dtype=bool)
    found: Mask = spot & places[book.arrays["place"][rows]] & machines[book.arrays["machine"][rows]]
    return found


def _joined(found: Sequence[Masks]) -> Masks:
    """Return all masks as one of each kind; those of places and machines are short, so they are joined first."""
    return Masks(
        places=_both([masks.places for masks in found]),
        machines=_both([masks.machines for masks in found]),
        rows=_both([masks.rows for masks in found]),
        cheapest=min((masks.cheapest for masks in found if masks.cheapest is not None), default=None),
    )


def _both(masks: Sequence[Mask | None]) -> Mask | None:
    there = [mask for mask in masks if mask is not None]
    if not there:
        return None
    found = there[0]
    for mask in there[1:]:
        found = found & mask
    return found


def _group_codes(book: Book, group: OfferGroup) -> Codes:
    """The number of each row's group."""
    match group:
        case OfferGroup.CLOUD:
            names, column = book.clouds, "place"
        case OfferGroup.REGION:
            names, column = np.array([f"{p.cloud}/{p.region}" for p in book.header.places]), "place"
        case OfferGroup.TYPE:
            names, column = np.array([f"{m.cloud}/{m.type}" for m in book.header.machines]), "machine"
        case OfferGroup.GPU:
            names, column = np.array([m.gpu or "" for m in book.header.machines]), "machine"
    codes = np.unique(names, return_inverse=True)[1]
    return codes.astype(np.intp)[book.arrays[column]]


def _first_of_each(groups: Codes, count: int) -> Rows:
    """The places of the first `count` of each group, in their order."""
    by_group = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[by_group], prepend=-1))
    begun = np.repeat(starts, np.diff(np.append(starts, groups.size)))
    return np.sort(by_group[np.arange(groups.size) - begun < count])
