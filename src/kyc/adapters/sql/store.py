"""The store in a database: ports.store by SQLAlchemy's core, the same statements for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, assert_never

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from kyc.adapters.sql import schema
from kyc.adapters.sql.admin import admin_query, put_admin, read_admin
from kyc.adapters.sql.database import Database
from kyc.adapters.sql.schema import (
    ACCOUNTS,
    ATTEMPTS,
    BUDGETS,
    DEPLOYMENTS,
    INSTANCES,
    JOBS,
    REPLICAS,
    SERVICES,
    Shelf,
)
from kyc.domain.account import CloudAccount
from kyc.domain.admin import AdminRecord
from kyc.domain.budget import Budget, BudgetPeriod
from kyc.domain.deployment import Deployment
from kyc.domain.errors import ConflictError, StaleWriteError
from kyc.domain.event import Event, LogLines
from kyc.domain.ids import AccountId, AttemptId, DeploymentId, InstanceId, ReplicaId, WorkloadName
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, Job
from kyc.domain.replica import Replica
from kyc.domain.service import Service
from kyc.ports.store import EventFilter, Record

T = TypeVar("T")
R = TypeVar("R", Instance, Deployment, Job, Attempt, Service, Replica, Budget, CloudAccount)
A = TypeVar("A", bound=AdminRecord)


class SqlStore:
    """A Store in one database. Make it by `open`. A call that is cancelled while it saves is finished or not begun."""

    def __init__(self, database: Database) -> None:
        """Take a database whose schema is up to date; `close` closes it."""
        self._database = database

    @classmethod
    async def open(cls, url: str) -> SqlStore:
        """Open the database at `sqlite:///PATH` or `postgresql://...` and bring its schema up to date.

        Raise InvalidInputError for a URL that cannot be used, ConflictError for a database of a newer kyc.
        """
        database = Database(url)
        try:
            await database.migrate()
        except BaseException:
            await database.close()
            raise
        return cls(database)

    async def save(
        self,
        *records: Record,
        events: Sequence[Event] = (),
        logs: Sequence[LogLines] = (),
        inbox: tuple[InstanceId, int] | None = None,
    ) -> bool:
        """Write all of it or nothing: see the port."""
        return await self._database.write(lambda connection: _save(connection, records, events, logs, inbox))

    async def inbox_mark(self, instance_id: InstanceId) -> int:
        """Return the number of the last message taken from the agent; 0 before the first."""
        marks = await self._column(sa.select(schema.inbox.c.mark).where(schema.inbox.c.instance_id == instance_id))
        return int(marks[0]) if marks else 0

    async def instances(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Instance]:
        """Return the instances (of one workload), oldest first."""
        more = () if workload is None else (schema.instances.c.workload == workload,)
        return await self._all(INSTANCES, *more, live_only=live_only)

    async def instance(self, instance_id: InstanceId) -> Instance | None:
        """Return the instance, None if there is none."""
        return await self._one(INSTANCES, instance_id)

    async def deployments(self, *, live_only: bool = False) -> list[Deployment]:
        """Return the deployments, oldest first."""
        return await self._all(DEPLOYMENTS, live_only=live_only)

    async def deployment(self, deployment_id: DeploymentId) -> Deployment | None:
        """Return the deployment, None if there is none."""
        return await self._one(DEPLOYMENTS, deployment_id)

    async def jobs(self, *, live_only: bool = False) -> list[Job]:
        """Return the jobs, oldest first."""
        return await self._all(JOBS, live_only=live_only)

    async def job(self, name: WorkloadName) -> Job | None:
        """Return the job, None if there is none."""
        return await self._one(JOBS, name)

    async def attempts(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Attempt]:
        """Return the attempts (of one workload), oldest first."""
        more = () if workload is None else (schema.attempts.c.workload == workload,)
        return await self._all(ATTEMPTS, *more, live_only=live_only)

    async def attempt(self, attempt_id: AttemptId) -> Attempt | None:
        """Return the attempt, None if there is none."""
        return await self._one(ATTEMPTS, attempt_id)

    async def services(self, *, live_only: bool = False) -> list[Service]:
        """Return the services, oldest first."""
        return await self._all(SERVICES, live_only=live_only)

    async def service(self, name: WorkloadName) -> Service | None:
        """Return the service, None if there is none."""
        return await self._one(SERVICES, name)

    async def replicas(self, *, workload: WorkloadName | None = None, live_only: bool = False) -> list[Replica]:
        """Return the replicas (of one service), oldest first."""
        more = () if workload is None else (schema.replicas.c.workload == workload,)
        return await self._all(REPLICAS, *more, live_only=live_only)

    async def replica(self, replica_id: ReplicaId) -> Replica | None:
        """Return the replica, None if there is none."""
        return await self._one(REPLICAS, replica_id)

    async def budgets(self, *, live_only: bool = False) -> list[Budget]:
        """Return the budgets, oldest first."""
        return await self._all(BUDGETS, live_only=live_only)

    async def budget(self, period: BudgetPeriod) -> Budget | None:
        """Return the period's budget, None if there never was one."""
        return await self._one(BUDGETS, period)

    async def accounts(self, *, live_only: bool = False) -> list[CloudAccount]:
        """Return the accounts of clouds, oldest first."""
        return await self._all(ACCOUNTS, live_only=live_only)

    async def account(self, account_id: AccountId) -> CloudAccount | None:
        """Return the account, None if there never was one."""
        return await self._one(ACCOUNTS, account_id)

    async def admin_records(self, kind: type[A], *, live_only: bool = False) -> list[A]:
        """Return what people set up of one kind, oldest first."""
        return [read_admin(kind, body) for body in await self._column(admin_query(kind, live_only=live_only))]

    async def admin_record(self, kind: type[A], key: str) -> A | None:
        """Return the one of the name or id, None if there never was one."""
        bodies = await self._column(admin_query(kind, key=key))
        return read_admin(kind, bodies[0]) if bodies else None

    async def events_after(self, seq: int, *, limit: int, wanted: EventFilter | None = None) -> list[Event]:
        """Return the wanted events after the place, oldest first, `limit` at most."""
        columns = schema.events.c
        query = sa.select(columns.body).where(columns.seq > seq).order_by(columns.seq).limit(limit)
        if wanted is not None and wanted.kinds is not None:
            query = query.where(columns.kind.in_(sorted(kind.value for kind in wanted.kinds)))
        if wanted is not None and wanted.subject is not None:
            query = query.where(columns.subject == wanted.subject)
        return [schema.EVENT_DECODER.decode(body) for body in await self._column(query)]

    async def last_event_seq(self) -> int:
        """Return the place of the newest event; 0 before the first."""
        counters = schema.counters.c
        [last] = await self._column(sa.select(counters.value).where(counters.name == "events"))
        return int(last)

    async def logs_after(self, workload: WorkloadName, seq: int, *, limit: int) -> list[LogLines]:
        """Return the workload's output after the place, oldest first, `limit` pieces at most."""
        columns = schema.logs.c
        query = sa.select(columns.body).where(columns.workload == workload, columns.seq > seq)
        return [
            schema.LOG_DECODER.decode(body) for body in await self._column(query.order_by(columns.seq).limit(limit))
        ]

    async def close(self) -> None:
        """Close the connections. What was saved is on the disk already."""
        await self._database.close()

    async def _all(self, shelf: Shelf[R], *where: sa.ColumnElement[bool], live_only: bool) -> list[R]:
        columns = shelf.table.c
        query = sa.select(columns.body).where(*where).order_by(columns.ordinal)
        if live_only:
            query = query.where(columns.live)
        return [shelf.decoder.decode(body) for body in await self._column(query)]

    async def _one(self, shelf: Shelf[R], key: str) -> R | None:
        bodies = await self._column(sa.select(shelf.table.c.body).where(shelf.table.c.id == key))
        return shelf.decoder.decode(bodies[0]) if bodies else None

    async def _column(self, query: sa.Select[tuple[T]]) -> list[T]:
        return await self._database.read(lambda connection: list(connection.scalars(query)))


