"""The process between the agent and a command: it sees to it that the command never outlives the agent.

Run as a program of its own (`python -I -S keeper.py LIFELINE REPORT PROGRAM ARGUMENT...`), with nothing but the
standard library, so that it starts in some 20 ms. It is the subreaper of all that the command starts: also what left
the process group, or became a daemon, is still below it and can be found and killed. A parent-death signal alone
would reach only the first process, and `setpriv` is not on every Linux; prctl is.

LIFELINE is the reading end of a pipe: the byte `T` means SIGTERM to the command's group, `K` and the end of the pipe
(the agent is gone, however it went) mean SIGKILL to everything. REPORT is where the first process's id is written.
The keeper ends when nothing of the command is left, with the exit code of its first process (128 + n for signal n).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LEFTOVERS_S = 0.5  # what the first process left behind (a `tee` at its end, say) may end by itself for so long
_CANNOT_START = 127
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # only the lifeline commands


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _start(argv: list[str]) -> int:
    """Fork the command into a process group of its own, dying with this process; return its id."""
    keeper = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # it died before the line above
            os._exit(_CANNOT_START)
        os.setpgid(0, 0)
        for number in (*_IGNORED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two
            signal.signal(number, signal.SIG_DFL)
        os.execve(argv[0], argv, _given_environment())  # noqa: S606  # an argv, no shell
    except OSError as error:
        os.write(2, f"kyc: cannot start {argv[0]}: {error.strerror}\n".encode())
    os._exit(_CANNOT_START)


def _given_environment() -> dict[bytes, bytes]:
    """Return the environment this process was started with; Python itself may have added LC_CTYPE since."""
    with open("/proc/self/environ", "rb") as environ:  # noqa: PTH123  # pathlib would double the start-up time
        pairs = (entry.partition(b"=") for entry in environ.read().split(b"\0") if entry)
        return {name: value for name, _, value in pairs}


def _descendants() -> list[int]:
    """Return the ids of all processes below this one, by /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                children.setdefault(int(stat.read().rpartition(b")")[2].split()[1]), []).append(int(name))
    found = list(children.get(os.getpid(), ()))
    for pid in found:  # grows while it is walked
        found.extend(children.get(pid, ()))
    return found


class _Keeper:
    """Waits for the command and for orders."""

    def __init__(self, lifeline: int, first: int) -> None:
        self._lifeline = lifeline
        self._first = first
        self._code: int | None = None
        self._stopping = False
        self._kill_at: float | None = None

    def run(self, woken: int) -> int:
        poll = select.poll()
        poll.register(self._lifeline, select.POLLIN | select.POLLHUP)
        poll.register(woken, select.POLLIN)
        while not self._reap():
            for fd, _ in poll.poll(self._patience_ms()):
                if fd == self._lifeline:
                    orders = os.read(self._lifeline, 64)
                    if not orders:
                        poll.unregister(self._lifeline)
                    self._obey(orders)
                else:
                    os.read(woken, 4096)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._kill()
        return self._code if self._code is not None else _CANNOT_START

    def _patience_ms(self) -> int | None:
        return None if self._kill_at is None else max(0, int((self._kill_at - time.monotonic()) * 1000) + 1)

    def _obey(self, orders: bytes) -> None:
        if b"K" in orders or not orders:
            self._stopping = True
            self._kill()
        elif b"T" in orders:
            self._stopping = True
            self._kill_at = None  # whoever gave the order says when it has been long enough
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._first, signal.SIGTERM)

    def _kill(self) -> None:
        """Kill all that is below; again soon, for what was being forked at this moment."""
        for pid in _descendants():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self._kill_at = time.monotonic() + 0.02

    def _reap(self) -> bool:
        """Collect what has ended; True when nothing is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return False
                if pid == self._first:
                    code = os.waitstatus_to_exitcode(status)
                    self._code = code if code >= 0 else 128 - code
                    if not self._stopping:
                        self._kill_at = time.monotonic() + _LEFTOVERS_S
        except ChildProcessError:
            return True


def _main(argv: list[str]) -> int:
    lifeline, report = int(argv[1]), int(argv[2])
    os.set_inheritable(lifeline, False)
    os.set_inheritable(report, False)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    first = _start(argv[3:])
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(first, first)  # both sides set it, so that neither has to wait for the other
    os.write(report, f"{first}\n".encode())
    os.close(report)
    return _Keeper(lifeline, first).run(woken)


if __name__ == "__main__":
    sys.exit(_main(sys.argv))
