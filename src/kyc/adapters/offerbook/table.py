"""Reads a table of prices (csv.gz) into facts: one line holds a machine in a place, with its spot and on-demand price.

Columns: cloud, region, zone, instance_type, arch, vcpus, memory_gib, gpu_name, gpu_count, gpu_memory_gib,
on_demand_usd_h, spot_usd_h, spot_kind, interruption_band, as_of, on_demand_as_of, spot_as_of, on_demand_source,
spot_source. Others are passed over; only cloud, region and instance_type have to be there. Empty: unknown. Dates are
UTC days.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

from kyc.domain.errors import InvalidInputError
from kyc.domain.offer import Arch, Purchase
from kyc.ports.pricefeed import BandFact, Fact, LeftOut, MachineFact, PriceFact

_NEEDED = ("cloud", "region", "instance_type")
_ARCHS = {arch.value: arch for arch in Arch}
Line = dict[str, str]


def read_table(path: Path) -> Iterator[Fact]:
    """Yield the facts of a csv or csv.gz file; raise InvalidInputError if it is none, or its columns are missing."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with (
            gzip.open(path, "rt", encoding="utf-8", newline="")
            if packed
            else path.open(encoding="utf-8", newline="") as text
        ):
            yield from facts_of(csv.reader(text), imported_from=path.name)
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"{path.name} cannot be read as a table: {error}",
            next_step="Give a csv or csv.gz file, whole and in UTF-8.",
        ) from error


def facts_of(rows: Iterator[list[str]], *, imported_from: str) -> Iterator[Fact]:
    """Yield the facts of a table's rows; the first names the columns."""
    names = next(rows, [])
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise InvalidInputError(
            f"{imported_from} has no column {', '.join(missing)}", next_step="docs/catalog.md lists the columns."
        )
    told: set[tuple[str, ...]] = set()
    for row in rows:
        if len(row) != len(names):
            yield LeftOut(reason="a line has another number of columns")
            continue
        line = dict(zip(names, row, strict=True))
        if not all(line[name] for name in _NEEDED):
            yield LeftOut(reason="a name is missing")
            continue
        machine = (line["cloud"], line["instance_type"])
        if machine not in told:
            told.add(machine)
            yield _machine(line)
        band, place = line.get("interruption_band"), (*machine, line["region"])
        if band and place not in told:
            told.add(place)
            yield BandFact(cloud=line["cloud"], region=line["region"], instance_type=line["instance_type"], band=band)
        yield from _prices(line, imported_from)


def _machine(line: Line) -> MachineFact:
    return MachineFact(
        cloud=line["cloud"],
        instance_type=line["instance_type"],
        vcpus=_number(line.get("vcpus")),
        memory_mib=round(_number(line.get("memory_gib")) * 1024),
        arch=_ARCHS.get(line.get("arch") or ""),
        gpu=line.get("gpu_name") or None,
        gpu_count=_number(line.get("gpu_count")),
        gpu_memory_mib=round(_number(line.get("gpu_memory_gib")) * 1024),
    )


def _prices(line: Line, imported_from: str) -> Iterator[Fact]:
    found = False
    for purchase, name in ((Purchase.SPOT, "spot"), (Purchase.ON_DEMAND, "on_demand")):
        text = line.get(f"{name}_usd_h")
        if not text:
            continue
        found = True
        price, at = _decimal(text), _day(line.get(f"{name}_as_of") or line.get("as_of") or "")
        if price is None:
            yield LeftOut(reason="the price is not a number")
        elif at is None:
            yield LeftOut(reason="the price has no date")
        else:
            source = line.get(f"{name}_source") or imported_from
            derived = name == "spot" and line.get("spot_kind") == "derived"
            yield PriceFact(
                cloud=line["cloud"],
                region=line["region"],
                zone=line.get("zone") or "",
                instance_type=line["instance_type"],
                purchase=purchase,
                usd_per_hour=price,
                source=f"{source} (derived)" if derived else source,
                priced_at=at,
            )
    if not found:
        yield LeftOut(reason="no price is stated")


def _number(text: str | None) -> float:
    """Return a count or size; 0 (unknown) for what is none."""
    value = _decimal(text or "")
    return float(value) if value is not None and 0 < value < 10**9 else 0.0


@cache
def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


@cache
def _day(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
