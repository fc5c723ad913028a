"""The contract of ports.store, run on every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from kyc.adapters.fake.store import FakeStore
from kyc.adapters.sql.database import sqlite_url
from kyc.adapters.sql.store import SqlStore
from kyc.domain.budget import Budget, BudgetPeriod, BudgetStage
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.errors import ConflictError, StaleWriteError
from kyc.domain.event import Event, EventKind, LogLines
from kyc.domain.ids import AttemptId, DeploymentId, InstanceId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import Notice, NoticeKind
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.domain.offer import Offer, Purchase
from kyc.domain.workload import Bound, JobSpec, Requirement
from kyc.ports.store import EventFilter, Store
from tests.needs import need
from tests.postgres.server import shared_server

NOW = datetime(2025, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
OFFER = Offer(
    cloud="local",
    region="lab",
    zone="lab-a",
    instance_type="small",
    purchase=Purchase.SPOT,
    vcpus=0.5,
    memory_mib=512,
    price_usd_per_hour=Decimal("0.0123456789"),
    on_demand_usd_per_hour=Decimal("0.04"),
    source="test",
    priced_at=NOW,
)
I1, I2, D1, TRAIN = InstanceId("i-1"), InstanceId("i-2"), DeploymentId("d-1"), WorkloadName("train")


def instance(key: str = "i-1", state: InstanceState = InstanceState.REQUESTED) -> Instance:
    return Instance(
        id=InstanceId(key), deployment_id=D1, offer=OFFER, state=state, requested_at=NOW, name=key, workload=TRAIN
    )


def deployment(key: str = "d-1", state: DeploymentState = DeploymentState.REQUESTED) -> Deployment:
    return Deployment(id=DeploymentId(key), offer=OFFER, instance_ids=(I1, I2), state=state, requested_at=NOW)


def job(name: str = "train", state: JobState = JobState.QUEUED) -> Job:
    spec = JobSpec(name=WorkloadName(name), run="python train.py")
    return Job(name=spec.name, spec=spec, state=state, requested_at=NOW, sealed_key="sealed")


def attempt(number: int = 1, state: AttemptState = AttemptState.PREPARING, workload: str = "train") -> Attempt:
    name = WorkloadName(workload)
    key = AttemptId(f"{name}.{number}")
    return Attempt(id=key, workload=name, number=number, instance_id=I1, state=state, created_at=NOW)


def event(subject: str = "train", kind: EventKind = EventKind.JOB_QUEUED, **data: object) -> Event:
    return Event(kind=kind, subject=subject, at=NOW, data=data, reason="a test")


def lines(text: str, workload: str = "train") -> LogLines:
    return LogLines(workload=workload, attempt=f"{workload}.1", at=NOW, text=text)


async def opened(kind: str, folder: Path) -> Store:
    match kind:
        case "fake":
            return FakeStore()
        case "sqlite":
            return await SqlStore.open(sqlite_url(folder / "master.db"))
        case _:
            need("postgres")
            return await SqlStore.open(await asyncio.to_thread(lambda: shared_server().fresh_database()))


@pytest.fixture(params=["fake", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = await opened(request.param, tmp_path)
    yield store
    await store.close()


class TestRecords:
    async def test_comes_back_as_it_was_one_version_on(self, store: Store) -> None:
        spec = JobSpec(
            name=TRAIN,
            run="python train.py",
            any_of=(Requirement(vcpus=Bound(least=4), max_price_usd_per_hour=Decimal("1.50")), Requirement()),
            envs={"EPOCHS": "20"},
            deadline=timedelta(hours=6),
            budget_usd=Decimal(12),
        )
        full = replace(job(), spec=spec, started_at=NOW, step=3, exit_code=0)
        notice = Notice(kind=NoticeKind.INTERRUPTION, noticed_at=NOW, deadline_at=NOW + timedelta(seconds=120))
        noticed = replace(instance(), notice=notice, address="127.1.2.3", provider_id="p-1", agent_hash="h")
        await store.save(full, noticed, deployment(), attempt())
        assert await store.job(TRAIN) == replace(full, version=1)
        assert await store.instance(I1) == replace(noticed, version=1)
        assert await store.deployment(D1) == replace(deployment(), version=1)
        assert await store.attempt(AttemptId("train.1")) == replace(attempt(), version=1)

    async def test_what_is_not_there_is_none(self, store: Store) -> None:
        assert await store.job(TRAIN) is None
        assert await store.instance(I1) is None
        assert await store.deployment(D1) is None
        assert await store.attempt(AttemptId("train.1")) is None
        assert (
            await store.instances() == await store.deployments() == await store.jobs() == await store.attempts() == []
        )

    async def test_lists_hold_the_order_of_insertion_also_after_an_update(self, store: Store) -> None:
        await store.save(instance("i-9"), instance("i-1"))
        await store.save(instance("i-5"))
        first = (await store.instances())[0]
        await store.save(first.to(InstanceState.PROVISIONING))
        assert [found.id for found in await store.instances()] == ["i-9", "i-1", "i-5"]

    async def test_live_only_leaves_out_what_is_over(self, store: Store) -> None:
        await store.save(
            instance("i-1"), instance("i-2", InstanceState.TERMINATED), instance("i-3", InstanceState.FAILED)
        )
        await store.save(
            deployment("d-1"), deployment("d-2", DeploymentState.DESTROYED), deployment("d-3", DeploymentState.FAILED)
        )
        await store.save(job("a"), job("b", JobState.SUCCEEDED), job("c", JobState.MIGRATING))
        await store.save(attempt(1, AttemptState.LOST), attempt(2, AttemptState.RUNNING))
        assert [found.id for found in await store.instances(live_only=True)] == ["i-1"]
        assert [found.id for found in await store.deployments(live_only=True)] == ["d-1", "d-3"]
        assert [found.name for found in await store.jobs(live_only=True)] == ["a", "c"]
        assert [found.number for found in await store.attempts(live_only=True)] == [2]
        assert len(await store.instances()) == len(await store.deployments()) == len(await store.jobs()) == 3

    async def test_what_ends_leaves_the_live_ones(self, store: Store) -> None:
        await store.save(attempt())
        [found] = await store.attempts(live_only=True)
        await store.save(found.to(AttemptState.LOST))
        assert await store.attempts(live_only=True) == []

    async def test_attempts_of_one_workload(self, store: Store) -> None:
        await store.save(attempt(1, AttemptState.LOST), attempt(1, workload="other"), attempt(2))
        assert [found.id for found in await store.attempts(workload=TRAIN)] == ["train.1", "train.2"]
        assert [found.id for found in await store.attempts(workload=TRAIN, live_only=True)] == ["train.2"]

    async def test_instances_of_one_workload(self, store: Store) -> None:
        other = replace(instance("i-2"), workload=WorkloadName("other"))
        over = instance("i-3", InstanceState.TERMINATED)
        await store.save(instance(), other, over, replace(instance("i-4"), workload=None))
        assert [found.id for found in await store.instances(workload=TRAIN)] == ["i-1", "i-3"]
        assert [found.id for found in await store.instances(workload=TRAIN, live_only=True)] == ["i-1"]

    async def test_budgets_come_back_and_a_removed_one_is_over(self, store: Store) -> None:
        assert await store.budget(BudgetPeriod.DAY) is None
        day = Budget(id=BudgetPeriod.DAY, limit_usd=Decimal("12.345678901"), set_at=NOW, warn_at=Decimal("0.75"))
        total = Budget(id=BudgetPeriod.TOTAL, limit_usd=Decimal(0), set_at=NOW)
        await store.save(day, total)
        stored = await store.budget(BudgetPeriod.DAY)
        assert stored == replace(day, version=1)
        await store.save(replace(stored, stage=BudgetStage.HELD, stage_of="2025-03-01"))
        with pytest.raises(StaleWriteError):
            await store.save(replace(stored, removed=True))
        with pytest.raises(ConflictError):
            await store.save(day)
        held, _ = await store.budgets()
        assert (held.stage, held.stage_of, held.version) == (BudgetStage.HELD, "2025-03-01", 2)
        await store.save(replace(held, removed=True))
        assert [found.id for found in await store.budgets(live_only=True)] == [BudgetPeriod.TOTAL]
        assert [found.id for found in await store.budgets()] == [BudgetPeriod.DAY, BudgetPeriod.TOTAL]


class TestGuards:
    async def test_a_taken_key_is_a_conflict(self, store: Store) -> None:
        await store.save(job())
        with pytest.raises(ConflictError) as caught:
            await store.save(job())
        assert "train" in str(caught.value)

    async def test_a_second_writer_of_one_version_is_stale(self, store: Store) -> None:
        await store.save(job())
        read = await store.job(TRAIN)
        assert read is not None
        await store.save(read.to(JobState.PLACING))
        with pytest.raises(StaleWriteError):
            await store.save(read.to(JobState.STOPPED))
        stored = await store.job(TRAIN)
        assert stored is not None
        assert (stored.state, stored.version) == (JobState.PLACING, 2)

    async def test_an_update_of_nothing_is_stale(self, store: Store) -> None:
        with pytest.raises(StaleWriteError):
            await store.save(replace(instance(), version=3))
        assert await store.instance(I1) is None

    async def test_one_refused_record_refuses_everything(self, store: Store) -> None:
        await store.save(job("taken"), events=[event()], logs=[lines("a\n")])
        with pytest.raises(ConflictError):
            await store.save(job(), instance(), job("taken"), events=[event()], logs=[lines("b\n")], inbox=(I1, 1))
        with pytest.raises(StaleWriteError):
            await store.save(instance(), replace(deployment(), version=1), events=[event()], inbox=(I1, 1))
        assert await store.job(TRAIN) is None
        assert await store.instance(I1) is None
        assert await store.last_event_seq() == 1
        assert [found.text for found in await store.logs_after(TRAIN, 0, limit=9)] == ["a\n"]
        assert await store.inbox_mark(I1) == 0

    async def test_of_many_writers_at_once_one_wins(self, store: Store) -> None:
        await store.save(job())
        read = await store.job(TRAIN)
        assert read is not None
        saves = [store.save(replace(read, reason=str(n)), events=[event(n=n)]) for n in range(20)]
        results = await asyncio.gather(*saves, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["StaleWriteError"] * 19 + ["bool"]
        stored = await store.job(TRAIN)
        [told] = await store.events_after(0, limit=99)
        assert stored is not None
        assert stored.reason == str(told.data["n"])

    async def test_of_many_inserts_of_one_key_one_wins(self, store: Store) -> None:
        results = await asyncio.gather(*(store.save(job()) for _ in range(10)), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["ConflictError"] * 9 + ["bool"]


class TestInbox:
    async def test_the_mark_starts_at_nought_and_moves_with_the_write(self, store: Store) -> None:
        assert await store.inbox_mark(I1) == 0
        assert await store.save(instance(), inbox=(I1, 3)) is True
        assert await store.inbox_mark(I1) == 3
        assert await store.inbox_mark(I2) == 0

    @pytest.mark.parametrize("number", [2, 3])
    async def test_a_message_told_twice_counts_once(self, store: Store, number: int) -> None:
        await store.save(inbox=(I1, 3))
        assert await store.save(job(), events=[event()], logs=[lines("x\n")], inbox=(I1, number)) is False
        assert await store.job(TRAIN) is None
        assert await store.last_event_seq() == 0
        assert await store.logs_after(TRAIN, 0, limit=9) == []
        assert await store.inbox_mark(I1) == 3

    async def test_an_old_message_is_not_an_error_though_its_record_is_stale(self, store: Store) -> None:
        await store.save(job(), inbox=(I1, 1))
        assert await store.save(job(), inbox=(I1, 1)) is False

    async def test_of_one_message_told_many_times_at_once_one_counts(self, store: Store) -> None:
        results = await asyncio.gather(*(store.save(events=[event()], inbox=(I1, 1)) for _ in range(10)))
        assert sorted(results) == [False] * 9 + [True]
        assert await store.last_event_seq() == 1


class TestEvents:
    async def test_get_their_place_in_order(self, store: Store) -> None:
        assert await store.last_event_seq() == 0
        await store.save(events=[event("a"), event("b")])
        await store.save(job(), events=[event("c")])
        found = await store.events_after(0, limit=10)
        assert [(told.seq, told.subject) for told in found] == [(1, "a"), (2, "b"), (3, "c")]
        assert await store.last_event_seq() == 3

    async def test_come_back_as_they_were_with_json_values(self, store: Store) -> None:
        told = event(files=3, took_s=0.25, names=["a", "b"], nested={"ok": True, "none": None}, text="é\n\u2028")
        await store.save(events=[told])
        assert await store.events_after(0, limit=1) == [replace(told, seq=1)]

    async def test_the_stored_data_is_not_the_callers(self, store: Store) -> None:
        told = event(n=1)
        await store.save(events=[told])
        told.data["n"] = 2
        [found] = await store.events_after(0, limit=1)
        assert found.data == {"n": 1}

    async def test_after_and_limit(self, store: Store) -> None:
        await store.save(events=[event(str(n)) for n in range(1, 8)])
        assert [told.seq for told in await store.events_after(2, limit=3)] == [3, 4, 5]
        assert await store.events_after(7, limit=3) == []
        assert await store.events_after(99, limit=3) == []

    async def test_filters(self, store: Store) -> None:
        queued, started = EventKind.JOB_QUEUED, EventKind.JOB_STARTED
        await store.save(events=[event("a"), event("b"), event("a", started), event("b", started), event("a")])

        async def found(wanted: EventFilter | None, limit: int = 99) -> list[int]:
            return [told.seq for told in await store.events_after(1, limit=limit, wanted=wanted)]

        assert await found(None) == await found(EventFilter()) == [2, 3, 4, 5]
        assert await found(EventFilter(subject="a")) == [3, 5]
        assert await found(EventFilter(kinds=frozenset({started}))) == [3, 4]
        assert await found(EventFilter(kinds=frozenset({queued, started}), subject="b")) == [2, 4]
        assert await found(EventFilter(subject="a"), limit=1) == [3]
        assert await found(EventFilter(kinds=frozenset())) == []

    async def test_no_reader_is_overtaken_while_many_write(self, store: Store) -> None:
        async def write(writer: int) -> None:
            for n in range(10):
                await store.save(events=[event(f"w{writer}", n=n)] * (1 + n % 3))

        seen: list[int] = []

        async def read(total: int) -> None:
            while len(seen) < total:
                page = await store.events_after(seen[-1] if seen else 0, limit=7)
                seen.extend(told.seq for told in page)

        total = 5 * sum(1 + n % 3 for n in range(10))
        await asyncio.wait_for(asyncio.gather(read(total), *(write(n) for n in range(5))), 30)
        assert seen == list(range(1, total + 1))


class TestLogs:
    async def test_of_one_workload_in_order_with_a_limit(self, store: Store) -> None:
        await store.save(logs=[lines("1\n"), lines("x\n", "other"), lines("2\n"), lines("3\n")])
        found = await store.logs_after(TRAIN, 0, limit=2)
        assert [piece.text for piece in found] == ["1\n", "2\n"]
        rest = await store.logs_after(TRAIN, found[-1].seq, limit=9)
        assert [piece.text for piece in rest] == ["3\n"]
        assert rest[0] == replace(lines("3\n"), seq=rest[0].seq)
        assert await store.logs_after(WorkloadName("nobody"), 0, limit=9) == []
