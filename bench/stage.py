"""A stage for demonstrations and benches: a master of its own in a folder of its own, gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from kyc import Client
from kyc.wire.api import EventRow, InstanceRow

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
DIGITS = ROOT / "examples" / "digits"


class StageError(Exception):
    """The bench could not run."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let what is begun be ended: Ctrl-C takes effect afterwards. Outside of the main thread it changes nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: told.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if told:
        raise KeyboardInterrupt


@contextmanager
def stage(*arguments: str) -> Iterator[tuple[Client, Path]]:
    """Start a master in a new KYC_HOME on a free port; yield its client and home; end everything that it started."""
    with tempfile.TemporaryDirectory(prefix="kyc-") as folder:
        home = Path(folder)
        try:
            with uninterrupted():
                kyc(home, "up", "--detach", "--port", "0", *arguments)
            yield Client(home=home), home
        finally:
            with uninterrupted():
                kyc(home, "down", "--all")


def kyc(home: Path, *arguments: str) -> str:
    """Run the command line against the stage's master; return what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KYC_")}
    done = subprocess.run(
        [sys.executable, "-m", "kyc.cli.main", *arguments],
        env=environment | {"KYC_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=180,
        start_new_session=True,  # Ctrl-C is for us to act upon
        check=False,
    )
    if done.returncode != 0:
        raise StageError(f"kyc {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def wait_for(what: str, look: Callable[[], T | None], *, timeout_s: float) -> T:
    """Return what `look` finds, asking ten times a second; raise StageError if it finds nothing in time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.1)
    raise StageError(f"waited {timeout_s:.0f} s in vain for {what}")


def working_instance(client: Client, workload: str) -> InstanceRow | None:
    """Return the instance on which the workload runs now, None while it runs on none."""
    detail = client.workload(workload)
    holder = next((a for a in detail.attempts if a.state == "running" and a.started_at is not None), None)
    return None if holder is None or detail.row.state != "running" else client.instance(holder.instance)


def all_events(client: Client) -> list[EventRow]:
    """Return the whole timeline."""
    events: list[EventRow] = []
    while page := client.events(after=events[-1].seq if events else 0, limit=1000):
        events += page
    return events
