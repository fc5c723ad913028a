"""The connections: SQLite set so that what is committed stays committed, PostgreSQL by URL; and the schema's update.

The work is done in two threads, one that writes and one that reads meanwhile: a transaction is one visit to a thread,
not one for each statement, and SQLite's single writer is a queue by construction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from kyc.domain.errors import ConflictError, InvalidInputError, OutOfSpaceError, UnreachableError

T = TypeVar("T")

_BUSY_TIMEOUT_S = 10
# WAL: readers never wait for the writer. FULL: each commit is on the disk when it returns. NORMAL would survive a kill
# just as well, but a power cut could take back a commit that was acted upon: a fact acknowledged to an agent, which has
# forgotten it since; an epoch granted; an intent whose instance bills already. After a burst the journal is cut to
# 64 MiB.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=67108864", "temp_store=MEMORY")
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
_READS_ONLY = "kyc_reads_only"


def sqlite_url(path: Path) -> str:
    """Return the URL of the database in this file."""
    return f"sqlite:///{path.absolute()}"


class DatabaseFullError(OutOfSpaceError, UnreachableError):
    """The database's disk is full: people are told that, and the loops try again as with any database that is away."""


class Database:
    """One database at `sqlite:///PATH` or `postgresql://...`. A call that is cancelled is finished or not begun.

    Raise InvalidInputError for any other URL, or one whose driver is not installed. Nothing is opened before its use.
    """

    def __init__(self, url: str) -> None:
        self.engine = _connect(url)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store-read")

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run the work in a transaction: committed when it returns, undone if it raises."""

        def run() -> T:
            with translated(), self.engine.begin() as connection:
                return work(connection)

        return await _visit(self._writer, run)

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run one SELECT, which is consistent by itself: no transaction is begun."""

        def run() -> T:
            with translated(), self.engine.connect() as connection:
                return work(connection.execution_options(**{_READS_ONLY: True}))

        return await _visit(self._reader, run)

    async def migrate(self) -> None:
        """Bring the schema up to date, wholly or not at all; of several that try at once one does it.

        Raise ConflictError if another version of kyc wrote the database, UnreachableError if it cannot be had.
        """
        await self.write(_upgrade)

    async def close(self) -> None:
        """Let what is being written end, then close the connections."""
        for threads in (self._writer, self._reader):
            await asyncio.to_thread(threads.shutdown)
        self.engine.dispose()


async def _visit(thread: ThreadPoolExecutor, run: Callable[[], T]) -> T:
    try:
        visit = thread.submit(run)
    except RuntimeError as error:  # its way to say that it was shut down
        raise UnreachableError("the database is closed") from error
    return await asyncio.wrap_future(visit)


def _connect(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise InvalidInputError("the state's URL cannot be read", next_step=_URL_STEP) from error
    if parsed.drivername not in _DRIVERS:
        raise InvalidInputError(f"state cannot be kept in '{parsed.drivername}'", next_step=_URL_STEP)
    is_sqlite = parsed.drivername == "sqlite"
    more: dict[str, Any] = {"timeout": _BUSY_TIMEOUT_S, "isolation_level": None} if is_sqlite else {}
    try:
        engine = sa.create_engine(
            parsed.set(drivername=_DRIVERS[parsed.drivername]),
            connect_args=more,
            pool_size=2,
            max_overflow=0,
            pool_pre_ping=not is_sqlite,
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise InvalidInputError(
            "the driver for PostgreSQL is not installed", next_step="pip install 'keep-your-cost[postgres]'"
        ) from error
    if is_sqlite:
        sa.event.listen(engine, "connect", _set_pragmas)
        sa.event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def translated() -> Iterator[None]:
    """Turn the database's errors into UnreachableError; a full disk is an OutOfSpaceError too."""
    try:
        yield
    except SQLAlchemyError as error:
        # `orig` is the driver's own; SQLAlchemy's text would show the statement with its values.
        cause = str(getattr(error, "orig", None) or type(error).__name__)
        kind = DatabaseFullError if _is_full(cause) else UnreachableError
        raise kind(f"the database does not work: {cause}", next_step=_next_step(cause)) from error


def _is_full(cause: str) -> bool:
    return "disk is full" in cause or "No space left" in cause  # SQLite's words, PostgreSQL's


_URL_STEP = "Give --state as sqlite:///PATH or postgresql://USER@HOST/NAME, or leave it out."


def _next_step(cause: str) -> str:
    if _is_full(cause):
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
