"""Accounts of clouds: verified before they are kept, sealed, live at once, and never shown again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.provider import LAUNCH, LIST, FakeProvider
from kyc.adapters.sql.store import SqlStore
from kyc.adapters.system.secrets import KeyFile
from kyc.control.accounts import Accounts
from kyc.control.ahead import REST_S, BundleKeeper
from kyc.control.clouds import LiveClouds
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.errors import (
    ConflictError,
    CredentialError,
    DamagedDataError,
    InvalidInputError,
    NotFoundError,
    UnreachableError,
)
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.provisioner import Ground
from kyc.wire.api import AccountReport, CloudForm, CloudRow
from tests.integration.stand import in_process, make_stand, read, told

SECRET = "very-secret-key-5f1c"


@dataclass
class Bench:
    """Accounts over a real database and a real key file."""

    folder: Path
    store: SqlStore
    clock: FakeClock = field(default_factory=FakeClock)
    provider: FakeProvider = field(init=False)
    accounts: Accounts = field(init=False)

    def __post_init__(self) -> None:
        lacking = frozenset({LAUNCH})
        self.provider = FakeProvider(
            self.clock, name="paid", keys={SECRET: frozenset(), "poor": lacking, "new": frozenset()}
        )
        self.accounts = self.started_again()

    def started_again(self, key: str = "key") -> Accounts:
        secrets = KeyFile(self.folder / key)
        return Accounts(self.store, secrets, self.clock, {"paid": self.provider}, LiveClouds({}))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await SqlStore.open(f"sqlite:///{tmp_path / 'master.db'}")
    yield Bench(tmp_path, store)
    await store.close()


async def test_an_account_counts_at_once_and_after_a_restart(bench: Bench) -> None:
    assert list(bench.accounts.clouds) == []
    stored, verdict = await bench.accounts.add("paid", "default", {"key": SECRET})
    assert stored is not None
    assert stored.identity == verdict.identity == "owner of paid:default"
    assert await bench.accounts.clouds["paid"].instances() == []
    assert bench.accounts.payer("paid") == "paid:default"
    assert bench.accounts.grounds() == [Ground(cloud="paid", account="paid:default", region="here")]
    again = bench.started_again()
    await again.tick()
    module = again.module("paid", "")
    assert module is not None
    assert await module.environment() == {"FAKE_KEY": SECRET}


async def test_what_is_secret_lies_nowhere_in_clear(bench: Bench) -> None:
    stored, _ = await bench.accounts.add("paid", "default", {"key": SECRET, "region": "there"})
    assert stored is not None
    assert stored.settings == {"region": "there"}
    assert SECRET not in repr(stored)
    await bench.store.close()
    for file in bench.folder.rglob("*"):
        assert SECRET.encode() not in file.read_bytes(), file


async def test_a_missing_right_is_named_and_nothing_is_kept(bench: Bench) -> None:
    stored, verdict = await bench.accounts.add("paid", "default", {"key": "poor"})
    assert stored is None
    assert [right.name for right in verdict.missing] == [LAUNCH]
    assert LIST in verdict.policy
    assert await bench.accounts.all() == []
    assert "paid" not in bench.accounts.clouds


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"key": "wrong"}, CredentialError),
        ({}, InvalidInputError),
        ({"key": SECRET, "kye": "x"}, InvalidInputError),
    ],
)
async def test_what_is_wrong_is_refused(bench: Bench, values: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        await bench.accounts.add("paid", "default", values)
    assert await bench.accounts.all() == []


async def test_nobody_answers(bench: Bench) -> None:
    bench.provider.reachable = False
    with pytest.raises(UnreachableError):
        await bench.accounts.add("paid", "default", {"key": SECRET})


async def test_new_credentials_replace_the_old_ones(bench: Bench) -> None:
    first, _ = await bench.accounts.add("paid", "default", {"key": SECRET})
    second, _ = await bench.accounts.add("paid", "default", {"key": "new"})
    assert first is not None
    assert second is not None
    assert second.version > first.version
    module = bench.accounts.module("paid", "paid:default")
    assert module is not None
    assert await module.environment() == {"FAKE_KEY": "new"}
    assert len(await bench.accounts.all()) == 1


async def test_an_account_in_use_stays(bench: Bench) -> None:
    await bench.accounts.add("paid", "default", {"key": SECRET})
    wanted = Deployment(
        id=DeploymentId("d-1"),
        offer=fake_offer(cloud="paid"),
        instance_ids=(),
        state=DeploymentState.REQUESTED,
        requested_at=bench.clock.now(),
        account="paid:default",
    )
    await bench.store.save(wanted)
    with pytest.raises(ConflictError, match="d-1"):
        await bench.accounts.remove("paid", "default")
    await bench.store.save(replace(wanted, version=1).to(DeploymentState.DESTROYED))
    await bench.accounts.remove("paid", "default")
    assert "paid" not in bench.accounts.clouds
    with pytest.raises(NotFoundError):
        await bench.accounts.check("paid", "default")
    [removed] = await bench.store.accounts()
    assert removed.sealed == ""


async def test_several_accounts_are_one_cloud(bench: Bench) -> None:
    for name, key in (("default", SECRET), ("work", "new")):
        await bench.accounts.add("paid", name, {"key": key})
    for number, (key, cloud) in enumerate(bench.provider.clouds.items()):
        wanted = Deployment(
            id=DeploymentId(f"d-{number}"),
            offer=fake_offer(cloud="paid"),
            instance_ids=(),
            state=DeploymentState.REQUESTED,
            requested_at=bench.clock.now(),
            account=key,
        )
        cloud.launches = number * 100  # so that provider ids differ, as they do in real accounts
        cloud.launch(wanted, InstanceId(f"i-{number}"), "")
    whole = bench.accounts.clouds["paid"]
    listed = {one.instance_id: one for one in await whole.instances()}
    assert set(listed) == {"i-0", "i-1"}
    await whole.remove(listed[InstanceId("i-1")].provider_id)
    assert [one.running for one in await whole.instances()] == [True, False]


async def test_a_lost_key_is_told_by_every_call(bench: Bench) -> None:
    await bench.accounts.add("paid", "default", {"key": SECRET})
    other = bench.started_again(key="another")
    await other.tick()
    with pytest.raises(DamagedDataError):
        await other.clouds["paid"].instances()
    with pytest.raises(DamagedDataError):
        other.module("paid", "paid:default")


async def test_by_the_api(tmp_path: Path) -> None:
    stand = make_stand(tmp_path)
    async with in_process(stand) as client:
        [form] = read(await client.get("/clouds/forms"), list[CloudForm])
        assert next((one.name, one.secret) for one in form.fields) == ("key", True)
        body = {"values": {"key": "good"}}
        report = read(await client.put("/clouds/paid/accounts/main", json=body), AccountReport)
        assert report.accepted
        listed = read(await client.get("/clouds"), list[CloudRow])
        assert "good" not in str(listed)
        assert read(await client.post("/clouds/paid/accounts/main/check"), AccountReport).accepted
        wrong = await client.put("/clouds/paid/accounts/main", json={"values": {"key": "wr0ng"}})
        assert wrong.status_code == 403
        assert "wr0ng" not in wrong.text
        told(await client.put("/clouds/paid/accounts/A!", json=body), 422)
        told(await client.put("/clouds/none/accounts/main", json=body), 404)
        assert (await client.delete("/clouds/paid/accounts/main")).status_code == 204
        told(await client.delete("/clouds/paid/accounts/main"), 404)


async def test_the_agent_is_packed_once_there_is_an_account(bench: Bench) -> None:
    asked: list[str] = []

    async def make(processor: str) -> dict[str, str]:
        asked.append(processor)
        if len(asked) == 1:
            raise UnreachableError("no package index")
        return {}

    keeper = BundleKeeper(bench.clock, bench.accounts, make)
    await keeper.tick()
    assert asked == [], "nobody needs it yet"
    await bench.accounts.add("paid", "default", {"key": SECRET})
    with pytest.raises(UnreachableError):
        await keeper.tick()
    await keeper.tick()
    assert asked == ["x86_64"], "it rests"
    await bench.clock.advance(REST_S)
    await keeper.tick()
    await keeper.tick()
    assert asked == ["x86_64", "x86_64", "aarch64"], "once"
