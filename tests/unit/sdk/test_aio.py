"""The asynchronous client: the same calls and errors as its twin."""

from __future__ import annotations

import asyncio
import inspect
import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from kyc import AsyncClient, Client
from kyc.domain import errors
from kyc.wire import api
from tests import rows
from tests.scripted_master import TOKEN, Answer, Asked, ScriptedMaster, sse


@pytest.fixture
async def master() -> AsyncIterator[ScriptedMaster]:
    with ScriptedMaster().running() as running:
        yield running


@pytest.fixture
async def client(master: ScriptedMaster) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(master.url, TOKEN) as opened:
        yield opened


def test_the_twins_have_the_same_calls() -> None:
    def public(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}

    assert public(Client) - public(AsyncClient) == {"address", "url", "all_events", "all_logs", "wait_until"}
    assert public(AsyncClient) <= public(Client)


async def test_rows_and_errors(master: ScriptedMaster, client: AsyncClient) -> None:
    master.on("GET", "/workloads", [rows.workload()])
    assert await client.workloads() == [rows.workload()]
    assert master.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    with pytest.raises(errors.NotFoundError):
        await client.workload("none")
    with pytest.raises(errors.NotFoundError):
        await client.restore("none", "anywhere-at-all")
    master.on("GET", "/workloads", Answer(body=b"[", broken=True))
    with pytest.raises(errors.UnreachableError):
        await client.workloads()
    async with AsyncClient("http://127.0.0.1:1") as nobody:
        with pytest.raises(errors.UnreachableError):
            await nobody.health()


async def test_a_job_is_uploaded(master: ScriptedMaster, client: AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("1")
    (tmp_path / "job.yaml").write_text("run: x\nworkdir: .")
    bodies: list[bytes] = []

    def any_archive(asked: Asked) -> Answer:
        bodies.append(asked.body)
        return Answer(status=201)

    master.on("POST", "/jobs", rows.plan())
    answer = master.answer
    master.answer = lambda asked: (  # type: ignore[method-assign]
        any_archive(asked) if asked.method == "PUT" else answer(asked)
    )
    plan = await client.run_job(tmp_path / "job.yaml")
    assert plan.name == "train"
    assert bodies[0][:4] == b"\x28\xb5\x2f\xfd"


async def test_following_survives_breaks(master: ScriptedMaster, client: AsyncClient) -> None:
    all_rows = [rows.event(number, "job.progress") for number in range(1, 4)]
    answers = iter(
        [
            Answer(pieces=[sse(all_rows[0])], broken=True),
            Answer(status=503),
            Answer(pieces=[sse(*all_rows)]),
        ]
    )
    master.on("GET", "/events/stream", lambda _: next(answers))
    found = []
    async with aclosing(client.stream_events()) as stream:
        async for row in stream:
            found.append(row)
            if len(found) == 3:
                break
    assert found == all_rows
    assert master.asked[2].headers["last-event-id"] == "1"


async def test_wait(master: ScriptedMaster, client: AsyncClient) -> None:
    states = iter(["running", "succeeded"])
    master.on("GET", "/events", [])
    master.on(
        "GET",
        "/workloads/train",
        lambda _: api.WorkloadDetail(row=rows.workload(state=next(states)), spec={}, attempts=[]),
    )
    master.on("GET", "/events/stream", lambda _: Answer(pieces=[sse(rows.event(1, "job.succeeded"))]))
    assert (await client.wait("train", timeout_s=5)).state == "succeeded"


async def test_wait_gives_up(master: ScriptedMaster, client: AsyncClient) -> None:
    master.on("GET", "/events", [])
    master.on("GET", "/events/stream", Answer(status=503))
    master.on("GET", "/workloads/train", api.WorkloadDetail(row=rows.workload(), spec={}, attempts=[]))
    with pytest.raises(errors.UnreachableError, match="did not end"):
        await client.wait("train", timeout_s=0.2)


async def test_a_snapshot_is_restored(master: ScriptedMaster, client: AsyncClient, tmp_path: Path) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
    master.on("GET", "/workloads/train/snapshots/4/files", Answer(body=target.getvalue()))
    done, _ = await asyncio.gather(client.restore("train", tmp_path / "out", sequence=4), asyncio.sleep(0))
    assert done.files == 1
