"""What a replica's fact changes: the event that tells of an image on its way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kyc.control.replicafact import read_replica_fact
from kyc.domain.event import EventKind
from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.replica import Replica, ReplicaState
from kyc.wire.replica import ReplicaPulling

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEB = Replica(
    id=ReplicaId("web.r1"),
    workload=WorkloadName("web"),
    instance_id=InstanceId("i-1"),
    state=ReplicaState.PENDING,
    created_at=NOW,
)


def test_an_image_on_its_way_is_a_replica_pulling_event() -> None:
    at = NOW + timedelta(seconds=3)
    fact = ReplicaPulling(at=at, replica="web.r1", image="registry.example/web:1", done_bytes=40, total_bytes=100)
    changes = read_replica_fact(fact, WEB, now=NOW + timedelta(seconds=4))
    [event] = changes.events
    assert (event.kind, event.subject, event.at) == (EventKind.REPLICA_PULLING, "web", at)
    assert event.data == {
        "replica": "web.r1",
        "instance": "i-1",
        "image": "registry.example/web:1",
        "done_bytes": 40,
        "total_bytes": 100,
    }
    assert changes.replica is None  # it is where it was


def test_what_is_over_pulls_nothing_any_more() -> None:
    over = WEB.to(ReplicaState.STOPPED, ended_at=NOW)
    fact = ReplicaPulling(at=NOW, replica="web.r1", image="x", done_bytes=1, total_bytes=2)
    assert read_replica_fact(fact, over, now=NOW).events == ()
