"""Watching what happens: which events belong together, and a job's events and output until it ends."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kyc.cli.output import Output
from kyc.cli.timeline import cells
from kyc.domain.errors import KycError
from kyc.sdk.client import Client
from kyc.sdk.flows import ENDINGS, is_over
from kyc.sdk.follow import Follow
from kyc.wire.api import EventRow, LogRow, WorkloadRow

R = TypeVar("R")
Row = EventRow | LogRow
_LINKS = ("workload", "attempt", "instance", "deployment")


class Related:
    """Tells which events are about some things, or about what those brought about: their instances and deployments."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = set(ids)

    def __call__(self, event: EventRow) -> bool:
        """Say whether the event is one of them; it may make later ones so."""
        named = {str(event.data[key]) for key in _LINKS if event.data.get(key)}
        if event.subject not in self._ids and not named & self._ids:
            return False
        self._ids |= {event.subject} | named
        return True


@dataclass(frozen=True, slots=True)
class _Failed:
    error: KycError


def show_event(out: Output, event: EventRow) -> None:
    """Print one event: a line for people, or an object for programs."""
    if out.json:
        out.record(event)
    else:
        out.line("".join(out.paint(cell) for cell in cells(event)).rstrip())


def tell_contact(out: Output) -> Callable[[bool], None]:
    """Return what tells a person that the master went silent, and that it is back."""

    def tell(in_contact: bool) -> None:
        out.note("the master answers again" if in_contact else "the master does not answer; trying again")

    return tell


def watch_until(
    client: Client,
    out: Output,
    check: Callable[[], R | None],
    *,
    after: int,
    show: Callable[[EventRow], None],
    kinds: Sequence[str],
) -> R:
    """Return what `check` returns once it is not None: asked now, and after each event of these kinds.

    Every event after the number `after` is shown meanwhile.
    """
    found = check()
    if found is not None:
        return found
    with client.stream_events(after=after, on_contact=tell_contact(out)) as events:
        for event in events:
            show(event)
            found = check() if event.kind in kinds else None
            if found is not None:
                return found
    raise AssertionError("a stream that nobody closes has no end")


def watch_job(client: Client, out: Output, name: str, *, after: int, show: Callable[[Row], None]) -> WorkloadRow:
    """Return the job's row at its end; show every event after the number `after`, and all that the job prints.

    Both come over connections of their own, each read by a thread that ends with this call.
    """
    rows: queue.SimpleQueue[Row | _Failed] = queue.SimpleQueue()
    contact = tell_contact(out)  # the one stream tells it for both
    with client.stream_events(after=after, on_contact=contact) as events, client.stream_logs(name) as logs:
        threads = [threading.Thread(target=_pump, args=(stream, rows)) for stream in (events, logs)]
        for thread in threads:
            thread.start()
        try:
            printed = _until_end(client, name, rows, show)
        finally:
            events.close()
            logs.close()
            for thread in threads:
                thread.join()
    for row in client.all_logs(name, after=printed):
        show(row)
    return client.workload(name).row


def _until_end(client: Client, name: str, rows: queue.SimpleQueue[Row | _Failed], show: Callable[[Row], None]) -> int:
    """Show rows until the job ends; return the number of its last output that was shown."""
    printed = 0
    if is_over(client.workload(name).row.state):
        return printed
    while True:
        match rows.get():
            case _Failed(error):
                raise error
            case LogRow() as row:
                printed = row.seq
                show(row)
            case EventRow() as row:
                show(row)
                if row.subject == name and row.kind in ENDINGS:
                    return printed


def _pump(stream: Follow[EventRow] | Follow[LogRow], rows: queue.SimpleQueue[Row | _Failed]) -> None:
    try:
        for row in stream:
            rows.put(row)
    except KycError as error:
        rows.put(_Failed(error))
