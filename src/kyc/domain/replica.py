"""A replica: one running copy of a service on an instance. Its life is the table below and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.machine import advance, is_final


class ReplicaState(StrEnum):
    """Where a replica is in its life."""

    PENDING = "pending"  # stored and placed; its instance may still be starting
    STARTING = "starting"  # its process or container runs; its probe has not succeeded
    READY = "ready"  # gets requests
    DRAINING = "draining"  # out of the edge; the requests in flight end
    STOPPED = "stopped"
    FAILED = "failed"  # it died, never got ready, or its instance is gone


_R = ReplicaState
REPLICA_EDGES: dict[ReplicaState, frozenset[ReplicaState]] = {
    _R.PENDING: frozenset({_R.STARTING, _R.STOPPED, _R.FAILED}),
    _R.STARTING: frozenset({_R.READY, _R.DRAINING, _R.STOPPED, _R.FAILED}),
    _R.READY: frozenset({_R.STARTING, _R.DRAINING, _R.FAILED}),  # back to starting: it died there, or its probe fails
    _R.DRAINING: frozenset({_R.STOPPED, _R.FAILED}),
    _R.STOPPED: frozenset(),
    _R.FAILED: frozenset(),
}
COMING = frozenset({_R.PENDING, _R.STARTING})
LIVE = frozenset({_R.PENDING, _R.STARTING, _R.READY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One running copy of a service on an instance, of the service's file of `revision`.

    `replaces` names the one it takes over from, in a move. `restarts` counts how often its agent started it again.
    It drains from `draining_at`; from `drained_at` on nothing is in flight any more, or the time for that is over.
    """

    id: ReplicaId
    workload: WorkloadName
    instance_id: InstanceId
    state: ReplicaState
    created_at: datetime
    revision: int = 1
    port: int = 0
    replaces: ReplicaId | None = None
    restarts: int = 0
    started_at: datetime | None = None
    ready_at: datetime | None = None
    draining_at: datetime | None = None
    drained_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    gave_up: bool = False  # it died too often where it was; another place may do better
    reason: str = ""
    version: int = 0

    def to(self, state: ReplicaState, **changes: object) -> Replica:
        """Return the replica in the new state with the changes applied; raise TransitionError if it cannot."""
        advance(REPLICA_EDGES, self.state, state, story=f"replica {self.id}")
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # names are the fields'

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more."""
        return is_final(REPLICA_EDGES, self.state)
