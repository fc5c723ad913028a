"""Replicas follow their table; nothing else may happen to them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kyc.domain.errors import TransitionError
from kyc.domain.ids import InstanceId, WorkloadName, replica_id
from kyc.domain.replica import COMING, LIVE, REPLICA_EDGES, Replica, ReplicaState

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def a_replica(state: ReplicaState = ReplicaState.PENDING) -> Replica:
    return Replica(
        id=replica_id(WorkloadName("web"), 3),
        workload=WorkloadName("web"),
        instance_id=InstanceId("i-1"),
        state=state,
        created_at=NOW,
    )


def test_a_replica_lives_from_pending_to_stopped():
    replica = a_replica()
    for state in (ReplicaState.STARTING, ReplicaState.READY, ReplicaState.DRAINING, ReplicaState.STOPPED):
        assert not replica.is_over
        replica = replica.to(state)
    assert replica.is_over
    assert replica.id == "web.r3"


def test_a_ready_replica_is_drained_before_it_stops():
    with pytest.raises(TransitionError, match=r"web\.r3 cannot go from ready to stopped"):
        a_replica(ReplicaState.READY).to(ReplicaState.STOPPED)


def test_every_state_has_edges_and_all_ends_can_be_reached():
    assert set(REPLICA_EDGES) == set(ReplicaState)
    reached = {ReplicaState.PENDING}
    while new := {to for state in reached for to in REPLICA_EDGES[state]} - reached:
        reached |= new
    assert reached == set(ReplicaState)
    assert COMING < LIVE
