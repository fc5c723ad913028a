"""One line at the bottom of a terminal that says how things stand, while other lines scroll above it. Needs rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from kyc.cli.output import Output
from kyc.wire.api import EventRow

SetStatus = Callable[[str], None]


def is_live(out: Output) -> bool:
    """Say whether somebody watches a terminal that can redraw a line."""
    return out.color and not out.json


@contextmanager
def status_line(out: Output, text: str) -> Iterator[tuple[Output, SetStatus]]:
    """Give an output that prints above the line, and what changes the line. Without a terminal there is no line."""
    if not is_live(out):
        yield out, lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415  # it takes longer to load than most commands take
    from rich.live import Live  # noqa: PLC0415
    from rich.spinner import Spinner  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    spinner, console = Spinner("dots", Text(text)), Console(highlight=False)
    with Live(spinner, console=console, refresh_per_second=5, transient=True, redirect_stdout=False):
        above = _Above(lambda line: console.print(Text.from_ansi(line), soft_wrap=True))
        stderr = above if sys.stderr.isatty() else out.stderr
        yield replace(out, stdout=above, stderr=stderr), lambda words: spinner.update(text=Text(words))


class _Above:
    """Takes what is printed, and gives it away line by line."""

    def __init__(self, give: Callable[[str], None]) -> None:
        self._give = give
        self._rest = ""

    def write(self, text: str, /) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._give(line)
        return len(text)

    def flush(self) -> None:
        """Do nothing: whole lines are given at once, and what is printed ends with one."""


class JobStatus:
    """What is known of a job from its events, in one line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._state = "queued"
        self._step = self._snapshot = ""
        self._coming = ""  # the instance that was bought for it last

    @property
    def words(self) -> str:
        """The line as of now."""
        return " · ".join(part for part in (f"{self._name} {self._state}", self._step, self._snapshot) if part)

    def line(self, event: EventRow) -> str:
        """Return the line after this event."""
        if event.subject == self._name:
            self._take(event)
        else:
            self._take_of_instance(event)
        return self.words

    def _take(self, event: EventRow) -> None:
        data = event.data
        match event.kind:
            case "job.started" | "job.resumed":
                self._state, self._coming = f"running on {data.get('instance')}", ""
            case "job.migrating":
                self._state = "migrating"
            case "replacement.requested":
                self._state = f"migrating to {data.get('instance')}"
            case "job.succeeded" | "job.failed" | "job.stopped":
                self._state = event.kind.removeprefix("job.")
            case "job.progress":
                total = f"/{data['total']}" if data.get("total") is not None else ""
                self._step = f"step {data.get('step')}{total}"
            case "snapshot.committed" | "snapshot.flushed":
                self._snapshot = f"snapshot #{data.get('sequence')}"

    def _take_of_instance(self, event: EventRow) -> None:
        """Follow the first instance on its way; a replacement's way is told by the job's own events."""
        if event.kind == "instance.requested" and event.data.get("workload") == self._name:
            self._coming = event.subject
        waits = self._state.startswith(("queued", "waiting", "preparing"))
        if not waits or event.subject != self._coming:
            return
        match event.kind:
            case "instance.requested":
                self._state = f"waiting for {event.subject}"
            case "instance.ready":
                self._state = f"preparing on {event.subject}"
            case "instance.lost" | "instance.terminated":
                self._state = "queued"
