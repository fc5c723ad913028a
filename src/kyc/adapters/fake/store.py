"""The store in memory: ports.store for simulations and unit tests, by the same contract suite as the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

import msgspec

from kyc.domain.account import CloudAccount
from kyc.domain.admin import AdminRecord, admin_key
from kyc.domain.budget import Budget, BudgetPeriod
from kyc.domain.deployment import DEPLOYMENT_EDGES, Deployment
from kyc.domain.errors import ConflictError, StaleWriteError, UnreachableError
from kyc.domain.event import Event, LogLines
from kyc.domain.ids import AccountId, AttemptId, DeploymentId, InstanceId, ReplicaId, WorkloadName
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, Job
from kyc.domain.machine import is_final
from kyc.domain.replica import Replica
from kyc.domain.service import Service
from kyc.ports.store import EventFilter, Record

T = TypeVar("T")
R = TypeVar("R", Instance, Deployment, Job, Attempt, Service, Replica, Budget, CloudAccount)
A = TypeVar("A", bound=AdminRecord)
Key = tuple[type[object], str]


class FakeStore:
    """A Store that forgets at the end of the process. `reachable` False makes every call raise UnreachableError.

    Each call gives way to other tasks once before it acts, as a real database does, so that simulations meet the same
    races.
    """

    def __init__(self) -> None:
        self.reachable = True
        self._records: dict[Key, Record] = {}
        self._events: list[Event] = []
        self._logs: list[LogLines] = []
        self._marks: dict[InstanceId, int] = {}

    async def save(
        self,
        *records: Record,
        events: Sequence[Event] = (),
        logs: Sequence[LogLines] = (),
        inbox: tuple[InstanceId, int] | None = None,
    ) -> bool:
        """Write all of it or nothing: see the port."""
        await self._give_way()
        if inbox is not None and self._marks.get(inbox[0], 0) >= inbox[1]:
            return False
        staged: dict[Key, Record] = {}
        for record in records:
            key = _key(record)
            _guard(record, staged.get(key) or self._records.get(key))
            staged[key] = replace(record, version=record.version + 1)
        placed = [
            replace(event, seq=seq, data=_as_stored(event.data))
            for seq, event in enumerate(events, len(self._events) + 1)
        ]
        self._records.update(staged)
        self._events += placed
        self._logs += [replace(lines, seq=seq) for seq, lines in enumerate(logs, len(self._logs) + 1)]
        if inbox is not None:
            self._marks[inbox[0]] = inbox[1]
        return True

    async def inbox_mark(self, instance_id: InstanceId) -> int:
        """Return the number of the last message taken from the agent; 0 before the first."""
        await self._give_way()
        return self._marks.get(instance_id, 0)

    async def instances(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Instance]:
        """Return the instances, oldest first; only the workload's if one is named."""
        instances = await self._all(Instance, live_only=live_only)
        return [i for i in instances if workload in {None, i.workload}]

    async def instance(self, instance_id: InstanceId) -> Instance | None:
        """Return the instance, None if there is none."""
        return await self._one(Instance, instance_id)

    async def deployments(self, *, live_only: bool = False) -> list[Deployment]:
        """Return the deployments, oldest first."""
        return await self._all(Deployment, live_only=live_only)

    async def deployment(self, deployment_id: DeploymentId) -> Deployment | None:
        """Return the deployment, None if there is none."""
        return await self._one(Deployment, deployment_id)

    async def jobs(self, *, live_only: bool = False) -> list[Job]:
        """Return the jobs, oldest first."""
        return await self._all(Job, live_only=live_only)

    async def job(self, name: WorkloadName) -> Job | None:
        """Return the job, None if there is none."""
        return await self._one(Job, name)

    async def attempts(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Attempt]:
        """Return the attempts (of one workload), oldest first."""
        attempts = await self._all(Attempt, live_only=live_only)
        return [attempt for attempt in attempts if workload is None or attempt.workload == workload]

    async def attempt(self, attempt_id: AttemptId) -> Attempt | None:
        """Return the attempt, None if there is none."""
        return await self._one(Attempt, attempt_id)

    async def services(self, *, live_only: bool = False) -> list[Service]:
        """Return the services, oldest first."""
        return await self._all(Service, live_only=live_only)

    async def service(self, name: WorkloadName) -> Service | None:
        """Return the service, None if there is none."""
        return await self._one(Service, name)

    async def replicas(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Replica]:
        """Return the replicas (of one service), oldest first."""
        replicas = await self._all(Replica, live_only=live_only)
        return [replica for replica in replicas if workload is None or replica.workload == workload]

    async def replica(self, replica_id: ReplicaId) -> Replica | None:
        """Return the replica, None if there is none."""
        return await self._one(Replica, replica_id)

    async def budgets(self, *, live_only: bool = False) -> list[Budget]:
        """Return the budgets, oldest first."""
        return await self._all(Budget, live_only=live_only)

    async def budget(self, period: BudgetPeriod) -> Budget | None:
        """Return the period's budget, None if there never was one."""
        return await self._one(Budget, period)

    async def accounts(self, *, live_only: bool = False) -> list[CloudAccount]:
        """Return the accounts of clouds, oldest first."""
        return await self._all(CloudAccount, live_only=live_only)

    async def account(self, account_id: AccountId) -> CloudAccount | None:
        """Return the account, None if there never was one."""
        return await self._one(CloudAccount, account_id)

    async def admin_records(self, kind: type[A], *, live_only: bool = False) -> list[A]:
        """Return what people set up of one kind, oldest first."""
        await self._give_way()
        found = [record for record in self._records.values() if isinstance(record, kind)]
        return [record for record in found if not (live_only and record.is_over)]

    async def admin_record(self, kind: type[A], key: str) -> A | None:
        """Return the one of the name or id, None if there never was one."""
        await self._give_way()
        record = self._records.get((kind, key))
        return record if isinstance(record, kind) else None

    async def events_after(self, seq: int, *, limit: int, wanted: EventFilter | None = None) -> list[Event]:
        """Return the wanted events after the place, oldest first, `limit` at most."""
        await self._give_way()
        return _first(limit, (event for event in self._events[max(0, seq) :] if _is_wanted(event, wanted)))

    async def last_event_seq(self) -> int:
        """Return the place of the newest event; 0 before the first."""
        await self._give_way()
        return len(self._events)

    async def logs_after(self, workload: WorkloadName, seq: int, *, limit: int) -> list[LogLines]:
        """Return the workload's output after the place, oldest first, `limit` pieces at most."""
        await self._give_way()
        return _first(limit, (lines for lines in self._logs[max(0, seq) :] if lines.workload == workload))

    async def close(self) -> None:
        """Nothing to let go of: what was saved stays readable, as after a restart."""

    async def _give_way(self) -> None:
        await asyncio.sleep(0)
        if not self.reachable:
            raise UnreachableError("the database does not answer", next_step="Try again.")

    async def _all(self, kind: type[R], *, live_only: bool) -> list[R]:
        await self._give_way()
        found = [record for record in self._records.values() if isinstance(record, kind)]
        return [record for record in found if not (live_only and _is_over(record))]

    async def _one(self, kind: type[R], key: str) -> R | None:
        await self._give_way()
        record = self._records.get((kind, key))
        return record if isinstance(record, kind) else None


