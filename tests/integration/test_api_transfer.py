"""Workdirs on their way: uploaded by people, fetched by the agents that enrolled."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from kyc.domain.ids import InstanceId, WorkloadName
from kyc.master import archives as archives_module
from kyc.wire.api import DeploymentRow, JobPlan
from tests.integration.stand import JOB, Stand, in_process, make_stand, read, told


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as client:
        yield client


class TestArchives:
    async def test_upload_and_look(self, stand: Stand, client: httpx.AsyncClient) -> None:
        content = b"tar" * 1000
        sha256 = hashlib.sha256(content).hexdigest()
        assert (await client.head(f"/archives/{sha256}")).status_code == 404
        assert (await client.put(f"/archives/{sha256}", content=content)).status_code == 201
        assert (await client.put(f"/archives/{sha256}", content=content)).status_code == 201
        found = await client.head(f"/archives/{sha256}")
        assert (found.status_code, found.headers["content-length"]) == (200, "3000")
        plan = read(await client.post("/jobs", json={"file": JOB, "workdir": sha256}), JobPlan, 201)
        assert plan.spec["workdir"] == sha256

    async def test_an_upload_that_is_refused_leaves_nothing(self, tmp_path: Path, client: httpx.AsyncClient) -> None:
        assert "hash" in told(await client.put(f"/archives/{'0' * 64}", content=b"x"), 422).detail
        too_large = b"x" * ((1 << 20) + 1)
        sha256 = hashlib.sha256(too_large).hexdigest()
        assert "larger" in told(await client.put(f"/archives/{sha256}", content=too_large), 422).detail

        async def unannounced() -> AsyncIterator[bytes]:
            for start in range(0, len(too_large), 100_000):
                yield too_large[start : start + 100_000]

        assert "larger" in told(await client.put(f"/archives/{sha256}", content=unannounced()), 422).detail
        told(await client.put("/archives/nonsense", content=b"x"), 422)
        told(await client.put(f"/archives/{'A' * 64}", content=b"x"), 422)
        assert list((tmp_path / "archives").iterdir()) == []

    async def test_a_full_disk_is_said_and_leaves_nothing(
        self, tmp_path: Path, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_number: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(archives_module.os, "fsync", full)
        problem = told(await client.put(f"/archives/{hashlib.sha256(b'x').hexdigest()}", content=b"x"), 507)
        assert "full" in problem.detail
        assert "Free some space" in problem.next_step
        assert list((tmp_path / "archives").iterdir()) == []

    def test_what_a_cut_off_upload_left_is_removed_at_the_next_start(self, tmp_path: Path) -> None:
        stand = make_stand(tmp_path)
        kept = tmp_path / "archives" / ("a" * 64)
        (tmp_path / "archives" / "tmpx.part").write_bytes(b"half")
        kept.write_bytes(b"whole")
        stand.services.archives.prepare()
        assert list((tmp_path / "archives").iterdir()) == [kept]


class TestAgents:
    async def enrolled(self, stand: Stand, client: httpx.AsyncClient) -> str:
        made = read(await client.post("/deployments", json={}), DeploymentRow, 201)
        instance_id = made.instances[0]
        token = stand.context.secrets.derive(purpose=f"enrol {instance_id}")
        async with in_process(stand, with_token=False) as agent:
            body = {"token": token, "secret": "my-secret"}
            assert (await agent.post(f"/agents/{instance_id}/enrol", json=body)).status_code == 204
            assert (await agent.post(f"/agents/{instance_id}/enrol", json=body)).status_code == 204
            told(await agent.post(f"/agents/{instance_id}/enrol", json=body | {"secret": "other"}), 401)
        return instance_id

    async def test_enrol_once_and_fetch_the_workdir(self, stand: Stand, client: httpx.AsyncClient) -> None:
        content = b"packed"
        sha256 = hashlib.sha256(content).hexdigest()
        await client.put(f"/archives/{sha256}", content=content)
        await client.post("/jobs", json={"file": JOB, "workdir": sha256})
        instance_id = await self.enrolled(stand, client)
        path, mine = f"/agents/{instance_id}/archive", {"Authorization": "Bearer my-secret"}
        async with in_process(stand, with_token=False) as agent:
            told(await agent.get(path, headers=mine), 404)
            found = await stand.store.instance(InstanceId(instance_id))
            await stand.store.save(replace(found, workload=WorkloadName("train")))
            assert (await agent.get(path, headers=mine)).content == content
            told(await agent.get(path), 401)
            told(await agent.get(path, headers=stand.headers), 401)
            told(await agent.get("/workloads", headers=mine), 401)

    @pytest.mark.parametrize("body", [b"", b"{}", b"[" * 2000, b'{"token": "x", "secret": 1}', b"x" * 5000])
    async def test_a_wrong_enrolment(self, stand: Stand, body: bytes) -> None:
        async with in_process(stand, with_token=False) as agent:
            told(await agent.post("/agents/i-1/enrol", content=body), 422)
            told(await agent.post("/agents/i-1/enrol", json={"token": "x", "secret": "y"}), 401)
