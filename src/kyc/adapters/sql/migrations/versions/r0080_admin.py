"""What people set up: users, sessions, tokens and the like, one table for all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0080"
down_revision = "r0002"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "admin_records",
        sa.Column("ordinal", _BIG, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.UniqueConstraint("kind", "id", name="admin_records_key"),
    )


def downgrade() -> None:
    """Undo the step."""
    op.drop_table("admin_records")