def _key(record: Record) -> Key:
    if isinstance(record, AdminRecord):
        return type(record), admin_key(record)
    return type(record), record.name if isinstance(record, Job | Service) else record.id


def _guard(record: Record, stored: Record | None) -> None:
    kind, key = _key(record)
    if record.version == 0 and stored is not None:
        raise ConflictError(f"{kind.__name__.lower()} {key} exists already", next_step="Choose another name.")
    if record.version != 0 and (stored is None or stored.version != record.version):
        raise StaleWriteError(f"{kind.__name__.lower()} {key} was written since it was read", next_step="Try again.")


def _is_over(record: Record) -> bool:
    if isinstance(record, Deployment):
        return is_final(DEPLOYMENT_EDGES, record.state)
    return record.is_over


def _is_wanted(event: Event, wanted: EventFilter | None) -> bool:
    return wanted is None or (
        (wanted.kinds is None or event.kind in wanted.kinds)
        and (wanted.subject is None or event.subject == wanted.subject)
    )


def _as_stored(data: Mapping[str, object]) -> dict[str, object]:
    # Through JSON, as a database would: a tuple comes back as a list, and nobody shares the caller's dict.
    return msgspec.json.decode(msgspec.json.encode(data), type=dict[str, object])


def _first(limit: int, found: Iterable[T]) -> list[T]:
    return list(islice(found, limit))
