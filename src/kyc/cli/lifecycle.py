"""The commands that start and end the master of this machine: up, down."""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kyc.cli.live import is_live, status_line
from kyc.cli.machines import ENDED, wait_for_end
from kyc.cli.output import Cell, Output
from kyc.cli.watch import Related, show_event, watch_until
from kyc.cli.words import plural
from kyc.domain.errors import InvalidInputError, KycError, UnreachableError
from kyc.sdk.client import Client
from kyc.sdk.discovery import TOKEN_FILE, MasterFile, home_folder, read_master_file
from kyc.sdk.flows import ENDINGS, is_over
from kyc.wire.api import EventRow

_LOOK_S = 0.05
_PATIENCE_S = 120.0
_TELL_AFTER_S = 2.0
_LAST_WORDS = 12
_OPTIONS = ("host", "port", "public_url", "stream", "state", "local_mode", "terraform")


def up(args: argparse.Namespace, out: Output) -> int:
    """Start the master of KYC_HOME; say where it is and how to sign in."""
    home = home_folder()
    running = healthy_master(home)
    if running is not None:
        _tell(out, home, running, already=True)
        return 0
    log = _log_file(home)
    argv = [sys.executable, "-P", "-m", "kyc.master", "up", "--home", str(home), *_options(args)]
    if not args.detach:
        return _attached(argv, out, home)
    with log.open("wb") as file:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, cwd="/"
        )
    with status_line(out, "starting the master"):
        master = _wait_until_healthy(process, home, out)
    if master is None:
        other = healthy_master(home)  # somebody else's `kyc up` may have been quicker
        if other is None:
            raise _failure(log, process.returncode)
        _tell(out, home, other, already=True)
        return 0
    process.returncode = 0  # it goes on without us: nobody waits for it
    _tell(out, home, master, already=False)
    return 0


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


def _attached(argv: list[str], out: Output, home: Path) -> int:
    """Run the master in the foreground; return its exit code. What tells us to end tells it."""
    process = subprocess.Popen(argv)
    with _signals_passed_on(process):
        master = _wait_until_healthy(process, home, out)
        if master is not None:
            _tell(out, home, master, already=False)
        return process.wait()


@contextmanager
def _signals_passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def pass_on(_number: int, _frame: object) -> None:
        if process.poll() is None:
            process.terminate()

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
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
    told = lines[-1:] if any(line.startswith("Traceback") for line in lines) else lines[-_LAST_WORDS:]
    last = " | ".join(line.strip() for line in told) or "it said nothing"
    return KycError(f"the master ended with code {code}: {last}", next_step=f"See {log} and master.log beside it.")


def _tell(out: Output, home: Path, master: MasterFile, *, already: bool) -> None:
    token = home / TOKEN_FILE
    if out.json:
        about = {"url": master.url, "pid": master.pid, "version": master.version}
        out.document({**about, "home": str(home), "token_file": str(token), "already_running": already})
        return
    verb = "runs already" if already else "runs"
    out.line(f"The master {verb} at {out.paint(Cell(master.url, 'bold'))} (process {master.pid}).")
    out.line(f"Sign in to it with the token in {token}; commands on this machine find it by themselves.")
    out.line("Next: `kyc offers`, `kyc run FILE`, `kyc events -f`. Stop it with `kyc down`.")


def _log_file(home: Path) -> Path:
    log = home / "logs" / "up.log"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        log.touch(mode=0o600)
    except OSError as error:
        raise InvalidInputError(
            f"KYC_HOME {home} cannot be used: {error.strerror}",
            next_step="Set KYC_HOME to a folder in which you may write.",
        ) from error
    return log


def _options(args: argparse.Namespace) -> list[str]:
    given = {name: getattr(args, name) for name in _OPTIONS}
    return [word for name, value in given.items() if value for word in (f"--{name.replace('_', '-')}", str(value))]


def down(args: argparse.Namespace, out: Output) -> int:
    """Stop the master, and with --all everything that it runs before."""
    home = home_folder()
    if not os.environ.get("KYC_URL") and healthy_master(home) is None and not _is_alive(read_master_file(home)):
        return _nothing_runs(out, home, everything=args.everything)
    with Client() as client:
        ended = _end_everything(client, out) if args.everything else {"workloads": [], "instances": []}
        pid, url = client.address.pid, client.url
        with _end_of(pid) as has_ended:
            client.shutdown(everything=args.everything)
            with status_line(out, "the master ends"):
                has_ended()
    if out.json:
        out.document({"url": url, "was_running": True, **ended})
    else:
        out.line(f"The master at {url} has ended." if pid else f"The master at {url} was asked to end.")
    return 0


def _nothing_runs(out: Output, home: Path, *, everything: bool) -> int:
    workspaces = home / "terraform"
    if everything and workspaces.is_dir() and any(path.is_dir() for path in workspaces.iterdir()):
        raise UnreachableError(
            "no master runs here, but it has left instances",
            next_step="`kyc up --detach`, then `kyc down --all` again.",
        )
    if out.json:
        out.document({"url": None, "was_running": False, "workloads": [], "instances": []})
    else:
        out.line(f"No master runs in {home}.")
    return 0


def _end_everything(client: Client, out: Output) -> dict[str, list[str]]:
    """Stop every workload, then give every instance back; return the names and ids of those that ran."""
    after = client.last_seq()
    names = [row.name for row in client.workloads() if not is_over(row.state)]
    ids = [row.id for row in client.instances()]
    if (names or ids) and not out.json:
        out.line(f"Ending {plural(len(names), 'workload')} and {plural(len(ids), 'instance')} ...")
    for name in names:
        client.stop(name)
    related = Related([*names, *ids])

    def show(event: EventRow) -> None:
        if related(event) and not out.json:
            show_event(out, event)

    def all_over() -> bool | None:
        return all(is_over(client.workload(name).row.state) for name in names) or None

    watch_until(client, all_over, after=after, show=show, kinds=ENDINGS)
    return {"workloads": names, "instances": _end_instances(client, out)}


def _end_instances(client: Client, out: Output) -> list[str]:
    """Give back what lives; a workload that ended in between may have bought one more, so look until none does."""
    ended: list[str] = []
    while rows := client.instances():
        after = client.last_seq()
        ids = [client.terminate(row.id).id for row in rows if row.state not in ENDED]
        wait_for_end(client, out, ids, after=after)
        ended += ids
    return ended


@contextmanager
def _end_of(pid: int | None) -> Iterator[Callable[[], None]]:
    """Give what waits until this process has ended; it is held by a descriptor, so that its number cannot be reused."""
    if pid is None:
        yield lambda: None
        return
    try:
        number = os.pidfd_open(pid)
    except ProcessLookupError:
        yield lambda: None
        return
    try:
        yield lambda: _wait_for(number, pid)
    finally:
        os.close(number)


def _wait_for(number: int, pid: int) -> None:
    waiting = select.poll()
    waiting.register(number, select.POLLIN)
    if not waiting.poll(_PATIENCE_S * 1000):
        raise UnreachableError(
            f"the master (process {pid}) has not ended within {_PATIENCE_S:.0f} s",
            next_step=f"See logs/master.log in its KYC_HOME; `kill {pid}` ends it without losing anything.",
        )


def _is_alive(file: MasterFile | None) -> bool:
    """Say whether the process that left the file is still a master; after a kill -9 the file is still there."""
    if file is None:
        return False
    try:
        command = Path(f"/proc/{file.pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"kyc.master" in command
