"""The master's memory in SQLite or PostgreSQL: ports.store by SQLAlchemy, its schema by Alembic."""
