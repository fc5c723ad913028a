"""`kyc down`: ends the master of this machine, with --all everything that it runs, also what a dead one left."""

from __future__ import annotations

import argparse
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kyc.cli.leftover import is_left
from kyc.cli.live import status_line
from kyc.cli.living import Living, going_on_words, living
from kyc.cli.machines import ENDED, wait_for_end
from kyc.cli.output import Output
from kyc.cli.up import healthy_master, start_detached
from kyc.cli.watch import Related, show_event, watch_until
from kyc.domain.errors import UnreachableError
from kyc.sdk.client import Client
from kyc.sdk.discovery import MasterFile, home_folder, read_master_file
from kyc.sdk.flows import ENDINGS, is_over
from kyc.wire.api import EventRow

_PATIENCE_S = 120.0


def down(args: argparse.Namespace, out: Output) -> int:
    """Stop the master, and with --all everything that it runs before."""
    home = home_folder()
    if not os.environ.get("KYC_URL") and healthy_master(home) is None and not _is_alive(read_master_file(home)):
        if not args.everything or not is_left(home):
            return _nothing_runs(out, home)
        out.note("No master runs, but it has left something; starting it to end that ...")
        start_detached(home, ["--port", "0"], out)
    with Client() as client:
        ended = _end_everything(client, out) if args.everything else Living()
        going_on = Living() if args.everything else living(client)
        pid, url = client.address.pid, client.url
        with _end_of(pid) as has_ended:
            client.shutdown(everything=args.everything)
            with status_line(out, "the master ends"):
                has_ended()
    if out.json:
        out.document(_report(url, ended, going_on))
    else:
        out.line(f"The master at {url} has ended." if pid else f"The master at {url} was asked to end.")
        if going_on:
            out.line(going_on_words(going_on))
    return 0


def _report(url: str | None, ended: Living, going_on: Living) -> dict[str, object]:
    return {
        "url": url,
        "was_running": url is not None,
        "workloads": ended.workloads,
        "instances": ended.instances,
        "going_on": going_on,
    }


def _nothing_runs(out: Output, home: Path) -> int:
    if out.json:
        out.document(_report(None, Living(), Living()))
        return 0
    out.line(f"No master runs in {home}.")
    if is_left(home):
        out.note("What it started goes on; `kyc down --all` ends that.")
    return 0


def _end_everything(client: Client, out: Output) -> Living:
    """Stop every workload, then give every instance back; return the names and ids of those that ran."""
    after = client.last_seq()
    found = living(client)
    names, ids = found.workloads, found.instances
    if found and not out.json:
        out.line(f"Ending {found.count} ...")
    for name in names:
        client.stop(name)
    related = Related([*names, *ids])

    def show(event: EventRow) -> None:
        if related(event) and not out.json:
            show_event(out, event)

    def all_over() -> bool | None:
        return all(is_over(client.workload(name).row.state) for name in names) or None

    watch_until(client, out, all_over, after=after, show=show, kinds=ENDINGS)
    return Living(workloads=names, instances=_end_instances(client, out))


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
