"""The file that searches use: one array a column, all rows sorted by price, and small tables of what they refer to.

Layout: MAGIC, the header's length (8 bytes, little-endian), the header (JSON), then the arrays, each at a multiple of
64 bytes. The file is written whole and renamed into place; who has the old one mapped goes on reading that.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kyc.domain.errors import DamagedDataError

MAGIC = b"kyc-offers-1\n\0\0\0"
_ALIGN = 64
COLUMNS: Mapping[str, str] = {
    "nanos": "<i8",  # USD per hour x 1e9; the sort key
    "on_demand": "<i8",  # the same machine's list price x 1e9; 0: unknown
    "priced_at": "<i8",  # seconds since 1970
    "machine": "<i4",
    "place": "<i4",
    "source": "<i2",
    "spot": "|b1",
    "band": "|i1",
}


class MachineRow(msgspec.Struct, frozen=True, array_like=True):
    """An instance type; zero and None: unknown."""

    cloud: str
    type: str
    arch: str | None
    vcpus: float
    memory_mib: int
    gpu: str | None
    gpu_count: float
    gpu_memory_mib: int


class PlaceRow(msgspec.Struct, frozen=True, array_like=True):
    """Where something is sold; an empty zone: anywhere in the region."""

    cloud: str
    region: str
    zone: str


class CoverageRow(msgspec.Struct, frozen=True, array_like=True):
    """A line of `kyc catalog info`; times in seconds since 1970."""

    cloud: str
    region: str
    source: str
    purchase: str
    rows: int
    oldest_at: int
    newest_at: int


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The small tables; `rows` is the length of every column."""

    rows: int
    machines: list[MachineRow]
    places: list[PlaceRow]
    sources: list[str]
    bands: list[str]
    coverage: list[CoverageRow]


Arrays = Mapping[str, npt.NDArray[Any]]


def write_columns(path: Path, header: Header, arrays: Arrays) -> None:
    """Write the file so that readers see all of it or the one before."""
    head = msgspec.json.encode(header)
    number, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(MAGIC + len(head).to_bytes(8, "little") + head)
            for column, kind in COLUMNS.items():
                file.write(b"\0" * (-file.tell() % _ALIGN))
                file.write(np.ascontiguousarray(arrays[column], dtype=kind).tobytes())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def read_columns(path: Path) -> tuple[Header, Arrays]:
    """Map the file; raise DamagedDataError if it is not one of ours, FileNotFoundError if there is none."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < len(MAGIC) + 8:
            raise _damaged(path)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = len(MAGIC) + 8
    length = int.from_bytes(mapped[len(MAGIC) : start], "little")
    if mapped[: len(MAGIC)] != MAGIC or start + length > size:
        raise _damaged(path)
    try:
        header = msgspec.json.decode(mapped[start : start + length], type=Header)
    except msgspec.DecodeError as error:
        raise _damaged(path) from error
    place = start + length
    arrays: dict[str, npt.NDArray[Any]] = {}
    for column, kind in COLUMNS.items():
        place += -place % _ALIGN
        if place + header.rows * np.dtype(kind).itemsize > size:
            raise _damaged(path)
        arrays[column] = np.frombuffer(mapped, dtype=kind, count=header.rows, offset=place)
        place += arrays[column].nbytes
    return header, arrays


def _damaged(path: Path) -> DamagedDataError:
    return DamagedDataError(
        f"{path} is not a whole offer file", next_step="Remove it, then run `kyc catalog import` or `refresh` again."
    )
