"""The first schema: records, the timeline, logs, inbox marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

_KEY = sa.String(200)
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_RECORDS = ("instances", "deployments", "jobs", "attempts")


def upgrade() -> None:
    """Apply the step."""
    _create_records("instances", sa.Column("workload", _KEY, nullable=True))
    _create_records("deployments")
    _create_records("jobs")
    _create_records("attempts", sa.Column("workload", _KEY, nullable=False))
    for name in ("instances", "attempts"):
        op.create_index(f"ix_{name}_workload", name, ["workload"])
    _create_timeline()
    op.create_table(
        "inbox",
        sa.Column("instance_id", _KEY, primary_key=True),
        sa.Column("mark", _BIG, nullable=False),
    )
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", _BIG, nullable=False),
    )
    op.bulk_insert(counters, [{"name": "events", "value": 0}, {"name": "logs", "value": 0}])


def downgrade() -> None:
    """Undo the step."""
    for name in (*_RECORDS, "events", "logs", "inbox", "counters"):
        op.drop_table(name)


def _create_records(name: str, *more: sa.Column[str]) -> None:
    op.create_table(
        name,
        sa.Column("ordinal", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", _KEY, nullable=False, unique=True),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("version", _BIG, nullable=False),
        *more,
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index(f"{name}_live", name, ["live"])


def _create_timeline() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("subject", _KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("events_kind", "events", ["kind", "seq"])
    op.create_index("events_subject", "events", ["subject", "seq"])
    op.create_table(
        "logs",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
        sa.Column("workload", _KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("logs_workload", "logs", ["workload", "seq"])
