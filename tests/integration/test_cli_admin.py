"""`kyc user`, `token`, `alert` and `notify`, and `kyc up --open`'s link, against the real API."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from kyc.cli.main import main
from kyc.domain.event import Event, EventKind
from kyc.sdk.client import Client
from tests.integration.stand import TOKEN, Stand, listening, make_stand

Kyc = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def kyc(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> AsyncIterator[Kyc]:
    async with listening(stand) as url:
        monkeypatch.setenv("KYC_URL", url)
        monkeypatch.setenv("KYC_TOKEN", TOKEN)
        monkeypatch.setenv("KYC_HOME", str(tmp_path / "home"))

        async def run(*words: str, typed: str = "") -> tuple[int, str]:
            monkeypatch.setattr("sys.stdin", io.StringIO(typed))
            code = await asyncio.to_thread(main, list(words))
            captured = capsys.readouterr()
            return code, captured.out + captured.err

        yield run


async def test_users(kyc: Kyc) -> None:
    assert await kyc("user", "add", "ann", "--role", "admin", typed="correct horse\n") == (
        0,
        "ann may sign in as admin.\n",
    )
    assert (await kyc("user", "add", "bob", typed="short\n"))[0] == 2
    assert (await kyc("user", "add", "ann", typed="correct horse\n"))[0] == 1
    await kyc("user", "add", "bob", typed="correct horse\n")
    await kyc("user", "change", "bob", "--role", "admin")
    rows = json.loads((await kyc("user", "list", "--json"))[1])
    assert [(row["name"], row["role"]) for row in rows] == [("ann", "admin"), ("bob", "admin")]
    assert (await kyc("user", "remove", "bob"))[0] == 0
    assert "last administrator" in (await kyc("user", "remove", "ann"))[1]
    assert (await kyc("user", "remove", "none"))[0] == 3
    assert (await kyc("user", "add"))[0] == 2
    assert "ann" in (await kyc("user", "list"))[1]


async def test_a_token_works_until_it_is_revoked(kyc: Kyc, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out = await kyc("token", "create", "ci", "--expires", "1h")
    token = out.splitlines()[0]
    assert (code, token[:6]) == (0, "kyc_a-")
    [row] = json.loads((await kyc("token", "list", "--json"))[1])
    assert (row["name"], row["role"]) == ("ci", "viewer")
    monkeypatch.setenv("KYC_TOKEN", token)
    assert (await kyc("instances"))[0] == 0
    assert (await kyc("launch", "-d"))[0] == 4, "a viewer"
    monkeypatch.setenv("KYC_TOKEN", TOKEN)
    assert "ci" in (await kyc("token", "list"))[1]
    await kyc("token", "revoke", row["id"])
    monkeypatch.setenv("KYC_TOKEN", token)
    assert (await kyc("instances"))[0] == 4
    assert (await kyc("token", "create", "x", "--expires", "soon"))[0] == 2


async def test_alerts(kyc: Kyc, stand: Stand) -> None:
    assert (await kyc("alert", "add", "fake/fake/small", "--below", "0.05", "--then", "pause"))[0] == 0
    await stand.services.alerts.tick()
    [row] = json.loads((await kyc("alert", "list", "--json"))[1])
    assert (row["side"], row["then"], row["crossed"], row["fired"]) == ("below", "pause", True, 1)
    assert "fake/fake/small" in (await kyc("alert", "list"))[1]
    assert (await kyc("alert", "remove", row["id"]))[0] == 0
    for words in (("fake/small", "--above", "1"), ("fake/fake/small",), ()):
        assert (await kyc("alert", "add", *words))[0] == 2
    assert (await kyc("alert", "add", "fake/fake/none", "--above", "1"))[0] == 3


async def test_notifications(kyc: Kyc, stand: Stand) -> None:
    code, out = await kyc("notify", "add", "-", "--name", "me", "--topic", "work", "--json", typed="fake://hidden\n")
    target = json.loads(out)
    assert (code, target["name"], target["topics"]) == (0, "me", ["work"])
    assert (await kyc("notify", "test", target["id"]))[0] == 0
    now = stand.context.clock.now()
    await stand.store.save(events=[Event(kind=EventKind.JOB_FAILED, subject="train", at=now, reason="code 1")])
    await stand.services.notifications.tick()
    shown = (await kyc("notify", "list"))[1]
    assert "me" in shown
    assert "hidden" not in shown
    assert "train failed" in (await kyc("notify", "read"))[1]
    assert "train failed" not in (await kyc("notify", "read", "--topic", "money"))[1]
    assert (await kyc("notify", "remove", target["id"]))[0] == 0
    assert (await kyc("notify", "add", "nope://x"))[0] == 2


async def test_the_sdk_watches(kyc: Kyc, stand: Stand) -> None:
    def watch() -> None:
        with Client() as client:
            assert client.me().role == "admin"
            assert client.sign_in_link().code
            assert client.overview().instances == 0
            assert client.cost_series().points
            [instance] = client.launch().instances
            assert client.metrics(instance).points == []
            assert client.price_history("fake", "fake", "small").type == "small"
            assert client.check_file("run: x").ok
            name = client.run_job("name: x\nrun: x\n").name
            assert client.rerun(name).name == "x-2"

    await asyncio.to_thread(watch)
