"""Accounts of clouds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0060"
down_revision = "r0080"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "accounts",
        sa.Column("ordinal", _BIG, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(200), nullable=False, unique=True),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("accounts_live", "accounts", ["live"])


def downgrade() -> None:
    """Undo the step."""
    op.drop_table("accounts")
