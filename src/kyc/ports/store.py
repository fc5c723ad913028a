"""The master's memory: guarded writes of values, one append-only timeline, job logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from kyc.domain.account import CloudAccount
from kyc.domain.admin import AdminRecord
from kyc.domain.budget import Budget, BudgetPeriod
from kyc.domain.deployment import Deployment
from kyc.domain.event import Event, EventKind, LogLines
from kyc.domain.ids import AccountId, AttemptId, DeploymentId, InstanceId, ReplicaId, WorkloadName
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, Job
from kyc.domain.replica import Replica
from kyc.domain.service import Service

Record = Instance | Deployment | Job | Attempt | Service | Replica | Budget | CloudAccount | AdminRecord
A = TypeVar("A", bound=AdminRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are wanted; None means all."""

    kinds: frozenset[EventKind] | None = None
    subject: str | None = None


class Store(Protocol):
    """Durable state. Every method raises UnreachableError when the database cannot be had.

    `save` writes all records and appends all events and logs in one transaction, or nothing. A record of version 0 is
    inserted (ConflictError if its key exists); any other replaces the row of just that version (StaleWriteError
    if somebody wrote since). Saved rows hold version + 1. Events get the next `seq`, without gaps that a reader
    could overtake: what `events_after(n)` returned once is complete up to its last `seq`.
    `save` with `inbox=(instance, n)` also moves the agent's inbox mark to n, and does nothing at all, returning False,
    if the mark is n or higher already: that is how a message told twice counts once.
    Lists come in the order of insertion; `live_only` leaves out what is over.
    """

    async def save(
        self,
        *records: Record,
        events: Sequence[Event] = (),
        logs: Sequence[LogLines] = (),
        inbox: tuple[InstanceId, int] | None = None,
    ) -> bool: ...

    async def inbox_mark(self, instance_id: InstanceId) -> int: ...

    async def instances(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Instance]: ...

    async def instance(self, instance_id: InstanceId) -> Instance | None: ...

    async def deployments(self, *, live_only: bool = False) -> list[Deployment]: ...

    async def deployment(self, deployment_id: DeploymentId) -> Deployment | None: ...

    async def jobs(self, *, live_only: bool = False) -> list[Job]: ...

    async def job(self, name: WorkloadName) -> Job | None: ...

    async def attempts(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Attempt]: ...

    async def attempt(self, attempt_id: AttemptId) -> Attempt | None: ...

    async def services(self, *, live_only: bool = False) -> list[Service]: ...

    async def service(self, name: WorkloadName) -> Service | None: ...

    async def replicas(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Replica]: ...

    async def replica(self, replica_id: ReplicaId) -> Replica | None: ...

    async def budgets(self, *, live_only: bool = False) -> list[Budget]: ...

    async def budget(self, period: BudgetPeriod) -> Budget | None: ...

    async def accounts(self, *, live_only: bool = False) -> list[CloudAccount]: ...

    async def account(self, account_id: AccountId) -> CloudAccount | None: ...

    async def admin_records(self, kind: type[A], *, live_only: bool = False) -> list[A]: ...

    async def admin_record(self, kind: type[A], key: str) -> A | None: ...

    async def events_after(self, seq: int, *, limit: int, wanted: EventFilter | None = None) -> list[Event]: ...

    async def last_event_seq(self) -> int: ...

    async def logs_after(self, workload: WorkloadName, seq: int, *, limit: int) -> list[LogLines]: ...

    async def close(self) -> None: ...
