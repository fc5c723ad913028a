"""How an agent runs commands of a workload: as plain processes, or in containers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaCommand:
    """A replica to start. `port` is what it listens on in a container; a plain process is given a free one as PORT.

    Limits of 0 are none. `folder` is its working folder. `image` is a container image's name, or `./FILE.tar` for one
    that lies in the folder; an empty `script` runs the image's own command.
    """

    name: str
    workload: str
    script: str
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    port: int = 0
    cpus: float = 0
    memory_mib: int = 0
    gpus: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What something has used since its start, and holds now."""

    cpu_s: float
    memory_bytes: int


class RunningReplica(Running, Protocol):
    """A started replica: it is reached at `port` of the instance. `usage` None: it is gone, or cannot be read."""

    port: int

    def usage(self) -> Usage | None: ...

    def end_reason(self) -> str: ...


OnPull = Callable[[int, int], None]


class ReplicaRuntime(Protocol):
    """Starts replicas.

    `sweep` removes what another life of the agent left; it is called once, before the first start. `fetch` brings what
    a start needs (an image: `on_pull` is told how many bytes of how many are there); it may be cancelled. Both `fetch`
    and `start` raise InvalidInputError for what can never start, UnreachableError for what may later.
    """

    async def sweep(self) -> None: ...

    async def fetch(self, command: ReplicaCommand, on_pull: OnPull) -> None: ...

    async def start(self, command: ReplicaCommand) -> RunningReplica: ...
