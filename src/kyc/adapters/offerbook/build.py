"""Makes the columns from the record: joined, sorted by price, coded as small numbers."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TypeVar

import numpy as np

from kyc.adapters.offerbook.columns import CoverageRow, Header, MachineRow, PlaceRow, write_columns
from kyc.adapters.offerbook.record import Record

T = TypeVar("T")

# The list price of the same machine: in the same zone, else of the region. Equal prices are in the order of offer ids.
_ROWS = """
SELECT p.nanos,
  CASE p.purchase WHEN 'on_demand' THEN p.nanos ELSE coalesce(z.nanos, r.nanos, 0) END,
  p.priced_at, p.cloud, p.type, p.region, p.zone, p.source, p.purchase = 'spot', coalesce(b.band, '')
FROM price p
LEFT JOIN price z ON z.cloud = p.cloud AND z.region = p.region AND z.zone = p.zone AND z.type = p.type
  AND z.purchase = 'on_demand'
LEFT JOIN price r ON r.cloud = p.cloud AND r.region = p.region AND r.zone = '' AND r.type = p.type
  AND r.purchase = 'on_demand'
LEFT JOIN band b ON b.cloud = p.cloud AND b.region = p.region AND b.type = p.type AND p.purchase = 'spot'
ORDER BY p.nanos,
  p.cloud || '/' || p.region || '/' || iif(p.zone = '', '*', p.zone) || '/' || p.type || '/' || p.purchase
"""
_COVERAGE = """
SELECT cloud, region, source, purchase, count(*), min(priced_at), max(priced_at) FROM price
GROUP BY cloud, region, source, purchase ORDER BY cloud, region, source, purchase"""
_MACHINES = "SELECT cloud, type, arch, vcpus, memory_mib, gpu, gpu_count, gpu_memory_mib FROM machine"


def build_columns(record: Record, path: Path) -> int:
    """Write the columns of all that the record holds, and return the number of rows."""
    # The record stays locked until the file is in place: of two who build at once the later one holds both's prices.
    with record.opened() as connection:
        known = {(row[0], row[1]): MachineRow(*row) for row in connection.execute(_MACHINES)}
        coverage = [CoverageRow(*row) for row in connection.execute(_COVERAGE)]
        columns = _Columns(known)
        columns.read(connection)
        header = Header(
            rows=columns.count,
            machines=list(columns.machines),
            places=list(columns.places),
            sources=list(columns.sources),
            bands=list(columns.bands),
            coverage=coverage,
        )
        write_columns(path, header, {name: np.asarray(values) for name, values in columns.values.items()})
    return columns.count


class _Columns:
    """Rows as columns; each different machine, place, source and band gets the next number."""

    def __init__(self, known: dict[tuple[str, str], MachineRow]) -> None:
        self._known = known
        self.machines: dict[MachineRow, int] = {}
        self.places: dict[PlaceRow, int] = {}
        self.sources: dict[str, int] = {}
        self.bands: dict[str, int] = {"": 0}
        names = ("nanos", "on_demand", "priced_at", "machine", "place", "source", "spot", "band")
        self.values: dict[str, list[int]] = {name: [] for name in names}
        self.count = 0

    def read(self, connection: sqlite3.Connection) -> None:
        add = [values.append for values in self.values.values()]
        codes: dict[tuple[str, str], int] = {}
        for nanos, listed, at, cloud, kind, region, zone, source, spot, band in connection.execute(_ROWS):
            machine = codes.get((cloud, kind))
            if machine is None:
                machine = codes[cloud, kind] = _code(self.machines, self._machine(cloud, kind))
            place = _code(self.places, PlaceRow(cloud, region, zone))
            row = (nanos, listed, at, machine, place, _code(self.sources, source), spot, _code(self.bands, band))
            for append, value in zip(add, row, strict=True):
                append(value)
            self.count += 1

    def _machine(self, cloud: str, kind: str) -> MachineRow:
        return self._known.get((cloud, kind)) or MachineRow(cloud, kind, None, 0, 0, None, 0, 0)


def _code(table: dict[T, int], value: T) -> int:
    return table.setdefault(value, len(table))
