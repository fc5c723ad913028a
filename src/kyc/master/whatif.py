"""What-ifs in processes of their own, two at a time, ended when they take too long; and the traces they run on."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from kyc.domain.errors import InvalidInputError, NotFoundError, UnreachableError
from kyc.master.home import write_whole
from kyc.wire.api import TraceRow

T = TypeVar("T")
MOST_TRACE_BYTES = 64 << 20
_LONGEST_S = 60.0
_AT_ONCE = 2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_HEAD_BYTES = 400
_TOLD_BYTES = 1000


class _Refused(msgspec.Struct, frozen=True):
    refused: str


@dataclass(slots=True)
class WhatIf:
    """`folder` holds the traces that people put there. `longest_s` is how long one simulation may take."""

    folder: Path
    longest_s: float = _LONGEST_S
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    def traces(self) -> list[TraceRow]:
        """Return the traces, by name."""
        found = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        return [_row(path) for path in found if path.is_file() and _NAME.fullmatch(path.name)]

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> TraceRow:
        """Store a trace under a name; raise InvalidInputError for a name that is none, or too much of it."""
        if not _NAME.fullmatch(name):
            raise InvalidInputError(f"{name[:80]!r} cannot be a trace's name", next_step="Use letters, digits, . _ -")
        content = bytearray()
        async for block in blocks:
            content += block
            if len(content) > MOST_TRACE_BYTES:
                raise InvalidInputError(f"the trace is larger than {MOST_TRACE_BYTES >> 20} MiB")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / name
        await asyncio.to_thread(write_whole, path, bytes(content))
        return _row(path)

    def remove(self, name: str) -> None:
        """Remove a trace; raise NotFoundError."""
        self._path(name).unlink()

    async def run(self, kind: str, trace: str, request: object, reply: type[T]) -> T:
        """Simulate, and return what came of it.

        Raise NotFoundError for no such trace, InvalidInputError for what cannot be simulated, UnreachableError where it
        takes too long.
        """
        argv = [sys.executable, "-P", "-m", "kyc.simulate.worker", kind, str(self._path(trace))]
        async with self._turn:
            told, complaints = await self._run(argv, msgspec.json.encode(request))
        try:
            return msgspec.json.decode(told, type=reply)
        except msgspec.ValidationError:
            refused = msgspec.json.decode(told, type=_Refused)
            raise InvalidInputError(
                f"it cannot be simulated: {refused.refused}", next_step="See docs/simulate.md."
            ) from None
        except msgspec.DecodeError as error:
            tail = complaints[-_TOLD_BYTES:].decode(errors="replace").strip()
            raise UnreachableError(f"the simulation broke off: {tail}", next_step="Try a shorter trace.") from error

    async def _run(self, argv: list[str], request: bytes) -> tuple[bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, process.pid, 10)  # the master comes first
        try:
            async with asyncio.timeout(self.longest_s):
                return await process.communicate(request)
        except TimeoutError as error:
            raise UnreachableError(
                f"the simulation took over {self.longest_s:.0f} s and was ended",
                next_step="Take a shorter trace or fewer policies, or run `kyc simulate` on the command line.",
            ) from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFoundError(
                f"no trace is called {name[:80]!r}", next_step="Upload one, or put it into KYC_HOME/traces."
            )
        return path


def _row(path: Path) -> TraceRow:
    found = path.stat()
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    kind = "service" if b"t_seconds" in head else "job" if head[:1] == b"{" or head[:2] == b"\x1f\x8b" else "unknown"
    return TraceRow(
        name=path.name, kind=kind, bytes=found.st_size, changed_at=datetime.fromtimestamp(found.st_mtime, UTC)
    )
