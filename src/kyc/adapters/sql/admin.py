"""The table of what people set up (domain.admin): a row each, of whatever kind, the value as JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from kyc.adapters.sql.schema import metadata
from kyc.domain.admin import ADMIN_KINDS, AdminRecord, admin_key
from kyc.domain.errors import ConflictError, StaleWriteError

A = TypeVar("A", bound=AdminRecord)

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
table = sa.Table(
    "admin_records",
    metadata,
    sa.Column("ordinal", _BIG, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("id", sa.String(200), nullable=False),
    sa.Column("live", sa.Boolean(), nullable=False),
    sa.Column("version", _BIG, nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.UniqueConstraint("kind", "id", name="admin_records_key"),
)
_DECODERS: dict[type[object], msgspec.json.Decoder[AdminRecord]] = {
    kind: msgspec.json.Decoder(kind) for kind in ADMIN_KINDS
}


def put_admin(connection: sa.Connection, record: AdminRecord) -> None:
    """Write the record as ports.store promises for all: inserted at version 0, else replaced if nobody wrote since."""
    kind, key = kind_name(type(record)), admin_key(record)
    written = replace(record, version=record.version + 1)
    row = {
        "kind": kind,
        "id": key,
        "live": not record.is_over,
        "version": written.version,
        "body": msgspec.json.encode(written).decode(),
    }
    if record.version == 0:
        try:
            connection.execute(sa.insert(table).values(row))
        except IntegrityError as error:
            raise ConflictError(f"{kind} {key} exists already", next_step="Choose another name.") from error
        return
    mine = (table.c.kind == kind, table.c.id == key, table.c.version == record.version)
    if connection.execute(sa.update(table).where(*mine).values(row)).rowcount != 1:
        raise StaleWriteError(f"{kind} {key} was written since it was read", next_step="Try again.")


def admin_query(kind: type[A], *, key: str | None = None, live_only: bool = False) -> sa.Select[tuple[str]]:
    """Return the query for the bodies of one kind, oldest first."""
    query = sa.select(table.c.body).where(table.c.kind == kind_name(kind)).order_by(table.c.ordinal)
    if key is not None:
        query = query.where(table.c.id == key)
    return query.where(table.c.live) if live_only else query


def read_admin(kind: type[A], body: str) -> A:
    """Return the record of a body."""
    found = _DECODERS[kind].decode(body)
    assert isinstance(found, kind)
    return found


def kind_name(kind: type[object]) -> str:
    """Return how a kind is called in the table and in errors."""
    return kind.__name__.lower()
