"""A server process that outlives whoever started it, found again by its pid file and its command line."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from kyc.domain.errors import InvalidInputError
from kyc.hosting.files import write_private


class DetachedProcess:
    """The process that runs with the argument `mark` and whose pid is in `pid_file`: ours, or an earlier master's."""

    def __init__(self, pid_file: Path, mark: Path) -> None:
        self._pid_file = pid_file
        self._mark = os.fsencode(mark)

    def pid(self) -> int | None:
        """Return its pid if it runs; an ended child of ours is reaped."""
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return self._search()  # whoever started it may have been killed before it noted the pid
        try:  # a child of ours is it, also in the moment before its command line can be read
            return None if os.waitpid(pid, os.WNOHANG)[0] == pid else pid
        except ChildProcessError:  # an earlier master's child
            return pid if self._is_it(pid) else None

    def _search(self) -> int | None:
        family = self._family()
        return next((pid for pid in family if _parent(pid) not in family), None)

    def _family(self) -> list[int]:
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [pid for pid in pids if self._is_it(pid)]

    def _is_it(self, pid: int) -> bool:
        try:
            return self._mark in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False

    def start(self, argv: Sequence[str], env: dict[str, str], log: Path) -> None:
        """Start it in a session of its own, so that no Ctrl-C reaches it; what it prints goes to `log`."""
        self._pid_file.unlink(missing_ok=True)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
        ]
        try:
            pid = os.posix_spawn(argv[0], list(argv), env, file_actions=files, setsid=True)
        except OSError as error:
            raise InvalidInputError(f"{argv[0]} cannot be started: {error}") from error
        finally:
            os.close(output)
        write_private(self._pid_file, str(pid).encode())

    async def clear(self, *, grace_s: float) -> None:
        """Return when nothing of it is left; what a killed server leaves behind may hold its ports for a moment.

        What does not end by itself is killed after `grace_s`.
        """
        for pid in self._family():
            if not await _ended(pid, grace_s):
                await _signal_and_wait(pid, signal.SIGKILL, grace_s)

    async def stop(self, *, grace_s: float) -> None:
        """Ask it to end, kill it after `grace_s`; returns when it is gone."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            pid = self.pid()
            if pid is None:
                return
            gone = await _signal_and_wait(pid, number, grace_s)
            if gone:
                self.pid()  # reap it


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


async def _ended(pid: int, timeout_s: float) -> bool:
    """Say whether the process ends by itself in time."""
    return await _signal_and_wait(pid, None, timeout_s)


async def _signal_and_wait(pid: int, number: signal.Signals | None, timeout_s: float) -> bool:
    """Send the signal, if any; say whether the process ended in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, ended.set)
    try:
        if number is not None:
            signal.pidfd_send_signal(handle, number)
        async with asyncio.timeout(timeout_s):
            await ended.wait()
    except ProcessLookupError:
        return True
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True
