"""Figures read from the event timeline: how long recoveries took, and which steps were done twice.

Pure functions of a list of events, as `kyc events --json` prints them; nothing here has seen the run itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kyc.wire.api import EventRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """One interruption and what followed; times in seconds, None for what never happened."""

    instance: str
    noticed: bool
    to_replacement_requested_s: float | None
    to_resumed_s: float | None
    steps_repeated: int


def recoveries(events: Sequence[EventRow]) -> list[Recovery]:
    """Return every interruption that was asked for, in order.

    The clock starts at the notice (`instance.noticed`), or for a kill without one when it was asked for
    (`interruption.requested`), which is a little before the instance is dead.
    """
    return [_recovery(events, asked) for asked in events if asked.kind == "interruption.requested"]


def _recovery(events: Sequence[EventRow], asked: EventRow) -> Recovery:
    noticed = asked.data["notice_s"] != 0
    later = [event for event in events if event.seq > asked.seq]
    start = next((e for e in later if e.kind == "instance.noticed" and e.subject == asked.subject), None)
    begin = (start or asked).at if noticed else asked.at
    requested = next(
        (e for e in later if e.kind == "replacement.requested" and e.data.get("replaces") == asked.subject), None
    )
    resumed = next((e for e in later if e.kind == "job.resumed" and e.subject == asked.data["workload"]), None)
    attempt = None if resumed is None else str(resumed.data["attempt"])
    return Recovery(
        instance=asked.subject,
        noticed=noticed,
        to_replacement_requested_s=None if requested is None else round((requested.at - begin).total_seconds(), 3),
        to_resumed_s=None if resumed is None else round((resumed.at - begin).total_seconds(), 3),
        steps_repeated=0 if attempt is None else _repeated_by(events, attempt),
    )


def _repeated_by(events: Iterable[EventRow], attempt: str) -> int:
    """Count the steps that the attempt finished although others had finished them before it began."""
    done: set[int] = set()
    repeated: set[int] = set()
    begun = False
    for event in events:
        if event.kind != "job.progress":
            continue
        steps = set(_steps(event))
        if event.data["attempt"] == attempt:
            begun = True
            repeated |= steps & done
        elif not begun:
            done |= steps
    return len(repeated)


def _steps(event: EventRow) -> Iterator[int]:
    yield from range(int(str(event.data["first"])), int(str(event.data["step"])) + 1)
