"""Figures read from the event timeline: how long recoveries took, and which steps were done twice.

Pure functions of a list of events, as `kyc events --json` prints them; nothing here has seen the run itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kyc.planning import recoveries as planning
from kyc.wire.api import EventRow

_ASKED = "interruption.requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """One interruption and what followed; times in seconds, None for what never happened."""

    instance: str
    noticed: bool
    to_replacement_requested_s: float | None
    to_resumed_s: float | None
    steps_repeated: int


def recoveries(events: Sequence[EventRow]) -> list[Recovery]:
    """Return every interruption that was asked for, in order, timed as `planning.recoveries` times any."""
    found = {recovery.instance: recovery for recovery in planning.recoveries(events)}
    return [_recovery(events, asked, found.get(asked.subject)) for asked in events if asked.kind == _ASKED]


def _recovery(events: Sequence[EventRow], asked: EventRow, timed: planning.Recovery | None) -> Recovery:
    later = (event for event in events if event.seq > asked.seq)
    resumed = next((e for e in later if e.kind == "job.resumed" and e.subject == asked.data["workload"]), None)
    return Recovery(
        instance=asked.subject,
        noticed=asked.data["notice_s"] != 0,
        to_replacement_requested_s=None if timed is None else timed.to_replacement_requested_s,
        to_resumed_s=None if timed is None else timed.to_resumed_s,
        steps_repeated=0 if resumed is None else _repeated_by(events, str(resumed.data["attempt"])),
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