def _save(
    connection: sa.Connection,
    records: Sequence[Record],
    events: Sequence[Event],
    logs: Sequence[LogLines],
    inbox: tuple[InstanceId, int] | None,
) -> bool:
    if inbox is not None and not _move_mark(connection, *inbox):
        return False
    for record in records:
        _write(connection, record)
    _append_events(connection, events)
    _append_logs(connection, logs)
    return True


def _write(connection: sa.Connection, record: Record) -> None:
    if isinstance(record, AdminRecord):
        put_admin(connection, record)
        return
    match record:
        case Instance():
            _put(connection, INSTANCES, record)
        case Deployment():
            _put(connection, DEPLOYMENTS, record)
        case Job():
            _put(connection, JOBS, record)
        case Attempt():
            _put(connection, ATTEMPTS, record)
        case Service():
            _put(connection, SERVICES, record)
        case Replica():
            _put(connection, REPLICAS, record)
        case Budget():
            _put(connection, BUDGETS, record)
        case CloudAccount():
            _put(connection, ACCOUNTS, record)
        case _:
            assert_never(record)


def _put(connection: sa.Connection, shelf: Shelf[R], record: R) -> None:
    kind, key = shelf.kind.__name__.lower(), shelf.key(record)
    row = shelf.row(replace(record, version=record.version + 1))
    if record.version == 0:
        try:
            connection.execute(shelf.insert, row)
        except IntegrityError as error:
            raise ConflictError(f"{kind} {key} exists already", next_step="Choose another name.") from error
        return
    guard = {schema.GUARD_KEY: key, schema.GUARD_VERSION: record.version}
    if connection.execute(shelf.update, row | guard).rowcount != 1:
        raise StaleWriteError(f"{kind} {key} was written since it was read", next_step="Try again.")


