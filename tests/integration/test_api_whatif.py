"""`/simulate`, `/workloads/check`, `/schema`, `/doctor`, and what a dashboard does to several things at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kyc.wire.api import (
    DoctorReport,
    FileCheck,
    InstanceRow,
    JobSimulation,
    NewToken,
    ServiceSimulation,
    TraceRow,
    WorkloadRow,
)
from tests.integration.stand import JOB, Stand, in_process, make_stand, read, told

SPOT = {"zones": {"z-1": {"gap_seconds": 60, "avail": "1" * 60 + "0" * 30 + "1" * 300}}}
REQUESTS = "t_seconds,requests\n" + "".join(f"{t},{20 if 100 < t < 200 else 5}\n" for t in range(300))


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as client:
        yield client


class TestSimulate:
    async def test_a_job_by_several_policies(self, client: httpx.AsyncClient) -> None:
        put = await client.put("/simulate/traces/spot.json", content=json.dumps(SPOT).encode())
        assert read(put, TraceRow).kind == "job"
        asked = {"trace": "spot.json", "work_s": 7200, "deadline_s": 10_800, "overhead_s": 120}
        found = read(await client.post("/simulate/job", json=asked), JobSimulation)
        assert (found.zone, found.tick_s) == ("z-1", 60)
        assert [(span.since_s, span.until_s) for span in found.available] == [(0, 3600), (5400, 10_800)]
        by_name = {result.policy: result for result in found.policies}
        assert list(by_name) == ["ours", "greedy", "uniform", "on-demand"]
        assert by_name["ours"].late == 0
        assert by_name["ours"].cost_usd < by_name["on-demand"].cost_usd
        assert {span.what for span in by_name["on-demand"].spans} == {"on_demand"}
        ends = [span.until_s for span in by_name["ours"].spans]
        assert ends[-1] == by_name["ours"].finished_s

    async def test_a_service_over_time(self, client: httpx.AsyncClient) -> None:
        await client.put("/simulate/traces/web.csv", content=REQUESTS.encode())
        asked = {"trace": "web.csv", "capacity_rps": 5, "policies": ["ours", "static"]}
        found = read(await client.post("/simulate/service", json=asked), ServiceSimulation)
        assert [result.policy for result in found.policies] == ["ours", "static"]
        assert found.requests == 300 * 5 + 99 * 15
        assert len(found.points) == 300
        assert found.points[150].requests_per_s == 20
        assert found.points[-1].instances >= 1
        assert found.oracle_instance_hours > 0

    async def test_what_cannot_be_simulated_is_told(self, client: httpx.AsyncClient) -> None:
        asked = {"trace": "none", "work_s": 10, "deadline_s": 20}
        told(await client.post("/simulate/job", json=asked), 404)
        await client.put("/simulate/traces/odd", content=b"odd")
        assert (
            "cannot be simulated"
            in told(await client.post("/simulate/job", json={**asked, "trace": "odd"}), 422).detail
        )
        await client.put("/simulate/traces/spot.json", content=json.dumps(SPOT).encode())
        asked["trace"] = "spot.json"
        assert "policy" in told(await client.post("/simulate/job", json={**asked, "policies": ["luck"]}), 422).detail
        told(await client.post("/simulate/job", json={**asked, "work_s": -1}), 422)
        told(await client.post("/simulate/job", json={**asked, "policies": []}), 422)

    async def test_one_that_takes_too_long_is_ended(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.put("/simulate/traces/spot.json", content=json.dumps(SPOT).encode())
        stand.services.whatif.longest_s = 0.01
        asked = {"trace": "spot.json", "work_s": 7200, "deadline_s": 10_800}
        assert "was ended" in told(await client.post("/simulate/job", json=asked), 503).detail

    async def test_traces_come_and_go_and_stay_in_their_folder(self, stand: Stand, client: httpx.AsyncClient) -> None:
        for name in ("b.csv", "a.json"):
            await client.put(f"/simulate/traces/{name}", content=b"{}" if name == "a.json" else REQUESTS.encode())
        (stand.services.whatif.folder / ".hidden").write_text("x")
        rows = read(await client.get("/simulate/traces"), list[TraceRow])
        assert [(row.name, row.kind) for row in rows] == [("a.json", "job"), ("b.csv", "service")]
        told(await client.put("/simulate/traces/.hidden", content=b"x"), 422)
        told(await client.put("/simulate/traces/..%2Fmaster.db", content=b"x"), 405)
        assert not (stand.services.whatif.folder.parent / "master.db").exists()
        assert (await client.delete("/simulate/traces/a.json")).status_code == 204
        told(await client.delete("/simulate/traces/a.json"), 404)

    async def test_viewers_may_ask_what_if(self, stand: Stand, client: httpx.AsyncClient) -> None:
        await client.put("/simulate/traces/spot.json", content=json.dumps(SPOT).encode())
        token = read(await client.post("/tokens", json={"name": "look"}), NewToken, 201).token
        async with in_process(stand, with_token=False) as viewer:
            viewer.headers["Authorization"] = f"Bearer {token}"
            asked = {"trace": "spot.json", "work_s": 600, "deadline_s": 1200, "policies": ["on-demand"]}
            assert (await viewer.post("/simulate/job", json=asked)).status_code == 200
            assert (await viewer.post("/workloads/check", json={"file": JOB})).status_code == 200
            told(await viewer.put("/simulate/traces/x.json", content=b"{}"), 403)


class TestCheck:
    async def test_a_job_and_a_service(self, client: httpx.AsyncClient) -> None:
        found = read(await client.post("/workloads/check", json={"file": JOB}), FileCheck)
        assert (found.ok, found.kind, found.name, found.problems) == (True, "job", "train", [])
        service = "name: web\nservice: {port: 8080}\nrun: python app.py\n"
        found = read(await client.post("/workloads/check", json={"file": service}), FileCheck)
        assert (found.ok, found.kind, found.name) == (True, "service", "web")

    async def test_what_is_wrong_and_where(self, client: httpx.AsyncClient) -> None:
        found = read(await client.post("/workloads/check", json={"file": JOB + "kep: [a]\n"}), FileCheck)
        [problem] = found.problems
        assert (found.ok, problem.line, problem.column, problem.key) == (False, 3, 1, "kep")
        assert "keep" in problem.message + problem.next_step

    async def test_the_schema(self, client: httpx.AsyncClient) -> None:
        schema = (await client.get("/schema/workload")).json()
        assert "deadline" in schema["properties"]

    async def test_the_doctor(self, client: httpx.AsyncClient) -> None:
        report = read(await client.get("/doctor"), DoctorReport)
        assert (report.ok, report.checks[0].advice) == (False, "get one")


class TestSeveral:
    async def test_terminate_all_of_them_or_none(self, client: httpx.AsyncClient) -> None:
        deployment = (await client.post("/deployments", json={"count": 3})).json()
        ids = deployment["instances"]
        told(await client.post("/instances/terminate", json={"ids": [*ids, "i-none"]}), 404)
        rows = read(await client.get("/instances"), list[InstanceRow])
        assert {row.state for row in rows} == {"requested"}
        rows = read(await client.post("/instances/terminate", json={"ids": [*ids[:2], ids[0]]}), list[InstanceRow])
        assert [(row.id, row.state) for row in rows] == [(ids[0], "terminating"), (ids[1], "terminating")]

    async def test_rerun(self, client: httpx.AsyncClient) -> None:
        await client.post("/jobs", json={"file": JOB + "envs: {EPOCHS: '3'}\n"})
        names = [read(await client.post("/workloads/train/rerun"), WorkloadRow, 201).name for _ in range(2)]
        assert names == ["train-2", "train-3"]
        assert read(await client.post("/workloads/train-2/rerun"), WorkloadRow, 201).name == "train-4"
        shown = (await client.get("/workloads/train-4")).json()
        assert shown["spec"]["envs"] == {"EPOCHS": "3"}
        told(await client.post("/workloads/none/rerun"), 404)
