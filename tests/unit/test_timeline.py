"""The figures of the demonstration, from a timeline written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bench.timeline import recoveries

from kyc.wire.api import EventRow

START = datetime(2026, 1, 1, tzinfo=UTC)


def line(seq: int, at_s: float, kind: str, subject: str, **data: object) -> EventRow:
    return EventRow(seq=seq, at=START + timedelta(seconds=at_s), kind=kind, subject=subject, data=data)


def test_a_notice_and_a_kill_are_measured() -> None:
    events = [
        line(1, 0, "job.progress", "t", attempt="t.1", first=1, step=10),
        line(2, 1, "interruption.requested", "i-1", notice_s=30, workload="t"),
        line(3, 2, "instance.noticed", "i-1"),
        line(4, 2.25, "replacement.requested", "t", replaces="i-1"),
        line(5, 5.5, "job.resumed", "t", attempt="t.2"),
        line(6, 6, "job.progress", "t", attempt="t.2", first=11, step=20),
        line(7, 7, "interruption.requested", "i-2", notice_s=0, workload="t"),
        line(8, 8, "replacement.requested", "t", replaces="i-2"),
        line(9, 12, "job.resumed", "t", attempt="t.3"),
        line(10, 13, "job.progress", "t", attempt="t.3", first=18, step=19),
        line(11, 14, "job.progress", "t", attempt="t.3", first=20, step=30),
    ]
    noticed, killed = recoveries(events)
    assert (noticed.to_replacement_requested_s, noticed.to_resumed_s, noticed.steps_repeated) == (0.25, 3.5, 0)
    assert (killed.to_replacement_requested_s, killed.to_resumed_s, killed.steps_repeated) == (1.0, 5.0, 3)
    assert (noticed.noticed, killed.noticed) == (True, False)


def test_what_never_came_is_none() -> None:
    (recovery,) = recoveries([line(1, 0, "interruption.requested", "i-1", notice_s=0, workload="t")])
    assert (recovery.to_replacement_requested_s, recovery.to_resumed_s, recovery.steps_repeated) == (None, None, 0)
