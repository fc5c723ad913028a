"""A workload's log as files: `log/0000000000000007` is its seventh record, an opened epoch or a manifest.

A record is written beside and then linked to the next number, which fails if that number is taken: that is the fence,
and it holds on any POSIX file system, NFS included. A writer that fails so reads who was first. A discarded manifest
leaves an empty record behind, so that its number is never given twice while somebody may still believe it is free.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from kyc.adapters.directory.files import force, write_beside
from kyc.domain.errors import DamagedDataError, NotFoundError

_DIGITS = 16
_BURIED_KEPT = 1000


OPENED, MANIFEST, BURIED = 0, 1, 2


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One entry of the log. `writer` tells apart those who opened one epoch; `digest` and `body` are a manifest's."""

    version: int
    kind: int
    epoch: int
    writer: bytes
    digest: bytes = b""
    body: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


class Log:
    """The log in one folder. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def numbers(self) -> list[int]:
        """Return the numbers of all records, in order; NotFoundError without a log."""
        try:
            names = os.listdir(self.folder)  # noqa: PTH208  # names only: no Path for each of thousands
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing(self.folder.parent.name) from error
        return sorted(int(name) for name in names if name.isdigit())

    def read(self, number: int) -> Record | None:
        """Return a record, None if it is not there."""
        try:
            data = self._path(number).read_bytes()
        except FileNotFoundError:
            return None
        try:
            record = _decoder.decode(data)
        except msgspec.DecodeError as error:
            raise DamagedDataError(f"record {number} in {self.folder} is damaged: {error}") from error
        if record.version != 1:
            raise DamagedDataError(f"record {number} in {self.folder} was written by a newer kyc")
        return record

    def tail(self) -> tuple[int, Record | None]:
        """Return the last record and its number; (0, None) for an empty log."""
        while numbers := self.numbers():
            record = self.read(numbers[-1])
            if record is not None:
                return numbers[-1], record
        return 0, None

    def append(self, number: int, record: Record) -> bool:
        """Put a record at this number, durably; False if the number is taken."""
        beside = write_beside(self.folder, _encoder.encode(record), force=True)
        try:
            os.link(beside, self._path(number))
        except FileExistsError:
            return False
        finally:
            beside.unlink()
        force(self.folder)
        return True

    def bury(self, number: int) -> None:
        """Empty a manifest's record; no error if it is not there."""
        record = self.read(number)
        if record is not None and record.kind == MANIFEST:
            buried = Record(1, BURIED, record.epoch, record.writer)
            write_beside(self.folder, _encoder.encode(buried), force=True).replace(self._path(number))

    def sweep(self) -> None:
        """Remove buried records so far behind that no writer can still believe their numbers are free."""
        for number in self.numbers()[:-_BURIED_KEPT]:
            record = self.read(number)
            if record is not None and record.kind == BURIED:
                self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:0{_DIGITS}d}"


def missing(workload: str) -> NotFoundError:
    """Return the error for a workload that has no place."""
    return NotFoundError(f"the stream has no place for {workload}", next_step="Create it first.")
