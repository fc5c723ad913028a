"""`kyc up`: starts the master of this machine, and waits until it answers."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kyc.cli.leftover import is_left
from kyc.cli.live import is_live, status_line
from kyc.cli.living import Living, going_on_words, living
from kyc.cli.output import Cell, Output
from kyc.domain.errors import InvalidInputError, KycError, OutOfSpaceError, UnreachableError
from kyc.master.settings import read_settings
from kyc.sdk.client import Client
from kyc.sdk.discovery import TOKEN_FILE, MasterFile, home_folder, read_master_file

_LOOK_S = 0.05
_PATIENCE_S = 120.0
_TELL_AFTER_S = 2.0
_LAST_WORDS = 12
_LEAST_FREE_BYTES = 1 << 20
_OPTIONS = ("host", "port", "public_url", "stream", "state", "local_mode", "edge", "terraform")


def up(args: argparse.Namespace, out: Output) -> int:
    """Start the master of KYC_HOME; say where it is and how to sign in."""
    home, options = home_folder(), _options(args)
    read_settings(["up", "--home", str(home), *options], os.environ)  # as the master will: a mistake is told at once
    running = healthy_master(home)
    if running is not None:
        _tell(out, home, running, already=True)
        _open_if_asked(args, out, home)
        if options:
            ignored = " ".join(word for word in options if word.startswith("--"))
            out.note(f"warning: {ignored} has no effect on a master that runs; `kyc down` first, then `kyc up`.")
        return 0
    if not args.detach:
        return _attached(home, options, out, lambda: _open_if_asked(args, out, home))
    master, ours = start_detached(home, options, out)
    _tell(out, home, master, already=not ours)
    _open_if_asked(args, out, home)
    return 0


def _open_if_asked(args: argparse.Namespace, out: Output, home: Path) -> None:
    """Open the dashboard in a browser that is signed in by a link for once; without a browser, show the link."""
    if not args.open:
        return
    import webbrowser  # noqa: PLC0415  # only --open needs it

    with Client(home=home) as client:
        link = client.sign_in_link()
    if not webbrowser.open(link.url):
        out.note(f"No browser can be opened here. This link signs one in, once, for ten minutes: {link.url}")


def start_detached(home: Path, options: Sequence[str], out: Output) -> tuple[MasterFile, bool]:
    """Return a master that answers, and whether it is the one started here, which goes on without us.

    Raises the error that the master ended with, UnreachableError if it does not answer in two minutes.
    """
    log = _log_file(home)
    with log.open("wb") as file:
        process = subprocess.Popen(
            _argv(home, options),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    with status_line(out, "starting the master"):
        master = _wait_until_healthy(process, home, out)
    if master is not None:
        process.returncode = 0  # nobody waits for it
        return master, True
    other = healthy_master(home)  # somebody else's `kyc up` may have been quicker
    if other is None:
        raise _failure(log, process.returncode)
    return other, False


def _argv(home: Path, options: Sequence[str]) -> list[str]:
    # -P: a random.py in the person's current folder is not the master's.
    return [sys.executable, "-P", "-m", "kyc.master", "up", "--home", str(home), *options]


def healthy_master(home: Path) -> MasterFile | None:
    """Return what tells of the master that answers in this home, None if none does."""
    file = read_master_file(home)
    if file is None:
        return None
    try:
        with Client(home=home) as client:
            return file if client.health().pid == file.pid else None
    except KycError:
        return None


def _attached(home: Path, options: Sequence[str], out: Output, then: Callable[[], None]) -> int:
    """Run the master in the foreground; return its exit code. What tells us to end tells it."""
    _log_file(home)  # says so if this home cannot be used
    # Not of the terminal's foreground, so that Ctrl-C asks what lives before it ends the one who knows.
    process = subprocess.Popen(_argv(home, options), process_group=0)
    with _signals_raised():
        try:
            master = _wait_until_healthy(process, home, out)
            if master is not None:
                _tell(out, home, master, already=False)
                then()
            return process.wait()
        except _ToldToEndError:
            return _end(process, home, out)


def _end(process: subprocess.Popen[bytes], home: Path, out: Output) -> int:
    """End the master, and say what goes on without it."""
    going_on = Living()
    with suppress(KycError), Client(home=home) as client:
        going_on = living(client)
    process.terminate()
    code = process.wait()
    out.note("The master has ended.")
    if going_on:
        out.note(going_on_words(going_on))
    elif is_left(home):
        out.note("Its stream server and local cloud go on; `kyc down --all` ends them.")
    return code


class _ToldToEndError(Exception):
    """A signal came."""


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Raise the first signal that tells us to end; further ones change nothing."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def tell(_number: int, _frame: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise _ToldToEndError

    before = {number: signal.signal(number, tell) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_until_healthy(process: subprocess.Popen[bytes], home: Path, out: Output) -> MasterFile | None:
    """Return what the process tells once it answers, None if it ended before; UnreachableError after two minutes."""
    started_s = time.monotonic()
    told = is_live(out)
    while True:
        try:
            process.wait(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            pass
        else:
            return None
        file = read_master_file(home)
        if file is not None and file.pid == process.pid and healthy_master(home) is not None:
            return file
        waited_s = time.monotonic() - started_s
        if not told and waited_s > _TELL_AFTER_S:
            out.note("The master is starting ...")
            told = True
        if waited_s > _PATIENCE_S:
            raise UnreachableError(
                f"the master (process {process.pid}) did not answer within {_PATIENCE_S:.0f} s",
                next_step=f"See {home / 'logs' / 'master.log'}; end it with `kill {process.pid}`.",
            )


def _failure(log: Path, code: int) -> KycError:
    """Return the error of a master that ended at its start, in its own words."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    message = next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")
    next_step = next((line.removeprefix("next: ") for line in reversed(lines) if line.startswith("next: ")), "")
    kind = InvalidInputError if code == 2 else KycError
    if message:
        return kind(message, next_step=next_step)
    if shutil.disk_usage(log.parent).free < _LEAST_FREE_BYTES:
        return _full(log.parent.parent)  # and so was the log: what the master said had no room
    told = lines[-1:] if any(line.startswith("Traceback") for line in lines) else lines[-_LAST_WORDS:]
    last = " | ".join(line.strip() for line in told) or "it said nothing"
    return KycError(f"the master ended with code {code}: {last}", next_step=f"See {log} and master.log beside it.")


