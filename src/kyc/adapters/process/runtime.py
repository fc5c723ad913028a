"""The Runtime port on plain processes: each command under its own keeper (`keeper.py`), in its own process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

from kyc.domain.errors import InvalidInputError
from kyc.ports.runtime import Command

MAX_LINE_BYTES = 65_536
_KEEPER = Path(__file__).with_name("keeper.py")


class ProcessRuntime:
    """Runs commands with bash where there is one, else with sh.

    A command is over when its first process has ended; what that left behind gets half a second to end too, then is
    killed. While it is being stopped, everything it started counts: a child that still saves is given the whole grace.
    """

    def __init__(self, *, shell: str | None = None) -> None:
        self._shell = shell or next((path for path in ("/bin/bash", "/usr/bin/bash") if Path(path).exists()), "/bin/sh")

    async def start(self, command: Command) -> RunningProcess:
        """Start the command; raise InvalidInputError if its folder or the shell is not there."""
        output, output_end = os.pipe()
        lifeline_end, lifeline = os.pipe()
        report, report_end = os.pipe()
        try:
            keeper = await self._spawn(command, lifeline_end, report_end, output_end)
        except OSError as error:
            for end in (output, lifeline, report):
                os.close(end)
            raise InvalidInputError(
                f"cannot start {command.name} in {command.folder}: {error.strerror}",
                next_step="Look at the instance's disk and its limits (ulimit -a).",
            ) from error
        finally:
            for end in (output_end, lifeline_end, report_end):
                os.close(end)
        reader, transport = await _open(output)
        return RunningProcess(keeper, await _first_pid(report) or keeper.pid, lifeline, reader, transport)

    async def _spawn(self, command: Command, lifeline: int, report: int, output: int) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(_KEEPER), str(lifeline), str(report), self._shell, "-c", command.script,
            cwd=command.folder, env=dict(command.env), stdin=DEVNULL, stdout=output, stderr=STDOUT,
            pass_fds=(lifeline, report), start_new_session=True,
        )  # fmt: skip


class RunningProcess:
    """A started command. `pid` is its first process's, which leads its process group.

    Its output has a pipe of our own rather than asyncio's, whose `wait` would not return before all was read.
    """

    def __init__(
        self, keeper: Process, pid: int, lifeline: int, reader: asyncio.StreamReader, transport: asyncio.ReadTransport
    ) -> None:
        self.pid = pid
        self._keeper = keeper
        self._lifeline: int | None = lifeline
        self._reader = reader
        self._transport = transport

    async def output(self) -> AsyncIterator[str]:
        """Yield what it prints, line by line, without the line ends; a line over 64 KiB comes in pieces."""
        rest = b""
        try:
            while data := await self._reader.read(MAX_LINE_BYTES):
                *lines, rest = (rest + data).split(b"\n")
                if len(rest) >= MAX_LINE_BYTES:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    for piece in _pieces(line):
                        yield piece.decode(errors="replace")
            if rest:
                yield rest.decode(errors="replace")
        finally:
            self._transport.close()

    async def wait(self) -> int:
        """Return its exit code (128 + n for signal n) when nothing of it runs any more."""
        code = await self._keeper.wait()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
            if code < 0:  # somebody killed the keeper: the kernel has killed the first process, the rest is ours
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
        return code if code >= 0 else 128 - code

    async def stop(self, *, grace_s: float) -> int:
        """Ask all of it to end, wait `grace_s` at most, then kill; return the exit code."""
        self._order(b"T")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                return await self.wait()
        await self.kill()
        return await self.wait()

    async def kill(self) -> None:
        """Kill all of it at once; return when it is gone."""
        self._order(b"K")
        await self.wait()

    def _order(self, order: bytes) -> None:
        if self._lifeline is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._lifeline, order)


def _pieces(line: bytes) -> list[bytes]:
    return [line[at : at + MAX_LINE_BYTES] for at in range(0, len(line) or 1, MAX_LINE_BYTES)]


async def _open(pipe: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
    )
    return reader, transport


async def _first_pid(report: int) -> int | None:
    """Return what the keeper says its first process is; None if it died before it could."""
    reader, transport = await _open(report)
    try:
        line = await reader.readline()
    finally:
        transport.close()
    return int(line) if line.strip().isdigit() else None
