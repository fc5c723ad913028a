"""The store in a database: ports.store by SQLAlchemy's core, the same statements for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, assert_never

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kyc.adapters.sql import schema
from kyc.adapters.sql.database import connect, for_reading, migrate, translated
from kyc.adapters.sql.schema import ATTEMPTS, DEPLOYMENTS, INSTANCES, JOBS, Shelf
from kyc.domain.deployment import Deployment
from kyc.domain.errors import ConflictError, StaleWriteError
from kyc.domain.event import Event, LogLines
from kyc.domain.ids import AttemptId, DeploymentId, InstanceId, WorkloadName
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, Job
from kyc.ports.store import EventFilter, Record

T = TypeVar("T")
R = TypeVar("R", Instance, Deployment, Job, Attempt)


class SqlStore:
    """A Store in one database. Make it by `open`."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Take an engine whose schema is up to date; `close` disposes of it."""
        self._engine = engine
        self._reading = for_reading(engine)
        # SQLite has one writer at a time: ours wait here, in order and without holding a thread.
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, url: str) -> SqlStore:
        """Open the database at `sqlite:///PATH` or `postgresql://...` and bring its schema up to date.

        Raise InvalidInputError for a URL that cannot be used, ConflictError for a database of a newer kyc.
        """
        engine = connect(url)
        try:
            await migrate(engine)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def save(
        self,
        *records: Record,
        events: Sequence[Event] = (),
        logs: Sequence[LogLines] = (),
        inbox: tuple[InstanceId, int] | None = None,
    ) -> bool:
        """Write all of it or nothing: see the port."""
        with translated():
            async with self._writing, self._engine.begin() as connection:
                if inbox is not None and not await _move_mark(connection, *inbox):
                    await connection.rollback()
                    return False
                for record in records:
                    await _write(connection, record)
                await _append_events(connection, events)
                await _append_logs(connection, logs)
        return True

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
        await self._engine.dispose()

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
        with translated():
            async with self._reading.connect() as connection:
                return list(await connection.scalars(query))


async def _write(connection: AsyncConnection, record: Record) -> None:
    match record:
        case Instance():
            await _put(connection, INSTANCES, record)
        case Deployment():
            await _put(connection, DEPLOYMENTS, record)
        case Job():
            await _put(connection, JOBS, record)
        case Attempt():
            await _put(connection, ATTEMPTS, record)
        case _:
            assert_never(record)


async def _put(connection: AsyncConnection, shelf: Shelf[R], record: R) -> None:
    kind, key = shelf.kind.__name__.lower(), shelf.key(record)
    row = shelf.row(replace(record, version=record.version + 1))
    if record.version == 0:
        try:
            await connection.execute(sa.insert(shelf.table).values(row))
        except IntegrityError as error:
            raise ConflictError(f"{kind} {key} exists already", next_step="Choose another name.") from error
        return
    columns = shelf.table.c
    guarded = sa.update(shelf.table).where(columns.id == key, columns.version == record.version)
    if (await connection.execute(guarded.values(row))).rowcount != 1:
        raise StaleWriteError(f"{kind} {key} was written since it was read", next_step="Try again.")


async def _move_mark(connection: AsyncConnection, instance_id: InstanceId, number: int) -> bool:
    inbox = schema.inbox
    mine = inbox.c.instance_id == instance_id
    moved = await connection.execute(sa.update(inbox).where(mine, inbox.c.mark < number).values(mark=number))
    if moved.rowcount == 1:
        return True
    if (await connection.execute(sa.select(inbox.c.mark).where(mine))).first() is not None or number <= 0:
        return False
    try:
        await connection.execute(sa.insert(inbox).values(instance_id=instance_id, mark=number))
    except IntegrityError:  # another writer's first message came in between: ours will be told again
        return False
    return True


async def _append_events(connection: AsyncConnection, events: Sequence[Event]) -> None:
    if not events:
        return
    first = await _take_places(connection, "events", len(events))
    rows = [
        {
            "seq": seq,
            "kind": event.kind.value,
            "subject": event.subject,
            "body": msgspec.json.encode(replace(event, seq=seq)).decode(),
        }
        for seq, event in enumerate(events, first)
    ]
    await connection.execute(sa.insert(schema.events), rows)


async def _append_logs(connection: AsyncConnection, logs: Sequence[LogLines]) -> None:
    if not logs:
        return
    first = await _take_places(connection, "logs", len(logs))
    rows = [
        {"seq": seq, "workload": lines.workload, "body": msgspec.json.encode(replace(lines, seq=seq)).decode()}
        for seq, lines in enumerate(logs, first)
    ]
    await connection.execute(sa.insert(schema.logs), rows)


async def _take_places(connection: AsyncConnection, name: str, count: int) -> int:
    counters = schema.counters
    mine = counters.c.name == name
    await connection.execute(sa.update(counters).where(mine).values(value=counters.c.value + count))
    last = (await connection.execute(sa.select(counters.c.value).where(mine))).scalar_one()
    return int(last) - count + 1
