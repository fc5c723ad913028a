"""Routing: what each standing of a replica and its instance means for its endpoint, and that every change says why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START
from kyc.domain.ids import DeploymentId, InstanceId, WorkloadName, replica_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import Notice, NoticeKind
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import EndpointState
from kyc.planning.routing import Fleet, Route, Routes, RoutingRule, plan_routes, weights_by_cpu

NAME = WorkloadName("web")
NOW = START + timedelta(minutes=5)
UP, DRAINING = EndpointState.UP, EndpointState.DRAINING
S, R = InstanceState, ReplicaState


def replica(number: int, on: int, state: ReplicaState = R.READY, **changes: object) -> Replica:
    known = {"port": 8000 + number, "created_at": START} | changes
    return Replica(
        id=replica_id(NAME, number),
        workload=NAME,
        instance_id=InstanceId(f"i-{on}"),
        state=state,
        **known,  # type: ignore[arg-type]
    )


def instance(number: int, state: InstanceState = S.READY, *, ends_in: timedelta | None = None) -> Instance:
    notice = Notice(kind=NoticeKind.INTERRUPTION, noticed_at=NOW, deadline_at=NOW + ends_in) if ends_in else None
    return Instance(
        id=InstanceId(f"i-{number}"),
        deployment_id=DeploymentId(f"d-{number}"),
        offer=fake_offer(zone="fake-a"),
        state=state,
        requested_at=START,
        name=f"i-{number}",
        workload=NAME,
        address=f"10.0.0.{number}",
        notice=notice,
    )


def fleet(*instances: Instance, silent: dict[int, float] | None = None, weights: dict[int, int] | None = None) -> Fleet:
    return Fleet(
        instances={each.id: each for each in instances},
        silent={InstanceId(f"i-{n}"): timedelta(seconds=s) for n, s in (silent or {}).items()},
        weights={InstanceId(f"i-{n}"): w for n, w in (weights or {}).items()},
    )


def plan(replicas: list[Replica], known: Fleet, before: tuple[Route, ...] = ()) -> Routes:
    return plan_routes(replicas, known, before=before, rule=RoutingRule(), now=NOW)


def states(routes: Routes) -> dict[str, EndpointState | None]:
    return {route.endpoint.replica_id: route.state for route in routes.routes}


def test_a_ready_replica_is_up_where_its_instance_answers() -> None:
    found = plan([replica(1, on=1)], fleet(instance(1)))
    [route] = found.routes
    assert (route.endpoint.host, route.endpoint.port, route.endpoint.zone) == ("10.0.0.1", 8001, "fake-a")
    assert route.state is UP
    assert [(change.replica_id, change.reason) for change in found.changes] == [("web.r1", "it is ready")]


@pytest.mark.parametrize("state", [R.PENDING, R.STARTING, R.STOPPED, R.FAILED])
def test_a_replica_that_cannot_answer_is_not_in_the_edge(state: ReplicaState) -> None:
    assert plan([replica(1, on=1, state=state)], fleet(instance(1))).routes == ()


def test_what_is_told_to_go_drains() -> None:
    found = plan([replica(1, on=1), replica(2, on=1, state=R.DRAINING, reason="scaled in")], fleet(instance(1)))
    assert states(found) == {"web.r1": UP, "web.r2": DRAINING}
    assert found.routes[1].reason == "it drains: scaled in"


@pytest.mark.parametrize("state", [S.NOTICED, S.DRAINING])
def test_all_of_a_going_instance_drains_at_once_where_others_are_up(state: InstanceState) -> None:
    replicas = [replica(1, on=1), replica(2, on=1), replica(3, on=2)]
    known = fleet(instance(1, state, ends_in=timedelta(seconds=120)), instance(2))
    found = plan(replicas, known)
    assert states(found) == {"web.r1": DRAINING, "web.r2": DRAINING, "web.r3": UP}
    assert found.routes[0].reason == f"its instance i-1 is {state} until 00:07:00"


@pytest.mark.parametrize("state", [S.LOST, S.TERMINATING, S.TERMINATED, S.FAILED])
@pytest.mark.parametrize("replica_state", [R.READY, R.DRAINING])
def test_nothing_of_a_gone_instance_stays(state: InstanceState, replica_state: ReplicaState) -> None:
    replicas = [replica(1, on=1, state=replica_state), replica(2, on=2)]
    assert states(plan(replicas, fleet(instance(1, state), instance(2)))) == {"web.r2": UP}


def test_a_silent_instance_loses_its_endpoints_after_five_seconds() -> None:
    replicas = [replica(1, on=1), replica(2, on=2)]
    assert states(plan(replicas, fleet(instance(1), instance(2), silent={1: 5.0}))) == {"web.r1": UP, "web.r2": UP}
    found = plan(replicas, fleet(instance(1), instance(2), silent={1: 5.1}))
    assert states(found) == {"web.r1": DRAINING, "web.r2": UP}
    assert found.routes[0].reason == "its instance i-1 has said nothing for 5.1 s"


def test_a_master_that_hears_of_nobody_empties_no_service() -> None:
    replicas = [replica(1, on=1), replica(2, on=2)]
    found = plan(replicas, fleet(instance(1), instance(2), silent={1: 6, 2: 7}))
    assert states(found) == {"web.r1": UP, "web.r2": UP}
    assert found.routes[1].reason.endswith("but no other one is heard of")


def test_the_last_one_serves_on_at_a_notice_until_its_requests_just_have_time_to_end() -> None:
    early = fleet(instance(1, S.NOTICED, ends_in=timedelta(seconds=31)))
    late = fleet(instance(1, S.NOTICED, ends_in=timedelta(seconds=30)))
    assert states(plan([replica(1, on=1)], early)) == {"web.r1": UP}
    assert states(plan([replica(1, on=1)], late)) == {"web.r1": DRAINING}
    assert states(plan([replica(1, on=1)], fleet(instance(1, S.NOTICED)))) == {"web.r1": DRAINING}


def test_the_last_one_drains_as_soon_as_its_successor_is_ready() -> None:
    noticed = instance(1, S.NOTICED, ends_in=timedelta(seconds=120))
    alone = plan([replica(1, on=1), replica(2, on=2, state=R.STARTING)], fleet(noticed, instance(2)))
    assert states(alone) == {"web.r1": UP}
    both = plan([replica(1, on=1), replica(2, on=2)], fleet(noticed, instance(2)), before=alone.routes)
    assert states(both) == {"web.r1": DRAINING, "web.r2": UP}
    assert {change.replica_id for change in both.changes} == {"web.r1", "web.r2"}


def test_a_replica_that_was_told_to_go_is_not_held() -> None:
    assert states(plan([replica(1, on=1, state=R.DRAINING)], fleet(instance(1)))) == {"web.r1": DRAINING}


def test_changes_name_what_differs_and_nothing_else() -> None:
    before = plan([replica(1, on=1), replica(2, on=2), replica(3, on=2)], fleet(instance(1), instance(2)))
    same = plan([replica(3, on=2), replica(2, on=2), replica(1, on=1)], fleet(instance(1), instance(2)), before.routes)
    assert same.changes == ()
    after = plan(
        [replica(1, on=1), replica(2, on=2, state=R.FAILED, reason="exit code 1"), replica(3, on=2, port=9000)],
        fleet(instance(1), instance(2), weights={1: 3}),
        before.routes,
    )
    assert {change.replica_id: change.reason for change in after.changes} == {
        "web.r1": "its weight went from 1 to 3",
        "web.r2": "it is failed: exit code 1",
        "web.r3": "it moved from 10.0.0.2:8003 to 10.0.0.2:9000",
    }
    forgotten = plan([], fleet(), after.routes)
    assert {change.reason for change in forgotten.changes} == {"it is gone"}


def test_replicas_come_in_the_order_of_their_numbers() -> None:
    found = plan([replica(10, on=1), replica(9, on=1), replica(1, on=1)], fleet(instance(1)))
    assert [route.endpoint.replica_id for route in found.routes] == ["web.r1", "web.r9", "web.r10"]


def test_weights_follow_the_mean_of_the_last_five_samples() -> None:
    busy, idle, new = InstanceId("i-1"), InstanceId("i-2"), InstanceId("i-3")
    samples = {busy: [0.0, 0.9, 0.9, 0.9, 0.9, 0.9], idle: [0.2] * 5, new: []}
    assert weights_by_cpu(samples) == {busy: 10, idle: 80, new: 100}
    assert weights_by_cpu({busy: [1.5]}) == {busy: 1}
