"""What changes under a workload's root, as the kernel tells it: how much is not yet safe, and since when.

A hint, not the truth: events can be lost (overflow), or never come (network file systems, writes through a mapping).
The truth is the walk of the next pass.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from kyc.snapshot.scan import Scope
from kyc.snapshot.thread import Worker

_NAMED_LIMIT = 20_000
_DEBOUNCE_MS = 300
_STEP_MS = 50
_SIGN_OF_LIFE_MS = 1000


class Dirt:
    """Paths that changed since the last pass began, and those that a pass now at work may or may not have."""

    def __init__(self) -> None:
        self._paths: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._since: datetime | None = None
        self._taken_since: datetime | None = None

    @property
    def bytes(self) -> int:
        """How many bytes the changed files have; more than that never needs sending."""
        return sum((self._taken | self._paths).values())

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
            if len(self._paths) < _NAMED_LIMIT or path in self._paths:
                self._paths[path] = _size(f"{root}/{path}")
                self._since = self._since or now

    def suspect(self, now: datetime) -> None:
        """Note that something may have changed that nobody told."""
        self._since = self._since or now

    def take(self) -> None:
        """A pass begins: what comes from now on is not its own."""
        self._taken = self._taken | self._paths
        self._taken_since = self._taken_since or self._since
        self._paths, self._since = {}, None

    def settle(self, root: str, missed: Iterable[str], began: datetime) -> None:
        """The pass is in the stream, all but these."""
        self._taken = {path: _size(f"{root}/{path}") for path in missed}
        self._taken_since = self._taken_since or began if self._taken else None


async def changes(root: str, scope: Scope) -> AsyncIterator[set[str]]:
    """Yield sets of changed paths in the scope, and an empty one every second: from the first on somebody watches.

    Raises OSError where the kernel cannot watch.
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
