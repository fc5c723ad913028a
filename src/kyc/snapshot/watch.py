"""What changes under a workload's root, as the kernel tells it: how much is not yet safe, and since when.

A hint, not the truth: events can be lost (overflow), or never come (network file systems, writes through a mapping),
and the watching itself can fail (names that are not UTF-8). The truth is the walk of the next pass.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import threading
from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from kyc.ports.clock import Clock
from kyc.snapshot.scan import Scope
from kyc.snapshot.thread import Worker

log = logging.getLogger(__name__)

_NAMED_LIMIT = 20_000
_DEBOUNCE_MS = 300
_STEP_MS = 50
_SIGN_OF_LIFE_MS = 1000
_LONGEST_BREAK_S = 60.0


class Dirt:
    """Paths that changed since the last pass began, and those that a pass now at work may or may not have."""

    def __init__(self) -> None:
        self._paths: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._unnamed_bytes = self._taken_unnamed_bytes = 0  # of more files than are named here
        self._since: datetime | None = None
        self._taken_since: datetime | None = None

    @property
    def bytes(self) -> int:
        """How many bytes the changed files have; more than that never needs sending."""
        return sum((self._taken | self._paths).values()) + self._unnamed_bytes + self._taken_unnamed_bytes

    @property
    def since(self) -> datetime | None:
        """Since when something is not yet safe; None: all is."""
        return self._taken_since or self._since

    @property
    def paths(self) -> list[str]:
        """The changed paths (of very many, some)."""
        return sorted(self._taken | self._paths)

    def __bool__(self) -> bool:
        return self._since is not None or self._taken_since is not None

    def add(self, root: str, paths: Iterable[str], now: datetime) -> None:
        """Note that these changed."""
        for path in paths:
            size = _size(f"{root}/{path}")
            if len(self._paths) < _NAMED_LIMIT or path in self._paths:
                self._paths[path] = size
            else:
                self._unnamed_bytes += size  # rather twice than not at all
            self._since = self._since or now

    def suspect(self, now: datetime, *, unnamed_bytes: int = 0) -> None:
        """Note that something may have changed that nobody told: files of so many bytes, as far as is known."""
        self._unnamed_bytes += unnamed_bytes
        self._since = self._since or now

    def take(self) -> None:
        """A pass begins: what comes from now on is not its own."""
        self._taken = self._taken | self._paths
        self._taken_unnamed_bytes += self._unnamed_bytes
        self._taken_since = self._taken_since or self._since
        self._paths, self._unnamed_bytes, self._since = {}, 0, None

    def settle(self, root: str, missed: Iterable[str], began: datetime) -> None:
        """The pass is in the stream, all but these."""
        self._taken = {path: _size(f"{root}/{path}") for path in missed}
        self._taken_unnamed_bytes = 0
        self._taken_since = self._taken_since or began if self._taken else None


class Watcher:
    """Tells `dirt` what changes, in a task of its own, whose failure costs no more than a walk.

    While `watches` is False nobody does: whoever asks has to walk. `keep` begins again after a failure, ever more
    seldom where it fails again and again.
    """

    def __init__(self, root: str, scope: Scope, dirt: Dirt, clock: Clock) -> None:
        self.watches = False
        self._root = root
        self._scope = scope
        self._dirt = dirt
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._began_s = 0.0
        self._again_s = 0.0

    def keep(self) -> None:
        """See that somebody watches, or will when it is time for the next try."""
        if self._task is not None and self._task.done():
            self._note_end(self._task)
            self._task = None
        if self._task is None and self._clock.monotonic_s() >= self._again_s:
            self._began_s = self._clock.monotonic_s()
            self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """End the watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (error := self._task.exception()):
                log.info("watch_failed", extra={"root": self._root, "error": str(error)})
            self._task = None

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Take any failure for what it is: something of the kernel's or the library's that a walk makes up for."""
        error = None if task.cancelled() else task.exception()
        now_s = self._clock.monotonic_s()
        held = now_s - self._began_s > _LONGEST_BREAK_S
        self._failures = 1 if held else self._failures + 1
        self._again_s = now_s + (min(2.0 ** (self._failures - 1), _LONGEST_BREAK_S) if self._failures > 1 else 0.0)
        self._dirt.suspect(self._clock.now())
        why = repr(error) if error else "it ended"
        log.warning("watch_failed", extra={"root": self._root, "error": why, "failures": self._failures})

    async def _watch(self) -> None:
        try:
            async for paths in changes(self._root, self._scope):
                if not self.watches:  # until now nobody watched
                    self.watches = True
                    self._dirt.suspect(self._clock.now())
                self._dirt.add(self._root, paths, self._clock.now())
        finally:
            self.watches = False


async def changes(root: str, scope: Scope) -> AsyncIterator[set[str]]:
    """Yield sets of changed paths in the scope, and an empty one every second: from the first on somebody watches.

    Raises OSError where the kernel cannot watch, and the library's own errors, of no common kind.
    """
    from watchfiles import watch  # noqa: PLC0415  # 4 MB that those who only restore do not need

    prefix = root.rstrip("/") + "/"
    stop = threading.Event()
    worker = Worker("kyc-watch")
    source = watch(
        root,
        watch_filter=None,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        stop_event=stop,
        rust_timeout=_SIGN_OF_LIFE_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    try:
        while (events := await worker.do(lambda: next(source, None), on_cancel=stop.set)) is not None:
            paths = (path[len(prefix) :] for _, path in events if path.startswith(prefix))
            yield {path for path in paths if scope.covers(path)}
    finally:
        stop.set()
        worker.close()


def _size(place: str) -> int:
    try:
        looked = os.lstat(place)
    except OSError:
        return 0
    return looked.st_size if stat.S_ISREG(looked.st_mode) else 0
