"""What each fact of an agent changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START
from kyc.control.fact import Changes, Known, read_fact
from kyc.domain.event import EventKind
from kyc.domain.ids import DeploymentId, InstanceId, WorkloadName, attempt_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import Notice, NoticeKind
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.domain.workload import JobSpec
from kyc.wire import agent as wire

NAME = WorkloadName("train")
ATTEMPT = Attempt(
    id=attempt_id(NAME, 1),
    workload=NAME,
    number=1,
    instance_id=InstanceId("i-1"),
    state=AttemptState.RUNNING,
    created_at=START,
    epoch=1,
)
KNOWN = Known(
    instance=Instance(
        id=InstanceId("i-1"),
        deployment_id=DeploymentId("d-1"),
        offer=fake_offer(),
        state=InstanceState.READY,
        requested_at=START,
        name="one",
        workload=NAME,
    ),
    attempt=ATTEMPT,
    job=Job(
        name=NAME,
        spec=JobSpec(name=NAME, run="work"),
        state=JobState.STARTING,
        requested_at=START,
        sealed_key="",
        epoch=1,
    ),
)


def read(fact: wire.AnyFact, known: Known = KNOWN) -> Changes:
    return read_fact(fact, known, now=START + timedelta(seconds=1))


def test_a_notice_marks_the_instance() -> None:
    deadline = START + timedelta(seconds=30)
    notice = Notice(kind=NoticeKind.INTERRUPTION, noticed_at=START, deadline_at=deadline)
    changes = read(wire.Noticed(at=START, notice=notice))
    (instance,) = changes.records
    assert isinstance(instance, Instance)
    assert (instance.state, instance.notice) == (InstanceState.NOTICED, notice)
    assert changes.events[0].data["notice_s"] == 30


def test_a_rebalance_recommendation_is_a_hint_only() -> None:
    changes = read(wire.Noticed(at=START, notice=Notice(kind=NoticeKind.REBALANCE, noticed_at=START)))
    (instance,) = changes.records
    assert isinstance(instance, Instance)
    assert (instance.state, instance.notice, instance.leaves_early) == (InstanceState.READY, None, None)
    assert instance.advised_at is not None
    assert changes.events[0].kind is EventKind.INSTANCE_NOTICED


def test_the_first_start_is_a_start_and_the_next_a_resumption() -> None:
    started = wire.Started(at=START, attempt=ATTEMPT.id, epoch=1, pid=7, sequence=None)
    first = read(started)
    assert [e.kind for e in first.events] == [EventKind.JOB_STARTED]
    job = next(record for record in first.records if isinstance(record, Job))
    assert job.state is JobState.RUNNING
    again = read(started, replace(KNOWN, job=replace(job, state=JobState.MIGRATING)))
    assert [e.kind for e in again.events] == [EventKind.JOB_RESUMED]
    assert "recovery_s" not in again.events[0].data


def test_a_resumption_tells_how_long_the_recovery_took() -> None:
    started = wire.Started(at=START, attempt=ATTEMPT.id, epoch=1, pid=7, sequence=None)
    job = replace(KNOWN.job, state=JobState.MIGRATING, started_at=START)
    known = replace(KNOWN, job=job, interrupted_at=START - timedelta(seconds=4.5))
    (resumed,) = read(started, known).events
    assert resumed.data["recovery_s"] == (resumed.at - START).total_seconds() + 4.5


@pytest.mark.parametrize(
    ("fact", "state"),
    [
        (wire.Released(at=START, attempt=ATTEMPT.id), AttemptState.RELEASED),
        (wire.Exited(at=START, attempt=ATTEMPT.id, stage="run", code=3), AttemptState.EXITED),
        (wire.Fenced(at=START, attempt=ATTEMPT.id, epoch=1), AttemptState.LOST),
        (wire.Troubled(at=START, attempt=ATTEMPT.id, what="no disk", fatal=True), AttemptState.LOST),
    ],
)
def test_an_end_ends_the_attempt_once(fact: wire.AnyFact, state: AttemptState) -> None:
    (attempt,) = read(fact).records
    assert isinstance(attempt, Attempt)
    assert attempt.state is state
    assert read(fact, replace(KNOWN, attempt=attempt)).records == ()


def test_news_that_comes_late_changes_nothing() -> None:
    assert read(wire.Prepared(at=START, attempt=ATTEMPT.id)) == Changes()


@pytest.mark.parametrize(
    ("told_s", "at_s"),
    [(0.4, 0.4), (3600, 1), (-3600, 0)],  # the master was away; a clock that is fast; one that is slow
)
def test_an_event_is_of_the_time_when_it_happened(told_s: float, at_s: float) -> None:
    told_at = START + timedelta(seconds=told_s)
    committed = wire.Committed(
        at=told_at, attempt=ATTEMPT.id, epoch=1, sequence=1, files=1, bytes=1, sent_bytes=1, took_s=0, flushed=False
    )
    notice = Notice(kind=NoticeKind.REBALANCE, noticed_at=told_at)
    for fact in (committed, wire.Noticed(at=told_at, notice=notice)):
        (event,) = read(fact).events
        assert event.at == START + timedelta(seconds=at_s)


def test_a_trouble_is_told_with_its_end() -> None:
    begun = read(wire.Troubled(at=START, attempt=ATTEMPT.id, what="cannot take snapshots"))
    over = read(wire.Troubled(at=START, attempt=ATTEMPT.id, what="can take snapshots again", over=True))
    assert [event.data.get("over") for event in (*begun.events, *over.events)] == [None, True]


def test_what_was_printed_is_kept() -> None:
    changes = read(wire.Printed(at=START, attempt=ATTEMPT.id, text="one\ntwo\n"))
    assert [lines.text for lines in changes.logs] == ["one\ntwo\n"]


def test_a_fact_of_an_unknown_attempt_changes_nothing() -> None:
    fact = wire.Prepared(at=START, attempt="who.1")
    assert read(fact, replace(KNOWN, attempt=None, job=None)) == Changes()


def test_the_pause_of_a_hand_over_and_what_it_fetched_last_are_told() -> None:
    stopped = wire.Released(at=START, attempt=ATTEMPT.id, stopped_at=START - timedelta(seconds=2))
    released, job = read(stopped).records
    assert isinstance(released, Attempt)
    assert isinstance(job, Job)
    assert (released.state, job.work_stopped_at) == (AttemptState.RELEASED, START - timedelta(seconds=2))
    started = wire.Started(
        at=START + timedelta(seconds=0.5), attempt=ATTEMPT.id, epoch=2, pid=7, sequence=3, final_delta_bytes=1234
    )
    again = replace(KNOWN, job=replace(job, state=JobState.MIGRATING, started_at=START))
    changes = read(started, again)
    (event,) = changes.events
    assert event.kind is EventKind.JOB_RESUMED
    assert (event.data["final_delta_bytes"], event.data["pause_s"]) == (1234, 2.5)
    assert [record.work_stopped_at for record in changes.records if isinstance(record, Job)] == [None]
    dead = replace(KNOWN, job=replace(job, state=JobState.MIGRATING, started_at=START, work_stopped_at=None))
    assert read(started, dead).events[0].data["pause_s"] is None


def test_a_release_before_any_work_says_nothing_of_a_stop() -> None:
    records = read(wire.Released(at=START, attempt=ATTEMPT.id)).records
    assert [type(record) for record in records] == [Attempt]
