"""The tables: what is searched for in columns of its own, the whole value as JSON in `body`.

A new field of a value needs no migration: it has a default, and old bodies decode with it. A new column does. Nothing
here is SQLite's own, so that PostgreSQL takes the same statements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import sqlalchemy as sa

from kyc.domain.account import CloudAccount
from kyc.domain.budget import Budget
from kyc.domain.deployment import DEPLOYMENT_EDGES, Deployment
from kyc.domain.event import Event, LogLines
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, Job
from kyc.domain.machine import is_final
from kyc.domain.replica import Replica
from kyc.domain.service import Service

R = TypeVar("R", Instance, Deployment, Job, Attempt, Service, Replica, Budget, CloudAccount)

metadata = sa.MetaData()
_KEY = sa.String(200)
# SQLite numbers rows by itself only in a column whose type is INTEGER to the letter.
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _records(name: str, *more: sa.Column[str]) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("ordinal", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", _KEY, nullable=False, unique=True),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("version", _BIG, nullable=False),
        *more,
        sa.Column("body", sa.Text(), nullable=False),
        sa.Index(f"{name}_live", "live"),
    )


instances = _records("instances", sa.Column("workload", _KEY, nullable=True, index=True))
deployments = _records("deployments")
jobs = _records("jobs")
attempts = _records("attempts", sa.Column("workload", _KEY, nullable=False, index=True))
services = _records("services")
replicas = _records("replicas", sa.Column("workload", _KEY, nullable=False, index=True))
budgets = _records("budgets")
accounts = _records("accounts")

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(60), nullable=False),
    sa.Column("subject", _KEY, nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Index("events_kind", "kind", "seq"),
    sa.Index("events_subject", "subject", "seq"),
)
logs = sa.Table(
    "logs",
    metadata,
    sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
    sa.Column("workload", _KEY, nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Index("logs_workload", "workload", "seq"),
)
inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("instance_id", _KEY, primary_key=True),
    sa.Column("mark", _BIG, nullable=False),
)
# One row each for `events` and `logs`: the last seq given. Raising it holds the row until the commit, so that places
# are given in the order of commits, without gaps, which a database's own sequences do not promise.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", _BIG, nullable=False),
)


GUARD_KEY, GUARD_VERSION = "guard_key", "guard_version"


def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table).values({column.name: sa.bindparam(column.name) for column in _written(table)})


def _guarded_update(table: sa.Table) -> sa.Update:
    """Return the update of the row of one key that has the version which was read."""
    guard = (table.c.id == sa.bindparam(GUARD_KEY), table.c.version == sa.bindparam(GUARD_VERSION))
    return sa.update(table).where(*guard).values({column.name: sa.bindparam(column.name) for column in _written(table)})


def _written(table: sa.Table) -> list[sa.Column[object]]:
    return [column for column in table.columns if column.name != "ordinal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf(Generic[R]):
    """How one kind of record lies in its table. The statements are made once: making them costs more than the rest."""

    kind: type[R]
    table: sa.Table
    key: Callable[[R], str]
    columns: Callable[[R], dict[str, object]]
    decoder: msgspec.json.Decoder[R]
    insert: sa.Insert
    update: sa.Update

    def row(self, record: R) -> dict[str, object]:
        """Return the record's columns, all but the ordinal."""
        body = msgspec.json.encode(record).decode()
        return {"id": self.key(record), "version": record.version, "body": body, **self.columns(record)}


INSTANCES = Shelf(
    kind=Instance,
    table=instances,
    key=lambda instance: instance.id,
    columns=lambda instance: {
        "state": instance.state.value,
        "live": not instance.is_over,
        "workload": instance.workload,
    },
    decoder=msgspec.json.Decoder(Instance),
    insert=_insert(instances),
    update=_guarded_update(instances),
)
DEPLOYMENTS = Shelf(
    kind=Deployment,
    table=deployments,
    key=lambda deployment: deployment.id,
    columns=lambda deployment: {
        "state": deployment.state.value,
        "live": not is_final(DEPLOYMENT_EDGES, deployment.state),
    },
    decoder=msgspec.json.Decoder(Deployment),
    insert=_insert(deployments),
    update=_guarded_update(deployments),
)
JOBS = Shelf(
    kind=Job,
    table=jobs,
    key=lambda job: job.name,
    columns=lambda job: {"state": job.state.value, "live": not job.is_over},
    decoder=msgspec.json.Decoder(Job),
    insert=_insert(jobs),
    update=_guarded_update(jobs),
)
ATTEMPTS = Shelf(
    kind=Attempt,
    table=attempts,
    key=lambda attempt: attempt.id,
    columns=lambda attempt: {
        "state": attempt.state.value,
        "live": not attempt.is_over,
        "workload": attempt.workload,
    },
    decoder=msgspec.json.Decoder(Attempt),
    insert=_insert(attempts),
    update=_guarded_update(attempts),
)
SERVICES = Shelf(
    kind=Service,
    table=services,
    key=lambda service: service.name,
    columns=lambda service: {"state": service.state.value, "live": not service.is_over},
    decoder=msgspec.json.Decoder(Service),
    insert=_insert(services),
    update=_guarded_update(services),
)
REPLICAS = Shelf(
    kind=Replica,
    table=replicas,
    key=lambda replica: replica.id,
    columns=lambda replica: {
        "state": replica.state.value,
        "live": not replica.is_over,
        "workload": replica.workload,
    },
    decoder=msgspec.json.Decoder(Replica),
    insert=_insert(replicas),
    update=_guarded_update(replicas),
)
BUDGETS = Shelf(
    kind=Budget,
    table=budgets,
    key=lambda budget: budget.id.value,
    columns=lambda budget: {"state": budget.stage.value, "live": not budget.is_over},
    decoder=msgspec.json.Decoder(Budget),
    insert=_insert(budgets),
    update=_guarded_update(budgets),
)
ACCOUNTS = Shelf(
    kind=CloudAccount,
    table=accounts,
    key=lambda account: account.id,
    columns=lambda account: {"state": "removed" if account.is_over else "live", "live": not account.is_over},
    decoder=msgspec.json.Decoder(CloudAccount),
    insert=_insert(accounts),
    update=_guarded_update(accounts),
)
EVENT_DECODER = msgspec.json.Decoder(Event)
LOG_DECODER = msgspec.json.Decoder(LogLines)
