"""What the synchronous client does with files: snapshots, restores, and the streams they lie in."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar, cast

from kyc.sdk import calls, longcall
from kyc.sdk.calls import Call
from kyc.sdk.longcall import LongAnswer, OnProgress
from kyc.sdk.resume import IDLE_S
from kyc.sdk.transport import Body, Transport
from kyc.wire import api

if TYPE_CHECKING:
    from kyc.sdk.unpack import Unpacked

T = TypeVar("T")

FOLLOW_S = 0.5
COLLECT_S = 24 * 3600.0  # the master has read the whole snapshot back before it sends the first byte


class FileCalls:
    """A part of `Client`."""

    _transport: Transport

    def _call(self, call: Call[T], body: Body = None) -> T:
        status, answer = self._transport.send(call, body)
        return calls.decode(call, status, answer)

    def snapshots(self, name: str) -> list[api.SnapshotRow]:
        """Return a workload's snapshots, newest first; raise NotFoundError."""
        return self._call(calls.snapshots(name))

    def diff_snapshots(self, name: str, older: int, newer: int) -> api.SnapshotDifference:
        """Return which paths differ between two snapshots; raise NotFoundError."""
        return self._call(calls.snapshot_diff(name, older, newer))

    def verify(
        self, name: str, *, snapshot: int | None = None, everything: bool = False, on_progress: OnProgress | None = None
    ) -> api.VerificationReport:
        """Have every chunk of a snapshot (the newest), or of all with `everything`, read back and checked.

        It takes as long as a restore; `on_progress` hears how many chunks of how many are read. Raises NotFoundError.
        """
        which: int | str = "all" if everything else "latest" if snapshot is None else snapshot
        call = calls.verify(name, which)
        answer = LongAnswer(call, on_progress)
        with self._transport.open(call, longcall.HEADERS, idle_s=IDLE_S) as opened:
            while piece := opened.piece():
                answer.feed(piece)
        return answer.end()

    def restore(self, name: str, to: str | Path, *, sequence: int | None = None) -> Unpacked:
        """Write a snapshot's files (the newest one's by default) into a new or empty folder, whole or not at all.

        Raises NotFoundError for a snapshot that is not there, ConflictError for a folder that is not empty,
        DamagedDataError if what arrives is not whole.
        """
        from kyc.sdk.unpack import check_target, unpack  # noqa: PLC0415  # most calls do not need it

        target = check_target(Path(to))
        call = calls.snapshot_files(name, sequence)
        with self._transport.open(call, {"Accept": "application/x-tar"}, idle_s=COLLECT_S) as opened:
            return unpack(cast(IO[bytes], opened), target)

    # --- streams -----------------------------------------------------------------------------------------------------

    def check_stream(self, url: str, *, token: str = "") -> api.StreamCheck:
        """Have the master try a stream out: reach it, write, read, delete, fence; raise InvalidInputError."""
        return self._call(calls.check_stream(api.StreamRequest(url=url, token=token)))

    def migrate_streams(self, url: str, *, token: str = "", names: Sequence[str] = ()) -> list[api.MigrationRow]:
        """Have these workloads (none named: all) moved to another stream; it returns at once, see `migrations`.

        Raises NotFoundError for a name, ConflictError for a stream that failed its check.
        """
        request = api.MigrateRequest(url=url, token=token, workloads=list(names))
        return self._call(calls.migrate_streams(request))

    def migrations(self) -> list[api.MigrationRow]:
        """Return where each workload's files are, and what is on its way."""
        return self._call(calls.migrations())

    def follow_migrations(
        self, names: Collection[str], *, on_row: Callable[[api.MigrationRow], None] | None = None
    ) -> list[api.MigrationRow]:
        """Return these workloads' rows once each has arrived, or says what it waits for."""
        while True:
            rows = [row for row in self.migrations() if row.name in names]
            moving = [row for row in rows if row.state != "stays" and not row.error]
            if not moving:
                return rows
            if on_row is not None:
                on_row(max(moving, key=lambda row: row.copied_bytes))
            time.sleep(FOLLOW_S)
