"""The connections: SQLite set so that what is committed stays committed, PostgreSQL by URL; and the schema's update."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from kyc.domain.errors import ConflictError, InvalidInputError, UnreachableError

# One to write, one to read meanwhile. Each is a thread and a page cache.
_CONNECTIONS = 2
_BUSY_TIMEOUT_S = 10
# WAL: readers never wait for the writer. FULL: each commit is on the disk when it returns. NORMAL would survive a kill
# just as well, but a power cut could take back a commit that was acted upon: a fact acknowledged to an agent, which has
# forgotten it since; an epoch granted; an intent whose instance bills already. After a burst the journal is cut to
# 64 MiB.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=67108864", "temp_store=MEMORY")
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
_READS_ONLY = "kyc_reads_only"


def sqlite_url(path: Path) -> str:
    """Return the URL of the database in this file."""
    return f"sqlite:///{path.absolute()}"


def connect(url: str) -> AsyncEngine:
    """Return an engine for `sqlite:///PATH` or `postgresql://...`; nothing is opened yet.

    Raise InvalidInputError for any other URL, or one whose driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise InvalidInputError("the state's URL cannot be read", next_step=_URL_STEP) from error
    if parsed.drivername not in _DRIVERS:
        raise InvalidInputError(f"state cannot be kept in '{parsed.drivername}'", next_step=_URL_STEP)
    is_sqlite = parsed.drivername == "sqlite"
    more: dict[str, Any] = {"timeout": _BUSY_TIMEOUT_S, "isolation_level": None} if is_sqlite else {}
    try:
        engine = create_async_engine(
            parsed.set(drivername=_DRIVERS[parsed.drivername]),
            connect_args=more,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_pre_ping=not is_sqlite,
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise InvalidInputError(
            "the driver for PostgreSQL is not installed", next_step="pip install 'psycopg[binary]'"
        ) from error
    if is_sqlite:
        sa.event.listen(engine.sync_engine, "connect", _set_pragmas)
        sa.event.listen(engine.sync_engine, "begin", _begin)
    return engine


def for_reading(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine for single SELECTs, each of which is consistent by itself: no transaction is begun."""
    return engine.execution_options(**{_READS_ONLY: True})


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema up to date, wholly or not at all; of several that try at once one does it.

    Raise ConflictError if a newer version of kyc wrote the database, UnreachableError if it cannot be had.
    """
    with translated():
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the database's errors into UnreachableError."""
    try:
        yield
    except SQLAlchemyError as error:
        # `orig` is the driver's own; SQLAlchemy's text would show the statement with its values.
        cause = str(getattr(error, "orig", None) or type(error).__name__)
        raise UnreachableError(f"the database does not work: {cause}", next_step=_next_step(cause)) from error


_URL_STEP = "Give --state as sqlite:///PATH or postgresql://USER@HOST/NAME, or leave it out."


def _next_step(cause: str) -> str:
    if "disk is full" in cause:
        return "Free some space on the disk that holds the database, then try again."
    if "unable to open" in cause or "readonly" in cause:
        return "See that the folder of the database exists and that you may write there."
    return "See that the database runs and that nothing else holds it, then try again."


def _set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401  # the driver's, untyped by DB-API
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    # IMMEDIATE: a transaction that reads first and writes later would fail at once if another wrote in between.
    if not connection.get_execution_options().get(_READS_ONLY):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(connection: sa.Connection) -> None:
    # Imported here: a master that runs for weeks needs Alembic for a moment.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.attributes["connection"] = connection
    with as_file(files("kyc.adapters.sql") / "migrations") as folder:
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConflictError(
                f"the database was written by another version of kyc: {error}",
                next_step="Install that version or a newer one; an older one cannot read it.",
            ) from error
