"""Keeping a detached server running: started if it does not run, and waited for until it answers."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyc.domain.errors import UnreachableError
from kyc.hosting.detached import DetachedProcess
from kyc.ports.clock import Clock

_POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What starts a server: its words and its environment."""

    argv: Sequence[str]
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """A server and how to know that it works: `answers` is false, or raises UnreachableError, while it does not."""

    name: str
    process: DetachedProcess
    log: Path
    answers: Callable[[], Awaitable[object]]
    clock: Clock
    timeout_s: float = 30

    async def ensure(self, begin: Callable[[], Command]) -> bool:
        """Have it run and answer; True if it had to be started, by what `begin` prepares and returns.

        Raises UnreachableError if it ends at its start or says nothing in time.
        """
        if self.process.pid() is not None and await self._comes_up():
            return False
        await self.process.clear(grace_s=self.timeout_s)
        command = begin()
        self.process.start(command.argv, dict(command.env), self.log)
        self._allow_files()
        if not await self._comes_up():
            raise UnreachableError(f"{self.name} ended at its start: {self.last_words()}", next_step=f"See {self.log}.")
        return True

    def last_words(self) -> str:
        """Return the last alert in its log, or else the last line."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        alerts = [line for line in lines if "[ALERT]" in line]
        return (alerts or lines or ["it said nothing"])[-1]

    def _allow_files(self) -> None:
        pid = self.process.pid()
        if pid is not None:
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))

    async def _comes_up(self) -> bool:
        """Wait until it answers; False if it ends instead. Raise UnreachableError after the time-out."""
        deadline = self.clock.monotonic_s() + self.timeout_s
        while True:
            why = "it is not ready"
            try:
                if await self.answers():
                    return True
            except UnreachableError as error:
                why = str(error)
            if self.clock.monotonic_s() > deadline:
                raise UnreachableError(f"{self.name} did not come up in time: {why}", next_step=f"See {self.log}.")
            if self.process.pid() is None:
                return False
            await asyncio.sleep(_POLL_S)
