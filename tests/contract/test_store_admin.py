"""The contract of ports.store for what people set up, run on every adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kyc.adapters.fake.store import FakeStore
from kyc.adapters.sql.database import sqlite_url
from kyc.adapters.sql.store import SqlStore
from kyc.domain.errors import ConflictError, StaleWriteError
from kyc.domain.ids import AccessId, UserName
from kyc.domain.user import Access, AccessKind, Role, User
from kyc.ports.store import Store

NOW = datetime(2025, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["fake", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store = FakeStore() if request.param == "fake" else await SqlStore.open(sqlite_url(tmp_path / "m.db"))
    yield opened
    await opened.close()


class TestWhatPeopleSetUp:
    async def test_each_kind_has_keys_of_its_own(self, store: Store) -> None:
        access = Access(
            id=AccessId("ann"),
            kind=AccessKind.TOKEN,
            user=UserName("ann"),
            role=Role.VIEWER,
            secret_hash="x",
            created_at=NOW,
        )
        await store.save(_user("ann"), _user("bob"), access)
        assert [user.name for user in await store.admin_records(User)] == ["ann", "bob"]
        assert await store.admin_records(Access) == [replace(access, version=1)]
        assert await store.admin_record(User, "ann") == replace(_user("ann"), version=1)
        assert await store.admin_record(Access, "bob") is None

    async def test_it_is_guarded_as_everything_is(self, store: Store) -> None:
        await store.save(_user("ann"))
        with pytest.raises(ConflictError):
            await store.save(_user("ann"))
        await store.save(replace(_user("ann"), version=1, removed=True))
        with pytest.raises(StaleWriteError):
            await store.save(replace(_user("ann"), version=1))
        assert await store.admin_records(User, live_only=True) == []
        [user] = await store.admin_records(User)
        assert (user.removed, user.version) == (True, 2)


def _user(name: str) -> User:
    return User(name=UserName(name), role=Role.ADMIN, password_hash="x", created_at=NOW)
