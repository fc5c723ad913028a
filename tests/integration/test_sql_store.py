"""The database behind the store: its schema's steps, its limits, and writers that die or give up in the middle."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from kyc.adapters.sql import database
from kyc.adapters.sql.schema import metadata
from kyc.adapters.sql.store import SqlStore
from kyc.domain.errors import ConflictError, InvalidInputError, UnreachableError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, WorkloadName
from kyc.domain.job import Job, JobState
from kyc.domain.workload import JobSpec
from kyc.wire.problem import problem_of

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
ME = InstanceId("i-1")
WRITER = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_sql_store import ME, SqlStore, database, event, job

async def write():
    store = await SqlStore.open(database.sqlite_url(Path(sys.argv[1])))
    n = await store.inbox_mark(ME)
    while True:
        n += 1
        await store.save(job(n), events=[event(n), event(n)], inbox=(ME, n))
        print(n, flush=True)

asyncio.run(write())
"""


def event(n: int) -> Event:
    return Event(kind=EventKind.JOB_PROGRESS, subject="train", at=NOW, data={"n": n})


def job(n: int) -> Job:
    name = WorkloadName(f"job-{n}")
    return Job(
        name=name, spec=JobSpec(name=name, run="x"), state=JobState.QUEUED, requested_at=NOW, sealed_key="x" * 200
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    store = await SqlStore.open(database.sqlite_url(path))
    yield store
    await store.close()


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


class TestSchema:
    async def test_the_steps_lead_to_the_tables_that_the_code_uses(self, store: SqlStore, path: Path) -> None:
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        engine.dispose()

    async def test_opening_again_changes_nothing(self, store: SqlStore, path: Path) -> None:
        await store.save(job(1))
        again = await SqlStore.open(database.sqlite_url(path))
        assert await again.jobs() == await store.jobs()
        await again.close()

    async def test_many_that_open_a_new_one_at_once(self, path: Path) -> None:
        stores = await asyncio.gather(*(SqlStore.open(database.sqlite_url(path)) for _ in range(4)))
        await asyncio.gather(*(store.save(job(n)) for n, store in enumerate(stores)))
        assert len(await stores[0].jobs()) == 4
        for store in stores:
            await store.close()

    async def test_a_newer_schema_is_refused_with_advice(self, store: SqlStore, path: Path) -> None:
        with by_hand(path) as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'r9999'")
        with pytest.raises(ConflictError, match="another version") as refused:
            await SqlStore.open(database.sqlite_url(path))
        assert "newer" in refused.value.next_step

    async def test_a_step_that_fails_leaves_nothing_half_made(self, path: Path) -> None:
        with by_hand(path) as connection:
            connection.execute("CREATE TABLE counters (mine TEXT)")
        with pytest.raises(UnreachableError, match="counters"):
            await SqlStore.open(database.sqlite_url(path))
        with by_hand(path) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        assert tables == [("counters",)]

    async def test_commits_are_on_the_disk_when_they_return(self, store: SqlStore) -> None:
        names = ("journal_mode", "synchronous")
        found = await store._database.read(lambda c: [c.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names])
        assert found == ["wal", 2]


class TestRefusals:
    @pytest.mark.parametrize("url", ["mysql://h/d", "nonsense", "sqlite+pysqlite:///x"])
    def test_an_url_that_cannot_be_used(self, url: str) -> None:
        with pytest.raises(InvalidInputError) as refused:
            database.Database(url)
        assert "sqlite:///" in refused.value.next_step

    async def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UnreachableError, match="unable to open") as refused:
            await SqlStore.open(database.sqlite_url(tmp_path / "no" / "master.db"))
        assert "folder" in refused.value.next_step

    async def test_a_file_that_is_no_database(self, path: Path) -> None:
        path.write_bytes(b"not a database" * 100)
        with pytest.raises(UnreachableError, match="not a database"):
            await SqlStore.open(database.sqlite_url(path))

    async def test_a_full_disk_refuses_the_write_and_keeps_the_rest(self, path: Path) -> None:
        store = await SqlStore.open(database.sqlite_url(path))
        pages = 40
        sa.event.listen(store._database.engine, "checkout", lambda found, *_: _limit(found, pages))

        async def fill() -> None:
            for n in range(1000):
                await store.save(job(n), events=[event(n)])

        with pytest.raises(database.DatabaseFullError, match="full") as refused:
            await fill()
        assert "Free some space" in refused.value.next_step
        assert problem_of(refused.value).status == 507  # told to people as a full disk, not as a master that is away
        kept = len(await store.jobs())
        assert kept == await store.last_event_seq() > 0
        pages = 10_000
        await store.save(job(2000), events=[event(2000)])
        assert len(await store.jobs()) == await store.last_event_seq() == kept + 1
        await store.close()

    async def test_a_database_held_by_another_is_waited_for_then_given_up(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.2)
        store = await SqlStore.open(database.sqlite_url(path))
        with by_hand(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(UnreachableError, match="locked"):
                await store.save(job(1))
            assert await store.jobs() == []
            connection.rollback()
        await store.save(job(1))
        await store.close()


class TestWritersThatStop:
    async def test_a_cancelled_save_is_whole_or_not_there(self, store: SqlStore) -> None:
        chance = random.Random(5)

        async def save(n: int) -> None:
            async with asyncio.timeout(chance.uniform(0, 0.01)):
                await store.save(job(n), events=[event(n)], inbox=(InstanceId(f"i-{n}"), 1))

        results = await asyncio.gather(*(save(n) for n in range(100)), return_exceptions=True)
        assert {type(result) for result in results} <= {TimeoutError, type(None)}
        await store.save(job(1000), events=[event(1000)])  # behind the one that was being written when it was cancelled
        told = [found.data["n"] for found in await store.events_after(0, limit=1000)]
        stored = {int(found.name.removeprefix("job-")) for found in await store.jobs()}
        assert sorted(told) == sorted(stored)
        assert stored >= {n for n, result in enumerate(results) if result is None}
        assert [found.seq for found in await store.events_after(0, limit=1000)] == list(range(1, len(told) + 1))

    async def test_what_a_killed_writer_was_promised_is_there(self, path: Path) -> None:
        chance = random.Random(11)
        root = Path(__file__).parent.parent.parent
        for _ in range(2):
            argv = [sys.executable, "-c", WRITER, str(path)]
            writer = subprocess.Popen(
                argv, cwd=root, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
            )
            promised = int(writer.stdout.readline())
            end = time.monotonic() + chance.uniform(0.05, 0.3)
            while time.monotonic() < end:
                promised = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest, _ = writer.communicate(timeout=20)
            promised = int(([str(promised), *rest.splitlines()])[-1])

            store = await SqlStore.open(database.sqlite_url(path))
            written = await store.inbox_mark(ME)
            assert promised <= written <= promised + 1
            events = await store.events_after(0, limit=100_000)
            assert [found.seq for found in events] == list(range(1, 2 * written + 1))
            assert [found.data["n"] for found in events[::2]] == list(range(1, written + 1))
            assert len(await store.jobs()) == written
            await store.close()

    async def test_closing_waits_for_what_is_being_written(self, path: Path) -> None:
        store = await SqlStore.open(database.sqlite_url(path))
        saves = [asyncio.create_task(store.save(job(n))) for n in range(20)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*saves)
        with pytest.raises(UnreachableError, match="closed"):
            await store.jobs()
        store = await SqlStore.open(database.sqlite_url(path))
        assert len(await store.jobs()) == 20
        await store.close()

    async def test_reads_go_on_while_somebody_writes_for_long(self, store: SqlStore, path: Path) -> None:
        await store.save(job(1))
        with by_hand(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM jobs")
            async with asyncio.timeout(2):
                assert [found.name for found in await store.jobs()] == ["job-1"]
            connection.rollback()


async def test_ten_thousand_ended_ones_do_not_slow_the_live_ones_down(store: SqlStore) -> None:
    ended = replace(job(0), state=JobState.SUCCEEDED)
    for start in range(0, 10_000, 1000):
        await store.save(*(replace(ended, name=WorkloadName(f"old-{start + n}")) for n in range(1000)))
    await store.save(job(1))
    began = time.process_time()
    for _ in range(20):
        assert len(await store.jobs(live_only=True)) == 1
    assert time.process_time() - began < 1


def _limit(connection: sqlite3.Connection, pages: int) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA max_page_count={pages}")
    cursor.close()
