"""Blocking file work off the event loop, bounded in time, with the operating system's errors as ours."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

from kyc.domain.errors import CredentialError, OutOfSpaceError, UnreachableError

T = TypeVar("T")
_THREADS = 4


class Disk:
    """Runs calls in a few threads; one that takes longer than `timeout_s` is given up (a mount may hang for ever)."""

    def __init__(self, root: Path, *, timeout_s: float) -> None:
        self.root = root
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="kyc-directory")

    async def do(self, call: Callable[[], T]) -> T:
        """Return what the call returns; raise UnreachableError, OutOfSpaceError or CredentialError for its OSError."""
        loop = asyncio.get_running_loop()
        with self._errors():
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await loop.run_in_executor(self._pool, call)
            except TimeoutError as error:
                raise self._unreachable(f"no answer within {self._timeout_s:g} s") from error

    def close(self) -> None:
        """Let the threads go; what hangs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise CredentialError(
                f"{self.root} does not allow it: {error.strerror}", next_step="Check who owns the directory."
            ) from error
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise OutOfSpaceError(f"{self.root} is full", next_step="Make room there.") from error
            raise self._unreachable(error.strerror or str(error)) from error

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(f"{self.root} cannot be used: {why}", next_step="Is it mounted? It is tried again.")


def write_beside(folder: Path, data: bytes, *, force: bool) -> Path:
    """Write a new file under a name that nobody else uses, and return it; `force` it to the disk."""
    beside = folder / f".{token_hex(12)}"
    try:
        with beside.open("xb") as file:
            file.write(data)
            if force:
                file.flush()
                os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    return beside


def force(path: Path) -> None:
    """Force a file, or a folder's names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
