"""Services and their replicas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0050"
down_revision = "r0060"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the step."""
    _records("services")
    _records("replicas", sa.Column("workload", sa.String(200), nullable=False))
    op.create_index("ix_replicas_workload", "replicas", ["workload"])


def downgrade() -> None:
    """Undo the step."""
    op.drop_table("replicas")
    op.drop_table("services")


def _records(name: str, *more: sa.Column[str]) -> None:
    op.create_table(
        name,
        sa.Column("ordinal", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(200), nullable=False, unique=True),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("version", _BIG, nullable=False),
        *more,
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index(f"{name}_live", name, ["live"])
