"""Runs one command of the engine: its lines as they come, its time-out, its gentle end.

The output goes to a file, not a pipe: when the master is killed, a pipe without a reader would kill the engine in the
middle of its work at its next line. So the engine ends by itself and keeps its state.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kyc.domain.errors import UnreachableError

_LOOK_S = 0.05  # how often the file is read while the engine runs: the delay of a line

OnRaw = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a command may take, and how long it may take to end once it was asked to."""

    command_s: float = 1800.0
    grace_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One command: `fds` are locks that it holds as long as anything of it runs; `log` gets its lines."""

    argv: Sequence[str]
    folder: Path
    env: Mapping[str, str]
    log: Path
    fds: tuple[int, ...]


async def run(job: Job, limits: Limits, on_raw: OnRaw) -> int:
    """Run the command to its end and return its exit code; every line printed goes to `on_raw`, in order.

    A time-out or a cancellation interrupts it once (SIGINT, so that it saves its state), waits `grace_s`, then kills
    it; a time-out raises UnreachableError then.
    """
    with job.log.open("ab") as log, job.log.open("rb") as lines:
        lines.seek(0, os.SEEK_END)
        process = await asyncio.create_subprocess_exec(
            *job.argv,
            cwd=job.folder,
            env=dict(job.env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C at the master's terminal is not for the engine
            pass_fds=job.fds,
        )
        try:
            async with asyncio.timeout(limits.command_s):
                return await _follow(process, _Tail(lines.fileno()), on_raw)
        except TimeoutError as error:
            raise UnreachableError(
                f"{job.argv[-1]} did not end within {limits.command_s:.0f} s",
                next_step="It is tried again by itself; if it lasts, look at the deployment's log lines.",
            ) from error
        finally:
            if process.returncode is None:
                await _end(process, limits.grace_s)


async def _follow(process: asyncio.subprocess.Process, tail: _Tail, on_raw: OnRaw) -> int:
    ended = asyncio.ensure_future(process.wait())
    try:
        while True:
            await asyncio.wait({ended}, timeout=_LOOK_S)
            over = ended.done()  # asked before the read, so that the last read sees everything
            for line in tail.lines(rest=over):
                await on_raw(line)
            if over:
                return ended.result()
    finally:
        ended.cancel()


async def _end(process: asyncio.subprocess.Process, grace_s: float) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(grace_s):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


class _Tail:
    """The whole lines that a growing file got since the last look."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""

    def lines(self, *, rest: bool) -> Iterator[bytes]:
        while block := os.read(self._fd, 1 << 16):
            *whole, self._rest = (self._rest + block).split(b"\n")
            yield from whole
        if rest and self._rest:
            yield self._rest
            self._rest = b""