def _move_mark(connection: sa.Connection, instance_id: InstanceId, number: int) -> bool:
    inbox = schema.inbox
    mine = inbox.c.instance_id == instance_id
    moved = connection.execute(sa.update(inbox).where(mine, inbox.c.mark < number).values(mark=number))
    if moved.rowcount == 1:
        return True
    if connection.execute(sa.select(inbox.c.mark).where(mine)).first() is not None or number <= 0:
        return False
    try:
        connection.execute(sa.insert(inbox).values(instance_id=instance_id, mark=number))
    except IntegrityError:  # another master's first message of it came in between: ours will be told again
        return False
    return True


def _append_events(connection: sa.Connection, events: Sequence[Event]) -> None:
    if not events:
        return
    first = _take_places(connection, "events", len(events))
    rows = [
        {
            "seq": seq,
            "kind": event.kind.value,
            "subject": event.subject,
            "body": msgspec.json.encode(replace(event, seq=seq)).decode(),
        }
        for seq, event in enumerate(events, first)
    ]
    connection.execute(sa.insert(schema.events), rows)


def _append_logs(connection: sa.Connection, logs: Sequence[LogLines]) -> None:
    if not logs:
        return
    first = _take_places(connection, "logs", len(logs))
    rows = [
        {"seq": seq, "workload": lines.workload, "body": msgspec.json.encode(replace(lines, seq=seq)).decode()}
        for seq, lines in enumerate(logs, first)
    ]
    connection.execute(sa.insert(schema.logs), rows)


def _take_places(connection: sa.Connection, name: str, count: int) -> int:
    counters = schema.counters
    mine = counters.c.name == name
    connection.execute(sa.update(counters).where(mine).values(value=counters.c.value + count))
    last = connection.execute(sa.select(counters.c.value).where(mine)).scalar_one()
    return int(last) - count + 1
