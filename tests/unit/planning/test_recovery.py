"""The recovery plan: each situation of a job and the one step that it calls for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START
from kyc.domain.ids import DeploymentId, InstanceId, WorkloadName, attempt_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import Notice, NoticeKind
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.domain.move import StreamMove
from kyc.domain.workload import JobSpec
from kyc.planning.action import Action, Dismiss, GiveUp, Move, Place, Release, Run, Terminate
from kyc.planning.recovery import JobView, plan_job

NAME = WorkloadName("train")
NOW = START + timedelta(minutes=5)
A, J = AttemptState, JobState


def job(state: JobState, **changes: object) -> Job:
    spec = JobSpec(name=NAME, run="work")
    made = Job(name=NAME, spec=spec, state=state, requested_at=START, sealed_key="", epoch=3)
    return replace(made, **changes)


def instance(number: int, state: InstanceState, *, zone: str = "fake-a", noticed: bool = False) -> Instance:
    notice = Notice(kind=NoticeKind.INTERRUPTION, noticed_at=NOW) if noticed else None
    return Instance(
        id=InstanceId(f"i-{number}"),
        deployment_id=DeploymentId(f"d-{number}"),
        offer=fake_offer(zone=zone),
        state=state,
        requested_at=START,
        name=f"i-{number}",
        workload=NAME,
        notice=notice,
        interrupted_at=NOW if noticed else None,
    )


def attempt(number: int, state: AttemptState, **changes: object) -> Attempt:
    made = Attempt(
        id=attempt_id(NAME, number),
        workload=NAME,
        number=number,
        instance_id=InstanceId(f"i-{number}"),
        state=state,
        created_at=START,
    )
    return replace(made, **changes)


def view_of(the_job: Job, *pairs: tuple[Attempt, Instance]) -> JobView:
    return JobView(job=the_job, attempts=[a for a, _ in pairs], instances={i.id: i for _, i in pairs})


def plan(the_job: Job, *pairs: tuple[Attempt, Instance]) -> list[Action]:
    return plan_job(view_of(the_job, *pairs), now=NOW)


def kinds(actions: list[Action]) -> list[type]:
    return [type(action) for action in actions]


WORKING = attempt(1, A.RUNNING, started_at=START, epoch=3)


def test_a_new_job_is_placed() -> None:
    assert kinds(plan(job(J.QUEUED))) == [Place]


def test_a_ready_instance_starts_the_job() -> None:
    assert kinds(plan(job(J.PLACING), (attempt(1, A.PREPARING), instance(1, InstanceState.READY)))) == [Move]


def test_a_prepared_first_attempt_runs_in_the_next_epoch() -> None:
    (action,) = plan(job(J.STARTING), (attempt(1, A.PREPARED), instance(1, InstanceState.READY)))
    assert action == Run(attempt=attempt_id(NAME, 1), epoch=4, reason="everything is in place")


def test_nothing_to_do_while_it_works() -> None:
    assert plan(job(J.RUNNING), (WORKING, instance(1, InstanceState.READY))) == []


def test_a_notice_requests_a_replacement_outside_the_pool() -> None:
    actions = plan(job(J.RUNNING), (WORKING, instance(1, InstanceState.NOTICED, noticed=True)))
    assert kinds(actions) == [Move, Place]
    place = actions[1]
    assert isinstance(place, Place)
    assert place.replaces == "i-1"
    assert place.avoid == {fake_offer().pool}


def test_the_old_one_works_while_the_new_one_prepares() -> None:
    old, new = (
        (WORKING, instance(1, InstanceState.NOTICED, noticed=True)),
        (attempt(2, A.PREPARING), instance(2, InstanceState.READY)),
    )
    assert plan(job(J.MIGRATING), old, new) == []


def test_the_old_one_is_released_when_the_new_one_is_prepared() -> None:
    old, new = (
        (WORKING, instance(1, InstanceState.NOTICED, noticed=True)),
        (attempt(2, A.PREPARED), instance(2, InstanceState.READY)),
    )
    assert kinds(plan(job(J.MIGRATING), old, new)) == [Release]


@pytest.mark.parametrize("state", [A.RELEASED, A.LOST])
def test_the_new_one_runs_when_the_old_one_let_go(state: AttemptState) -> None:
    old = (replace(WORKING, state=state), instance(1, InstanceState.DRAINING, noticed=True))
    new = (attempt(2, A.PREPARED), instance(2, InstanceState.READY))
    actions = plan(job(J.MIGRATING), old, new)
    assert kinds(actions) == [Run, Terminate]
    assert actions[1].reason == "the provider takes it away; nothing is left on it"


def test_a_lost_instance_loses_its_attempt_first() -> None:
    actions = plan(job(J.RUNNING), (WORKING, instance(1, InstanceState.LOST)))
    assert kinds(actions) == [GiveUp]


def test_a_lost_attempt_is_replaced_and_its_instance_given_back() -> None:
    actions = plan(job(J.RUNNING), (replace(WORKING, state=A.LOST), instance(1, InstanceState.LOST)))
    assert kinds(actions) == [Move, Place, Terminate]


def test_a_replacement_that_is_noticed_itself_is_replaced() -> None:
    old = (WORKING, instance(1, InstanceState.NOTICED, noticed=True))
    new = (attempt(2, A.PREPARED), instance(2, InstanceState.NOTICED, noticed=True, zone="fake-b"))
    (place,) = plan(job(J.MIGRATING), old, new)
    assert isinstance(place, Place)
    assert {pool.zone for pool in place.avoid} == {"fake-a", "fake-b"}


@pytest.mark.parametrize(("code", "state"), [(0, J.SUCCEEDED), (3, J.FAILED)])
def test_the_exit_code_decides(code: int, state: JobState) -> None:
    ended = attempt(1, A.EXITED, started_at=START, exit_code=code)
    actions = plan(job(J.RUNNING), (ended, instance(1, InstanceState.READY)))
    assert kinds(actions) == [Move, Terminate]
    assert isinstance(actions[0], Move)
    assert (actions[0].state, actions[0].exit_code) == (state, code)


def test_a_first_setup_that_fails_fails_the_job() -> None:
    actions = plan(job(J.STARTING), (attempt(1, A.EXITED, exit_code=1), instance(1, InstanceState.READY)))
    assert isinstance(actions[0], Move)
    assert actions[0].state is J.FAILED


def test_a_setup_that_fails_on_a_replacement_is_tried_elsewhere() -> None:
    first = (replace(WORKING, state=A.LOST), instance(1, InstanceState.TERMINATED))
    second = (attempt(2, A.EXITED, exit_code=1, ended_at=START), instance(2, InstanceState.READY))
    assert kinds(plan(job(J.MIGRATING, started_at=START), first, second)) == [Place, Terminate]


def test_barren_attempts_are_spaced_out() -> None:
    failed = [
        (attempt(n, A.LOST, ended_at=NOW - timedelta(seconds=3)), instance(n, InstanceState.FAILED, zone=f"z{n}"))
        for n in (1, 2, 3)
    ]
    assert plan(job(J.PLACING), *failed) == []
    assert kinds(plan(job(J.PLACING), *failed[:2])) == [Place]


def crashed(number: int) -> tuple[Attempt, Instance]:
    ended = attempt(number, A.LOST, started_at=START, ended_at=NOW)
    return ended, replace(instance(number, InstanceState.TERMINATED), crashed=True, end_reason="halted by itself")


def test_an_agent_that_ends_by_itself_is_no_interruption_and_is_tried_again_with_patience() -> None:
    actions = plan(job(J.RUNNING), crashed(1))
    assert actions == [Move(state=J.MIGRATING, reason="halted by itself", interrupted=False)]
    (place,) = plan_job(view_of(job(J.MIGRATING), crashed(1)), now=NOW + timedelta(seconds=1))
    assert isinstance(place, Place)
    assert place.avoid == frozenset()


def test_an_agent_that_always_ends_by_itself_fails_the_job() -> None:
    (end,) = plan(job(J.MIGRATING), *[crashed(n) for n in range(1, 9)])
    assert isinstance(end, Move)
    assert end.state is J.FAILED
    assert end.reason == "its agent ended by itself 8 times in a row: halted by itself"


def test_stopping_releases_then_ends() -> None:
    stopping = job(J.RUNNING, stop_requested=True)
    assert kinds(plan(stopping, (WORKING, instance(1, InstanceState.READY)))) == [Release]
    released = replace(WORKING, state=A.RELEASED)
    assert kinds(plan(stopping, (released, instance(1, InstanceState.READY)))) == [Move, Terminate]


def test_an_ended_job_lets_go_of_everything() -> None:
    late = (attempt(2, A.PREPARING), instance(2, InstanceState.PROVISIONING))
    assert kinds(plan(job(J.SUCCEEDED), late)) == [Dismiss]
    dismissed = (attempt(2, A.DISMISSED), instance(2, InstanceState.BOOTING))
    assert kinds(plan(job(J.SUCCEEDED), dismissed)) == [Terminate]


def test_a_job_whose_snapshots_move_rests_until_they_are_there() -> None:
    moving = job(J.RUNNING, move=StreamMove(to="kafka://there", since=START))
    assert plan(moving, (WORKING, instance(1, InstanceState.READY))) == []  # copied while it works
    held = replace(moving, move=StreamMove(to="kafka://there", since=START, holds=True))
    (release,) = plan(held, (WORKING, instance(1, InstanceState.READY)))
    assert isinstance(release, Release)
    released = replace(WORKING, state=A.RELEASED)
    move, terminate = plan(held, (released, instance(1, InstanceState.READY)))
    assert isinstance(move, Move)
    assert (move.state, isinstance(terminate, Terminate)) == (J.QUEUED, True)
    assert plan(replace(held, state=J.QUEUED)) == []
    assert kinds(plan(job(J.QUEUED, attempts=1), (released, instance(1, InstanceState.TERMINATED)))) == [Place]
