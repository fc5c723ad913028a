"""What the asynchronous client does with files: the twin of `files`."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from kyc.sdk import calls, longcall
from kyc.sdk.async_transport import AsyncTransport
from kyc.sdk.calls import Call
from kyc.sdk.files import COLLECT_S, FOLLOW_S
from kyc.sdk.longcall import LongAnswer, OnProgress
from kyc.sdk.resume import IDLE_S
from kyc.sdk.transport import PIECE_BYTES
from kyc.sdk.unpack import Unpacked, check_target, unpack
from kyc.wire import api

T = TypeVar("T")


class AsyncFileCalls:
    """A part of `AsyncClient`."""

    _transport: AsyncTransport

    async def _call(self, call: Call[T]) -> T:
        status, answer = await self._transport.send(call)
        return calls.decode(call, status, answer)

    async def snapshots(self, name: str) -> list[api.SnapshotRow]:
        """Return a workload's snapshots, newest first; raise NotFoundError."""
        return await self._call(calls.snapshots(name))

    async def diff_snapshots(self, name: str, older: int, newer: int) -> api.SnapshotDifference:
        """Return which paths differ between two snapshots; raise NotFoundError."""
        return await self._call(calls.snapshot_diff(name, older, newer))

    async def verify(
        self, name: str, *, snapshot: int | None = None, everything: bool = False, on_progress: OnProgress | None = None
    ) -> api.VerificationReport:
        """Have every chunk of a snapshot (the newest), or of all with `everything`, read back and checked.

        It takes as long as a restore; `on_progress` hears how many chunks of how many are read. Raises NotFoundError.
        """
        which: int | str = "all" if everything else "latest" if snapshot is None else snapshot
        call = calls.verify(name, which)
        answer = LongAnswer(call, on_progress)
        async with self._transport.open(call, longcall.HEADERS, idle_s=IDLE_S) as opened:
            async for piece in opened.aiter_bytes():
                answer.feed(piece)
        return answer.end()

    async def restore(self, name: str, to: str | Path, *, sequence: int | None = None) -> Unpacked:
        """Write a snapshot's files (the newest one's by default) into a new or empty folder, whole or not at all."""
        target = await asyncio.to_thread(check_target, Path(to))
        with tempfile.TemporaryFile() as file:
            async with self._transport.open(
                calls.snapshot_files(name, sequence), {"Accept": "application/x-tar"}, idle_s=COLLECT_S
            ) as answer:
                async for piece in answer.aiter_bytes(PIECE_BYTES):
                    await asyncio.to_thread(file.write, piece)
            file.seek(0)
            return await asyncio.to_thread(unpack, file, target)

    # --- streams -----------------------------------------------------------------------------------------------------

    async def check_stream(self, url: str, *, token: str = "") -> api.StreamCheck:
        """Have the master try a stream out: reach it, write, read, delete, fence; raise InvalidInputError."""
        return await self._call(calls.check_stream(api.StreamRequest(url=url, token=token)))

    async def migrate_streams(self, url: str, *, token: str = "", names: Sequence[str] = ()) -> list[api.MigrationRow]:
        """Have these workloads (none named: all) moved to another stream; it returns at once, see `migrations`.

        Raises NotFoundError for a name, ConflictError for a stream that failed its check.
        """
        request = api.MigrateRequest(url=url, token=token, workloads=list(names))
        return await self._call(calls.migrate_streams(request))

    async def migrations(self) -> list[api.MigrationRow]:
        """Return where each workload's files are, and what is on its way."""
        return await self._call(calls.migrations())

    async def follow_migrations(
        self, names: Collection[str], *, on_row: Callable[[api.MigrationRow], None] | None = None
    ) -> list[api.MigrationRow]:
        """Return these workloads' rows once each has arrived, or says what it waits for."""
        while True:
            rows = [row for row in await self.migrations() if row.name in names]
            moving = [row for row in rows if row.state != "stays" and not row.error]
            if not moving:
                return rows
            if on_row is not None:
                on_row(max(moving, key=lambda row: row.copied_bytes))
            await asyncio.sleep(FOLLOW_S)
