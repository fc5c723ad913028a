"""Uploaded workdirs, kept under the SHA-256 of their bytes: KYC_HOME/archives/<sha256>.

What lies under a name is whole and has that hash: it is written beside, checked, made durable, and renamed.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kyc.domain.errors import InvalidInputError, NotFoundError, OutOfSpaceError, UnreachableError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = ".part"
_BLOCK_BYTES = 1 << 20  # gathered before a thread writes them
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Archives:
    """The folder of archives. It takes one of up to `limit_bytes`."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def prepare(self) -> None:
        """Make the folder, without what uploads left that a master's death cut off. Call it before the first `put`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob(f"*{_PART}"):
            left.unlink(missing_ok=True)

    def has(self, sha256: str) -> bool:
        """Say whether the archive is there, whole."""
        return self._path(sha256).is_file()

    def path(self, sha256: str) -> Path:
        """Return the archive's file; raise NotFoundError if it was not uploaded."""
        path = self._path(sha256)
        if not path.is_file():
            raise NotFoundError(f"no archive {sha256} was uploaded", next_step="Upload it first.")
        return path

    async def put(self, sha256: str, blocks: AsyncIterator[bytes], *, announced_bytes: int | None = None) -> int:
        """Store the archive and return its size; nothing is left of one that is refused or cut off.

        Raise InvalidInputError for another hash or too many bytes, UnreachableError if the disk does not take it.
        """
        path = self._path(sha256)
        self._check_size(announced_bytes or 0)
        with _translated(), _part_in(self._folder) as (part, file):
            size = await self._receive(sha256, blocks, file)
            await asyncio.to_thread(_keep, part, file, path)
        return size

    async def _receive(self, sha256: str, blocks: AsyncIterator[bytes], file: BinaryIO) -> int:
        digest, size, gathered = hashlib.sha256(), 0, bytearray()

        def write(block: bytes) -> None:
            digest.update(block)
            rest = memoryview(block)
            while rest:  # an unbuffered file may take a part only
                rest = rest[file.write(rest) :]

        async for block in blocks:
            size += len(block)
            self._check_size(size)
            gathered += block
            if len(gathered) >= _BLOCK_BYTES:
                await asyncio.to_thread(write, bytes(gathered))
                gathered.clear()
        await asyncio.to_thread(write, bytes(gathered))
        if digest.hexdigest() != sha256:
            raise InvalidInputError(
                f"the archive has the hash {digest.hexdigest()}, not {sha256}", next_step="Upload it again."
            )
        return size

    def _check_size(self, size: int) -> None:
        if size > self._limit_bytes:
            raise InvalidInputError(
                f"the workdir is larger than {self._limit_bytes / 2**20:.0f} MiB when packed",
                next_step="List what the work does not need in .skyignore or .gitignore, or fetch it in `setup`.",
            )

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise InvalidInputError(f"{sha256[:80]!r} is not a SHA-256 in lower-case hex")
        return self._folder / sha256


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise OutOfSpaceError(
                "the disk that holds the master's KYC_HOME is full", next_step="Free some space there, then try again."
            ) from error
        raise UnreachableError(
            f"the master cannot write the archive: {error.strerror}", next_step="See that it may write in its KYC_HOME."
        ) from error


@contextmanager
def _part_in(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Make a file that is gone at the end, unless it was renamed."""
    number, name = tempfile.mkstemp(suffix=_PART, dir=folder)
    try:
        with os.fdopen(number, "wb", buffering=0) as file:
            yield Path(name), file
    finally:
        Path(name).unlink(missing_ok=True)


def _keep(part: Path, file: BinaryIO, path: Path) -> None:
    """Give the part its name; both its bytes and the name are on the disk afterwards."""
    os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
