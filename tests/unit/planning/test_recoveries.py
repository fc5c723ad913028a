"""Interruptions and what followed, from timelines written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kyc.domain.event import Event, EventKind
from kyc.planning.recoveries import recoveries

START = datetime(2026, 1, 1, tzinfo=UTC)


def told(at_s: float, kind: str, subject: str, **data: object) -> Event:
    return Event(kind=EventKind(kind), subject=subject, at=START + timedelta(seconds=at_s), data=data)


def test_a_notice_a_kill_and_a_death_nobody_asked_for() -> None:
    noticed, killed, died = recoveries(
        [
            told(0, "interruption.requested", "i-1", notice_s=30, workload="t"),
            told(1, "instance.noticed", "i-1", notice="interruption", workload="t"),
            told(1.5, "replacement.requested", "t", replaces="i-1", instance="i-2"),
            told(4, "job.resumed", "t", attempt="t.2"),
            told(5, "instance.lost", "i-1", workload="t"),  # the end of what was noticed: the same interruption
            told(10, "interruption.requested", "i-2", notice_s=0, workload="t"),
            told(11, "instance.lost", "i-2", workload="t"),
            told(12, "replacement.requested", "t", replaces="i-2", instance="i-3"),
            told(15, "job.resumed", "t", attempt="t.3"),
            told(20, "instance.lost", "i-3", workload="t"),
            told(21, "replacement.requested", "t", replaces="i-3", instance="i-4"),
        ]
    )
    assert (noticed.noticed, noticed.to_replacement_requested_s, noticed.to_resumed_s) == (True, 0.5, 3)
    assert (killed.noticed, killed.to_replacement_requested_s, killed.to_resumed_s) == (False, 2, 5)
    assert (died.instance, died.replacement, died.to_resumed_s, died.ended) == ("i-3", "i-4", None, False)


def test_a_hint_is_no_interruption_and_a_job_may_end_first() -> None:
    [only] = recoveries(
        [
            told(0, "instance.noticed", "i-1", notice="rebalance", workload="t"),
            told(1, "instance.noticed", "i-2", notice="interruption", workload="t"),
            told(2, "job.succeeded", "t"),
            told(3, "job.resumed", "t"),
        ]
    )
    assert (only.instance, only.ended, only.to_resumed_s) == ("i-2", True, None)


def test_workloads_are_told_apart_and_a_bare_instance_has_none() -> None:
    one, other, bare = recoveries(
        [
            told(0, "instance.lost", "i-1", workload="a"),
            told(1, "instance.lost", "i-2", workload="b"),
            told(2, "instance.lost", "i-3", workload=None),
            told(3, "job.resumed", "b"),
        ]
    )
    assert (one.to_resumed_s, other.to_resumed_s, bare.workload, bare.to_resumed_s) == (None, 2, None, None)


def test_a_service_goes_on_when_a_replica_is_ready_elsewhere() -> None:
    back, ended = recoveries(
        [
            told(0, "instance.noticed", "i-1", notice="interruption", workload="web"),
            told(1, "replica.ready", "web", replica="web.1", instance="i-1"),
            told(1, "replacement.requested", "web", replaces="i-1", instance="i-2"),
            told(3, "replica.ready", "other", replica="other.1", instance="i-9"),
            told(6, "replica.ready", "web", replica="web.2", instance="i-2"),
            told(9, "instance.lost", "i-2", workload="web"),
            told(10, "service.stopped", "web"),
        ]
    )
    assert (back.replacement, back.to_resumed_s, back.ended) == ("i-2", 6, False)
    assert (ended.to_resumed_s, ended.ended) == (None, True)


def test_an_instance_that_a_service_did_not_need_any_more_has_nothing_to_recover() -> None:
    given_back, too_many, needed = recoveries(
        [
            told(0, "replica.ready", "web", replica="web.r1", instance="i-1"),
            told(0, "replica.ready", "web", replica="web.r2", instance="i-2"),
            told(0, "replica.ready", "web", replica="web.r3", instance="i-3"),
            told(1, "replica.draining", "web", replica="web.r1", instance="i-1"),
            told(2, "instance.lost", "i-1", workload="web"),
            told(3, "instance.noticed", "i-2", notice="interruption", workload="web"),
            told(3, "replica.draining", "web", replica="web.r2", instance="i-2"),
            told(4, "service.scaled", "web", replicas=1, was_replicas=2),
            told(5, "instance.noticed", "i-3", notice="interruption", workload="web"),
            told(6, "service.scaled", "web", replicas=2, was_replicas=1),
        ]
    )
    assert [(one.ended, one.to_resumed_s) for one in (given_back, too_many, needed)] == [
        (True, None),
        (True, None),
        (False, None),
    ]
