"""The columns in memory, and what each wish of a query means on them: a mask over places, machines or rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kyc.adapters.offerbook.columns import Arrays, Header, read_columns
from kyc.domain.offer import Arch, Offer, Purchase
from kyc.domain.workload import Bound, Requirement
from kyc.planning.risk import rate_of_band

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
_NANO = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Masks:
    """What a wish leaves: a mask of places, machines or rows each, and so many of the cheapest rows (None: all)."""

    places: Mask | None = None
    machines: Mask | None = None
    rows: Mask | None = None
    cheapest: int | None = None


class Book:
    """One generation of the columns, all rows sorted by price and then by offer id."""

    def __init__(self, header: Header, arrays: Arrays) -> None:
        self.header = header
        self.arrays = arrays
        self.rows = header.rows
        self.clouds = _words(place.cloud for place in header.places)
        self.regions = _words(place.region for place in header.places)
        self.zones = _words(place.zone for place in header.places)
        machines = header.machines
        self.types = _words(machine.type for machine in machines)
        self.archs = _words(machine.arch or "" for machine in machines)
        self.gpus = _words((machine.gpu or "").casefold() for machine in machines)
        self.vcpus = _numbers([machine.vcpus for machine in machines])
        self.memory_mib = _numbers([machine.memory_mib for machine in machines])
        self.gpu_count = _numbers([machine.gpu_count for machine in machines])
        self.gpu_memory_mib = _numbers([machine.gpu_memory_mib for machine in machines])
        rates = [rate_of_band(band) for band in header.bands]
        self.band_rates: list[float | None] = rates

    @staticmethod
    def open(path: Path) -> Book:
        """Map the file; errors as `read_columns`."""
        return Book(*read_columns(path))

    def select(self, masks: Masks) -> Rows:
        """Return the rows that the masks leave, in order: what is quick to tell first, the rest on what is left."""
        of = self.arrays
        end = self.rows if masks.cheapest is None else masks.cheapest
        mask = None if masks.rows is None else masks.rows[:end]
        if masks.places is not None:
            placed = masks.places.take(of["place"][:end])
            mask = placed if mask is None else mask & placed
        rows = np.arange(end) if mask is None else np.flatnonzero(mask)
        if masks.machines is not None:
            rows = rows[masks.machines.take(of["machine"][:end] if mask is None else of["machine"][rows])]
        return rows

    def dearest(self, price: Decimal | None) -> int:
        """Return how many rows cost that much or less; all for None."""
        if price is None:
            return self.rows
        most = min(int(price / _NANO), np.iinfo(np.int64).max)
        return int(np.searchsorted(self.arrays["nanos"], most, side="right"))

    def offer(self, row: int) -> Offer:
        """Return one row as an offer."""
        of = self.arrays
        place = self.header.places[of["place"][row]]
        machine = self.header.machines[of["machine"][row]]
        band = int(of["band"][row])
        listed, price = int(of["on_demand"][row]), _usd(int(of["nanos"][row]))
        return Offer(
            cloud=place.cloud,
            region=place.region,
            zone=place.zone,
            instance_type=machine.type,
            purchase=Purchase.SPOT if of["spot"][row] else Purchase.ON_DEMAND,
            vcpus=machine.vcpus,
            memory_mib=machine.memory_mib,
            price_usd_per_hour=price,
            on_demand_usd_per_hour=_usd(listed) if listed else price,
            on_demand_known=bool(listed),
            source=self.header.sources[of["source"][row]],
            priced_at=datetime.fromtimestamp(int(of["priced_at"][row]), UTC),
            arch=None if machine.arch is None else Arch(machine.arch),
            gpu=machine.gpu,
            gpu_count=machine.gpu_count,
            gpu_memory_mib=machine.gpu_memory_mib,
            interruptions_per_hour=self.band_rates[band],
            interruption_band=self.header.bands[band],
        )


# The same names as planning.match.CHECKS; the tests hold the two against each other.
VECTORS: Mapping[str, Callable[[Book, Requirement], Masks]] = {
    "cloud": lambda b, r: Masks(places=b.clouds == (r.cloud or "")),
    "region": lambda b, r: Masks(places=b.regions == (r.region or "")),
    "zone": lambda b, r: Masks(places=_in_zone(b, r)),
    "type": lambda b, r: Masks(machines=b.types == (r.instance_type or "")),
    "arch": lambda b, r: Masks(machines=b.archs == (r.arch or "")),
    "cpus": lambda b, r: Masks(machines=_within(b.vcpus, r.vcpus)),
    "memory": lambda b, r: Masks(machines=_within(b.memory_mib / 1024, r.memory_gib)),
    "gpu": lambda b, r: Masks(machines=b.gpus == (r.gpu or "").casefold()),
    "gpu count": lambda b, r: Masks(machines=b.gpu_count >= r.gpu_count),
    "gpu memory": lambda b, r: Masks(machines=_within(b.gpu_memory_mib / 1024, r.gpu_memory_gib)),
    "spot": lambda b, _: Masks(rows=~b.arrays["spot"]),
    "max price": lambda b, r: Masks(cheapest=b.dearest(r.max_price_usd_per_hour)),
}


def _in_zone(book: Book, requirement: Requirement) -> Mask:
    zone = requirement.zone or ""
    told = requirement.region is not None
    of_region = told | ((book.regions != "") & np.char.startswith(np.array(zone), book.regions))
    found: Mask = (book.zones == zone) | ((book.zones == "") & of_region)
    return found


def _within(values: Floats, bound: Bound) -> Mask:
    enough = values >= bound.least
    return enough if bound.most is None else enough & (values <= bound.most)


def _usd(nanos: int) -> Decimal:
    return (nanos * _NANO).normalize()


def _words(texts: Any) -> npt.NDArray[np.str_]:  # noqa: ANN401  # any iterable of text
    return np.array(list(texts), dtype=np.str_)


def _numbers(values: list[float] | list[int]) -> Floats:
    return np.array(values, dtype=np.float64)
