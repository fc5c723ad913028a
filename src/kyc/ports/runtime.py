"""How an agent runs commands of a workload: as plain processes, or in containers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A shell text to run in a folder with an environment and nothing else inherited."""

    name: str
    script: str
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)


class Running(Protocol):
    """A started command with everything it started itself.

    `output` yields its standard output and error as they come, whole lines (a line over 64 KiB is cut), and ends
    when it has ended. `wait` returns the exit code (128 + n for signal n). `stop` asks it to end (SIGTERM to all
    of it), waits `grace_s`, then kills; it returns when nothing of it runs. `pid` is the first process's.
    """

    pid: int

    def output(self) -> AsyncIterator[str]: ...

    async def wait(self) -> int: ...

    async def stop(self, *, grace_s: float) -> int: ...

    async def kill(self) -> None: ...


class Runtime(Protocol):
    """Starts commands. What it started does not outlive it, even if it is killed."""

    async def start(self, command: Command) -> Running: ...
