"""The CatalogKeeper port: a process of its own reads prices and writes the columns, so that the master stays small.

What it reads and parses never enters the master's memory, and never holds up its event loop. The outcome comes back as
one line of JSON.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from kyc.domain.errors import KycError, NotFoundError, UnreachableError
from kyc.planning.refresh import FeedStatus
from kyc.ports.catalog import Taken
from kyc.ports.clock import Clock
from kyc.wire.api import Problem
from kyc.wire.problem import error_of

_FEEDS_FILE = "feeds.json"
_LONGEST_S = 1800.0
_GRACE_S = 5.0
_TOLD_BYTES = 2000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The line that the process prints: what it took, or what is the matter."""

    taken: Taken | None = None
    problem: Problem | None = None


class _Memory(msgspec.Struct, frozen=True, kw_only=True):
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedKind:
    """A feed as the master knows it, without what it takes to ask it."""

    name: str
    cloud: str
    every: timedelta


class BookKeeper:
    """Runs `argv` and `import FILE`, or `fetch NAME`, and remembers how each feed's last try went.

    Feeds are asked one at a time; an import does not wait for them, for what writes at the same time takes turns.
    """

    def __init__(
        self, folder: Path, *, argv: Sequence[str], env: Mapping[str, str], kinds: Sequence[FeedKind], clock: Clock
    ) -> None:
        self._folder = folder
        self._argv = argv
        self._env = dict(env)
        self._kinds = kinds
        self._clock = clock
        self._one_feed = asyncio.Lock()

    async def feeds(self) -> Sequence[FeedStatus]:
        """Return every feed with what became of its last try."""
        known = self._read()
        return [self._status(kind, known.get(kind.name, _Memory())) for kind in self._kinds]

    async def refresh(self, name: str) -> Taken:
        """Ask one feed and take its prices."""
        if name not in {kind.name for kind in self._kinds}:
            raise NotFoundError(f"no feed is called {name!r}", next_step="`kyc catalog info` lists them.")
        tried_at = self._clock.now()
        try:
            async with self._one_feed:
                taken = await self._run("fetch", name)
        except KycError as error:
            before = self._read().get(name, _Memory())
            self._remember(name, msgspec.structs.replace(before, tried_at=tried_at, failure=str(error)))
            raise
        self._remember(name, _Memory(fetched_at=tried_at, tried_at=tried_at))
        return taken

    async def import_table(self, path: Path) -> Taken:
        """Take the prices of a csv.gz file."""
        return await self._run("import", str(path))

    async def _run(self, *what: str) -> Taken:
        process = await asyncio.create_subprocess_exec(
            *self._argv,
            *what,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_LONGEST_S):
                told, complaints = await process.communicate()
        except TimeoutError as error:
            raise UnreachableError(f"{' '.join(what)} took over {_LONGEST_S:.0f} s and was ended") from error
        finally:
            await _ended(process)
        return _read_outcome(told, complaints, what)

    def _status(self, kind: FeedKind, memory: _Memory) -> FeedStatus:
        return FeedStatus(
            name=kind.name,
            cloud=kind.cloud,
            every=kind.every,
            fetched_at=memory.fetched_at,
            tried_at=memory.tried_at,
            failure=memory.failure,
        )

    def _read(self) -> dict[str, _Memory]:
        # A damaged or missing file costs a fetch that was not needed.
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self._folder / _FEEDS_FILE).read_bytes(), type=dict[str, _Memory])
        return {}

    def _remember(self, name: str, memory: _Memory) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = msgspec.json.format(msgspec.json.encode({**self._read(), name: memory}))
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=_FEEDS_FILE, delete=False) as file:
            file.write(text)
        Path(file.name).replace(self._folder / _FEEDS_FILE)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Have the process end, gently first: what it has begun to write is undone by its database."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _read_outcome(told: bytes, complaints: bytes, what: Sequence[str]) -> Taken:
    try:
        outcome = msgspec.json.decode(told, type=Outcome)
    except msgspec.DecodeError as error:
        tail = complaints[-_TOLD_BYTES:].decode(errors="replace").strip()
        raise UnreachableError(f"{' '.join(what)} broke off: {tail}", next_step="Try it again.") from error
    if outcome.taken is None:
        raise error_of(outcome.problem) if outcome.problem else UnreachableError(f"{' '.join(what)} told nothing")
    return outcome.taken
