"""Locks between processes that a running engine holds too, so that they outlast a killed master.

flock belongs to the open file, not to the process: the engine inherits it (`fd` goes into `pass_fds`), and the kernel
lets go of the lock when the last of them is gone. So whoever gets the lock knows that no engine of a dead master is
still at work.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kyc.domain.errors import UnreachableError

_RETRY_S = 0.05  # the kernel tells nobody when a flock is free


@asynccontextmanager
async def file_lock(path: Path, *, timeout_s: float) -> AsyncIterator[int]:
    """Hold the lock; give its file descriptor. Raise UnreachableError when it is not free within `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            fd = await _acquire(path)
    except TimeoutError as error:
        raise UnreachableError(
            f"another run still works in {path.stem} after {timeout_s:.0f} s",
            next_step=f"It is tried again by itself. To see who holds it: fuser -v {path}",
        ) from error
    try:
        yield fd
    finally:
        os.close(fd)


async def _acquire(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if await _locked(fd, path):
                return fd
        except BaseException:  # the descriptor is ours until it is returned, also when cancelled
            os.close(fd)
            raise
        os.close(fd)


async def _locked(fd: int, path: Path) -> bool:
    """Wait for the lock; False if the file was removed meanwhile, so that the lock means nothing."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_RETRY_S)
            continue
        return _is_current(fd, path)


def _is_current(fd: int, path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        return False
