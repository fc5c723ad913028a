"""What an agent's fact about a replica changes: pure, as `control.fact` is for attempts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from kyc.domain.event import Event, EventKind, LogLines
from kyc.domain.replica import REPLICA_EDGES, Replica, ReplicaState
from kyc.wire import replica as wire
from kyc.wire.agent import Troubled

_R = ReplicaState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaChanges:
    """What has to be stored, all or nothing; `replica` None: it stays as it is."""

    replica: Replica | None = None
    events: tuple[Event, ...] = ()
    logs: tuple[LogLines, ...] = ()


def read_replica_fact(  # noqa: PLR0911  # one for each kind of fact
    fact: wire.ReplicaFact, replica: Replica, *, now: datetime
) -> ReplicaChanges:
    """Return what the fact changes. Of a replica that is over only what it printed is kept."""
    reading = _Reading(replica, now, min(now, max(replica.created_at, fact.at)))
    match fact:
        case wire.ReplicaPrinted():
            return ReplicaChanges(logs=(_lines(fact, replica),))
        case _ if replica.is_over:
            return ReplicaChanges()
        case wire.ReplicaStarted():
            return reading.started(fact)
        case wire.ReplicaReady():
            return reading.ready(fact)
        case wire.ReplicaUnready():
            return reading.unready(fact)
        case wire.ReplicaExited():
            return reading.exited(fact)
        case wire.ReplicaStopped():
            return reading.stopped(fact)
        case wire.ReplicaPulling():
            return reading.pulling(fact)
        case _:
            assert_never(fact)


def read_replica_trouble(fact: Troubled, replica: Replica, *, now: datetime) -> ReplicaChanges:
    """Return what a trouble of the agent with the replica changes."""
    if replica.is_over:
        return ReplicaChanges()
    over = {"over": True} if fact.over else {}
    reading = _Reading(replica, now, min(now, max(replica.created_at, fact.at)))
    return ReplicaChanges(
        events=(reading.event(EventKind.AGENT_TROUBLED, fact.what, next_step=fact.next_step, **over),)
    )


def _lines(fact: wire.ReplicaPrinted, replica: Replica) -> LogLines:
    return LogLines(workload=replica.workload, attempt=replica.id, at=fact.at, text=fact.text)


@dataclass(frozen=True, slots=True)
class _Reading:
    replica: Replica
    now: datetime
    at: datetime

    def started(self, fact: wire.ReplicaStarted) -> ReplicaChanges:
        replica = self.replica
        again = replica.started_at is not None
        if replica.state in {_R.PENDING, _R.READY}:  # READY: its agent was started again, and so was it
            replica = replica.to(_R.STARTING)
        replica = replace(replica, started_at=self.now, port=fact.port, restarts=replica.restarts + again)
        return ReplicaChanges(
            replica=replica,
            events=(self.event(EventKind.REPLICA_STARTED, "", port=fact.port, restarts=replica.restarts),),
        )

    def ready(self, fact: wire.ReplicaReady) -> ReplicaChanges:
        if self.replica.state not in {_R.PENDING, _R.STARTING}:
            return ReplicaChanges()
        replica = self.replica if self.replica.state is _R.STARTING else self.replica.to(_R.STARTING)
        replica = replica.to(_R.READY, ready_at=self.now, port=fact.port)
        return ReplicaChanges(
            replica=replica, events=(self.event(EventKind.REPLICA_READY, "", port=fact.port, took_s=fact.took_s),)
        )

    def unready(self, fact: wire.ReplicaUnready) -> ReplicaChanges:
        if self.replica.state is not _R.READY:
            return ReplicaChanges()
        replica = self.replica.to(_R.STARTING, reason=fact.reason)
        return ReplicaChanges(replica=replica, events=(self.event(EventKind.REPLICA_UNREADY, fact.reason),))

    def exited(self, fact: wire.ReplicaExited) -> ReplicaChanges:
        told = self.event(
            EventKind.REPLICA_DIED,
            fact.reason,
            exit_code=fact.code,
            again_in_s=fact.again_in_s,
            restarts=self.replica.restarts,
        )
        if self.replica.state is _R.DRAINING:  # it was on its way out: it need not come back
            return self._over(_R.STOPPED, fact.reason, fact.code, EventKind.REPLICA_STOPPED, told)
        if fact.again_in_s is None:
            return self._over(_R.FAILED, fact.reason, fact.code, EventKind.REPLICA_FAILED, told, gave_up=True)
        state = self.replica.state
        replica = self.replica.to(_R.STARTING) if state in {_R.READY, _R.PENDING} else self.replica
        return ReplicaChanges(replica=replace(replica, exit_code=fact.code, reason=fact.reason), events=(told,))

    def stopped(self, fact: wire.ReplicaStopped) -> ReplicaChanges:
        reason = self.replica.reason
        if _R.STOPPED in REPLICA_EDGES[self.replica.state]:
            return self._over(_R.STOPPED, reason, fact.code, EventKind.REPLICA_STOPPED)
        # its agent was told to end while it was ready
        return self._over(_R.FAILED, "its agent stopped it", fact.code, EventKind.REPLICA_FAILED)

    def pulling(self, fact: wire.ReplicaPulling) -> ReplicaChanges:
        told = self.event(
            EventKind.REPLICA_PULLING, "", image=fact.image, done_bytes=fact.done_bytes, total_bytes=fact.total_bytes
        )
        return ReplicaChanges(events=(told,))

    def _over(  # an end has many sides
        self,
        state: ReplicaState,
        reason: str,
        code: int | None,
        kind: EventKind,
        *before: Event,
        gave_up: bool = False,
    ) -> ReplicaChanges:
        replica = self.replica.to(state, ended_at=self.now, reason=reason, exit_code=code, gave_up=gave_up)
        return ReplicaChanges(replica=replica, events=(*before, self.event(kind, reason, exit_code=code)))

    def event(self, kind: EventKind, reason: str, **data: object) -> Event:
        about = {"replica": self.replica.id, "instance": self.replica.instance_id}
        return Event(kind=kind, subject=self.replica.workload, at=self.at, data={**about, **data}, reason=reason)
