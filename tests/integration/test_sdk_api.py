"""Both clients against the real app: every call has its route, and every answer its type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from kyc import AsyncClient, Client
from kyc.domain.errors import ConflictError, DamagedDataError, KycError, NotAllowedError, NotFoundError
from tests.integration.stand import JOB, TOKEN, Stand, listening, make_stand


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def url(stand: Stand) -> AsyncIterator[str]:
    async with listening(stand) as address:
        yield address


def use_everything(url: str, folder: Path) -> None:
    (folder / "x.py").write_text("print(1)")
    file = folder / "job.yaml"
    file.write_text(JOB + "workdir: .\n")
    with Client(url, TOKEN) as client:
        assert client.health().ready
        assert client.run_job(file, dry_run=True).row is None
        plan = client.run_job(file)
        assert plan.row is not None
        assert client.run_job(file).name == "train-2"
        assert {row.name for row in client.workloads()} == {"train", "train-2"}
        assert client.workload(plan.name).spec["run"] == "python train.py"
        assert client.logs(plan.name) == []
        assert len(client.snapshots(plan.name)) == 2
        assert client.diff_snapshots(plan.name, 1, 2).changed == ["od\\xffd"]
        heard: list[tuple[int, int]] = []
        assert client.verify(plan.name, on_progress=lambda done, total: heard.append((done, total))).ok
        assert heard == [(1, 2)]
        report = client.verify(plan.name, everything=True)
        assert (report.ok, report.snapshots[1].damaged[0].path) == (False, "a")
        with pytest.raises(NotFoundError, match="no snapshot 9") as refused:
            client.verify(plan.name, snapshot=9)
        assert refused.value.next_step == "`kyc snapshots` lists them."
        check = client.check_stream(f"file://{folder}/stream")
        assert (check.ok, {row.verdict for row in check.findings} <= {"good", "warning"}) == (True, True)
        with pytest.raises(KycError):
            client.restore(plan.name, folder / "out", sequence=2)
        with pytest.raises(DamagedDataError):
            client.restore(plan.name, folder / "out", sequence=1)
        assert client.stop(plan.name).name == plan.name
        assert client.offers(cpus="1+", spot=True, sort="price")
        deployment = client.launch(count=2)
        assert deployment.id in {row.id for row in client.deployments()}
        first = client.instance(deployment.instances[0])
        with pytest.raises(ConflictError):
            client.interrupt(first.id)
        assert client.terminate(first.id).state == "terminating"
        assert first.id in {row.id for row in client.instances(everything=True)}
        assert client.cost().total.name == "total"
        assert client.cost(plan.name).rows[0].name == plan.name
        assert [row.name for row in client.clouds()] == ["fake"]
        newest = client.last_seq()
        with client.stream_events() as stream:
            assert [next(stream).seq for _ in range(newest)] == list(range(1, newest + 1))
        assert len(client.events(tail=1, kinds=["job.queued"])) == 1
        with pytest.raises(NotFoundError):
            client.workload("none")


async def test_the_synchronous_client(url: str, tmp_path: Path) -> None:
    await asyncio.to_thread(use_everything, url, tmp_path)


async def test_the_asynchronous_client(url: str, stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("print(1)")
    async with AsyncClient(url, TOKEN) as client:
        plan = await client.run_job(JOB + f"workdir: {tmp_path}\n")
        assert (await client.workload(plan.name)).row.state == "queued"
        async with aclosing(client.stream_events()) as stream:
            assert (await anext(stream)).kind == "job.queued"
        assert await client.offers(gpu="A100:1") == []
        assert (await client.launch()).state == "requested"
        assert (await client.cost()).total.spent_usd == 0
        assert await client.seq_before((await client.health()).started_at) == 0
        await client.shutdown(everything=True)
    assert stand.operations.asked == [True]


async def test_a_wrong_token(url: str) -> None:
    async with AsyncClient(url, "wrong") as client:
        assert (await client.health()).master_id
        with pytest.raises(NotAllowedError) as caught:
            await client.workloads()
        assert "KYC_TOKEN" in caught.value.next_step
