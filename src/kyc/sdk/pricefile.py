"""A price file on its way to the master: as it is if it is a table of text, else (parquet) turned into one here.

Reading parquet takes pyarrow, a package larger than everything else together: so it happens in the short-lived process
that imports, and the master never has it.
"""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kyc.domain.errors import InvalidInputError

_PARQUET = b"PAR1"
_BLOCK_BYTES = 1 << 20


@contextmanager
def opened_table(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Yield the table's file, at its start, and its SHA-256 (hex); raise InvalidInputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            parquet = file.read(len(_PARQUET)) == _PARQUET
            file.seek(0)
            if not parquet:
                yield file, _hash(file)
                return
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    with tempfile.TemporaryFile() as table:
        _convert(path, table)
        yield table, _hash(table)


def _convert(path: Path, table: BinaryIO) -> None:
    """Write a parquet file as csv.gz."""
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra
        from pyarrow import csv, parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            "reading parquet takes pyarrow, which is not installed",
            next_step="pip install 'keep-your-cost[parquet]', or import the csv.gz form of the file.",
        ) from error
    try:
        read = parquet.read_table(path)
        with gzip.open(table, "wb", compresslevel=1) as packed:
            csv.write_csv(read, packed)
    except pa.ArrowException as error:
        raise InvalidInputError(f"{path.name} is not a parquet file that can be read: {error}") from error


def _hash(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()