def _full(home: Path) -> OutOfSpaceError:
    return OutOfSpaceError(
        f"the disk of KYC_HOME {home} is full", next_step="Free some space there, then start the master again."
    )


def _tell(out: Output, home: Path, master: MasterFile, *, already: bool) -> None:
    token = home / TOKEN_FILE
    if out.json:
        about = {"url": master.url, "pid": master.pid, "version": master.version}
        out.document({**about, "home": str(home), "token_file": str(token), "already_running": already})
        return
    verb = "runs already" if already else "runs"
    out.line(f"The master {verb} at {out.paint(Cell(master.url, 'bold'))} (process {master.pid}).")
    out.line(f"Sign in to its dashboard by `kyc up --open`, or with the token in {token}; commands find it themselves.")
    out.line("Next: `kyc offers`, `kyc run FILE`, `kyc events -f`. Stop it with `kyc down`.")


def _log_file(home: Path) -> Path:
    log = home / "logs" / "up.log"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        log.touch(mode=0o600)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _full(home) from error
        raise InvalidInputError(
            f"KYC_HOME {home} cannot be used: {error.strerror}",
            next_step="Set KYC_HOME to a folder in which you may write.",
        ) from error
    return log


def _options(args: argparse.Namespace) -> list[str]:
    given = {name: getattr(args, name) for name in _OPTIONS}
    return [word for name, value in given.items() if value for word in (f"--{name.replace('_', '-')}", str(value))]
