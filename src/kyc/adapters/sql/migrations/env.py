"""What Alembic runs to apply the steps: on the connection it is handed, in one transaction (see database.migrate)."""

from __future__ import annotations

from alembic import context

from kyc.adapters.sql.schema import metadata

# transactional_ddl: SQLite's DDL takes part in transactions too: a master killed here leaves the old schema whole.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
