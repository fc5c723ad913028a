"""The replicator: keeps a workload's files in its stream, all the time, and flushes what is left at the end.

    files = WorkloadFiles(name=..., root=..., kept=..., key=...)
    replicator = Replicator(files, writer, clock=clock, base=restorer.base)
    await replicator.run()      # until cancelled; raises FencedError when another instance took over
    await replicator.flush()    # the last snapshot, after the work was stopped
    replicator.close()

Between two snapshots lies one interval at least; nothing is sent while nothing changes. While the stream cannot be
reached it goes on trying, and `dirty_bytes`, `dirty_since` say truthfully what is not safe.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from kyc.domain.errors import OutOfSpaceError, UnreachableError
from kyc.ports.clock import Clock
from kyc.ports.stream import StreamWriter
from kyc.snapshot.snapshotter import Snapshotter
from kyc.snapshot.watch import Dirt, Watcher
from kyc.snapshot.workload import Base, Commit, ReplicationOptions, Tell, WorkloadFiles

log = logging.getLogger(__name__)

_RETRY_S = 0.2
_LONGEST_WAIT_S = 60.0
_FIRST_GUESS_BYTES_PER_S = 50e6
_LEARN_FROM_BYTES = 4_000_000
_LEARN = 0.3
_THROTTLED = 0.5  # of the rate allowed: who sends more than that was held back by it


class Replicator:
    """See the module. `base` is what the restore before left on this machine; without it every file is read once."""

    def __init__(
        self,
        workload: WorkloadFiles,
        writer: StreamWriter,
        *,
        clock: Clock,
        base: Base | None = None,
        options: ReplicationOptions | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._name = workload.name
        self._clock = clock
        self._options = options or ReplicationOptions()
        self._tell = tell or Tell()
        self._snapshotter = Snapshotter(workload, writer, clock, self._options, base)
        self._interval = self._options.interval
        self._hurried = asyncio.Event()
        self._flushing = asyncio.Event()
        self._taking = asyncio.Lock()
        self._read_until_s: float | None = None
        self._dirt = Dirt()
        self._dirt.suspect(clock.now())
        source = self._snapshotter.source
        self._watcher = Watcher(source.root, source.scope, self._dirt, clock)
        self._last = base.sequence if base else None
        self._all_is_unsafe = base is None  # and nobody has said yet how much that is
        self._named: set[str] = set()
        self._bytes_per_s = _FIRST_GUESS_BYTES_PER_S
        self._overhead_s = 0.1
        self._walk_s = 0.1

    @property
    def dirty_bytes(self) -> int:
        """The size of the files that changed since the last snapshot: no more than that is unsafe."""
        return self._dirt.bytes

    @property
    def dirty_since(self) -> datetime | None:
        """Since when something is not yet safe; None: everything is, as far as is known."""
        return self._dirt.since

    @property
    def dirty_paths(self) -> list[str]:
        """The names of what is not yet safe, as far as is known."""
        return self._dirt.paths

    @property
    def flush_estimate_s(self) -> float:
        """How long a flush would take now, by the speed measured so far; it reads what is mapped in any case."""
        return self._overhead_s + (self._dirt.bytes + self._snapshotter.mapped_bytes) / self._bytes_per_s

    async def run(self) -> None:
        """Snapshot on change, every interval, until cancelled; raise FencedError, or what waiting cannot mend."""
        try:
            due_s = self._clock.monotonic_s()
            if self._all_is_unsafe:
                self._all_is_unsafe = False
                self._dirt.suspect(self._clock.now(), unnamed_bytes=await self._snapshotter.size())
            while True:
                self._watcher.keep()
                if self._is_due(due_s):
                    self._hurried.clear()
                    due_s = self._clock.monotonic_s() + self._options.rescan.total_seconds()
                    await self._try_once()
                # A walk that takes long is not made all the time.
                await self._pause(max(self._interval.total_seconds(), min(4 * self._walk_s, _LONGEST_WAIT_S)))
        finally:
            await self._watcher.close()

    def hurry(self, interval: timedelta) -> None:
        """Look for changes at once, and from now on every `interval`: the time for the last flush will be short."""
        self._interval = interval
        self._hurried.set()

    async def flush(self, *, within_s: float | None = None) -> Commit:
        """Take the last snapshot, trying again while the stream cannot be reached; call it when the work has stopped.

        After most of `within_s` nothing more is read: files that are not safe by then are named in `missed`, and stay
        as they were in the snapshot before. If the stream does not take it in time, UnreachableError is raised.
        """
        deadline_s = None if within_s is None else self._clock.monotonic_s() + within_s
        if deadline_s is not None and within_s is not None:
            self._read_until_s = deadline_s - min(5.0, max(0.3, 0.2 * within_s))
        self._flushing.set()
        while True:
            try:
                async with asyncio.timeout(None if deadline_s is None else deadline_s - self._clock.monotonic_s()):
                    return await self._snapshot(flushed=True)
            except TimeoutError as error:
                raise UnreachableError(
                    f"the stream did not take the last snapshot of {self._name} within {within_s:g} s",
                    next_step=f"Not safe: {', '.join(self.dirty_paths[:20]) or 'nothing known'}.",
                ) from error
            except (UnreachableError, OutOfSpaceError) as error:
                await self._tell.trouble(error)
                if deadline_s is not None and self._clock.monotonic_s() + _RETRY_S >= deadline_s:
                    raise
                await self._clock.sleep_s(_RETRY_S)

    def close(self) -> None:
        """End the thread; call it last, when neither `run` nor `flush` is at work."""
        self._snapshotter.close()

    def _is_due(self, due_s: float) -> bool:
        late = self._clock.monotonic_s() >= due_s
        return bool(self._dirt) or not self._watcher.watches or self._hurried.is_set() or late

    async def _pause(self, wait_s: float) -> None:
        await _first_of(self._clock.sleep_s(wait_s), self._hurried.wait())

    async def _try_once(self) -> None:
        try:
            if self._options.bytes_per_s:
                # Its rate would hold up the flush, which has none and goes on from what got through.
                await _first_of(self._snapshot(flushed=False), self._flushing.wait())
            else:
                await self._snapshot(flushed=False)
        except (UnreachableError, OutOfSpaceError) as error:
            log.warning("snapshot_not_taken", extra={"workload": self._name, "error": str(error)})
            await self._tell.trouble(error)

    async def _snapshot(self, *, flushed: bool) -> Commit:
        async with self._taking:
            began, since = self._clock.now(), self._dirt.since
            self._dirt.take()
            commit = await self._snapshotter.take(flushed=flushed, is_late=self._is_late)
            self._dirt.settle(self._snapshotter.source.root, commit.missed, began)
            self._learn(commit)
            is_new = commit.sequence != self._last
            self._last = commit.sequence
        if is_new or flushed:
            unnamed = tuple(special for special in commit.special if special not in self._named)
            self._named.update(unnamed)
            rpo_s = 0.0 if since is None else (self._clock.now() - since).total_seconds()
            told = replace(commit, special=unnamed, rpo_s=max(0.0, rpo_s), dirty_bytes=self._dirt.bytes)
            await self._tell.commit(told)
        return commit

    def _learn(self, commit: Commit) -> None:
        if not commit.flushed and commit.sent_bytes > _THROTTLED * self._options.bytes_per_s * commit.took_s > 0:
            return  # it was as fast as it was allowed to be: a flush is faster
        if commit.read_bytes >= _LEARN_FROM_BYTES:
            speed = commit.read_bytes / max(commit.took_s, 1e-3)
            self._bytes_per_s += _LEARN * (speed - self._bytes_per_s)
        else:
            self._overhead_s += _LEARN * (commit.took_s - self._overhead_s)
            self._walk_s += _LEARN * (commit.busy_s - self._walk_s)

    def _is_late(self) -> bool:
        return self._read_until_s is not None and self._clock.monotonic_s() >= self._read_until_s


async def _first_of(*runners: Coroutine[Any, Any, object]) -> None:
    """Run all until one ends, and cancel the others; raise what that one raises."""
    tasks = [asyncio.ensure_future(runner) for runner in runners]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
