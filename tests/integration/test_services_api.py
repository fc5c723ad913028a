"""The routes of services, on the app in process: what is stored, shown, refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kyc.domain.ids import InstanceId, WorkloadName, replica_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import Service
from tests.integration.stand import Stand, in_process, make_stand

FILE = """
name: web
envs: {API_TOKEN: secret, LEVEL: high}
service:
  readiness_probe: /health
  replica: {cpus: 0.25}
  replica_policy: {min_replicas: 2, max_replicas: 8, target_qps_per_replica: 10}
run: serve
"""
NAME = WorkloadName("web")


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as opened:
        yield opened


async def serve(client: httpx.AsyncClient, **changes: object) -> dict[str, object]:
    reply = await client.post("/services", json={"file": FILE, **changes})
    assert reply.status_code == 201, reply.text
    found: dict[str, object] = reply.json()
    return found


async def settle(stand: Stand) -> None:
    """Let the services loop take what steps it can."""
    for _ in range(3):
        await stand.services.board.tick()  # type: ignore[attr-defined]  # the board is the loop itself


async def stored(stand: Stand) -> Service:
    service = await stand.store.service(NAME)
    assert service is not None
    return service


async def test_a_dry_run_says_what_it_means_and_stores_nothing(stand: Stand, client: httpx.AsyncClient) -> None:
    reply = await client.post("/services", json={"file": FILE, "dry_run": True})
    assert reply.status_code == 200
    plan = reply.json()
    assert plan["row"] is None
    assert plan["replicas_per_instance"] >= 1
    assert 0 < plan["least_usd_per_hour"] <= plan["most_usd_per_hour"]
    assert plan["spec"]["envs"] == {"API_TOKEN": "***", "LEVEL": "high"}
    assert await stand.store.services() == []


async def test_it_is_stored_listed_and_shown(stand: Stand, client: httpx.AsyncClient) -> None:
    plan = await serve(client)
    assert plan["updates"] is False
    [row] = (await client.get("/services")).json()
    assert (row["name"], row["state"], row["url"]) == ("web", "starting", "http://127.0.0.1:18080")
    detail = (await client.get("/services/web")).json()
    assert detail["row"]["requests_per_s"] is None, "nothing was measured, so nothing is told"
    assert detail["decision"] is None
    [workload] = (await client.get("/workloads")).json()
    assert (workload["kind"], workload["name"]) == ("service", "web")
    assert (await client.get("/workloads/web")).json()["row"]["kind"] == "service"
    assert (await client.get("/services/web/traffic")).json() == []


async def test_replicas_are_shown_on_their_instances(stand: Stand, client: httpx.AsyncClient) -> None:
    await serve(client)
    await settle(stand)
    detail = (await client.get("/services/web")).json()
    assert detail["row"]["replicas_wanted"] == 4, "replicas fill the instance that is paid for"
    [instance] = detail["instances"]
    assert [replica["state"] for replica in instance["replicas"]] == ["pending"] * 4
    assert all(replica["cpu_percent"] is None and not replica["in_edge"] for replica in instance["replicas"])
    assert detail["decision"]["reason"]
    [event] = (await client.get("/events", params={"kind": "service.scaled"})).json()
    assert event["data"]["instances"] == 1
    assert event["reason"]


async def test_the_same_name_again_is_its_next_revision(stand: Stand, client: httpx.AsyncClient) -> None:
    await serve(client)
    again = await serve(client, file=FILE.replace("run: serve", "run: serve better"))
    assert again["updates"] is True
    assert (await stored(stand)).revision == 2
    await serve(
        client, file=FILE.replace("run: serve", "run: serve better").replace("max_replicas: 8", "max_replicas: 4")
    )
    service = await stored(stand)
    assert service.revision == 2, "other limits replace no replica"
    assert service.spec.scaling.max_replicas == 4


async def test_it_stops_by_either_route_and_can_be_served_again(stand: Stand, client: httpx.AsyncClient) -> None:
    await serve(client)
    assert (await client.post("/workloads/web/stop")).status_code == 200
    assert (await stored(stand)).stop_requested
    refused = await client.post("/services", json={"file": FILE})
    assert refused.status_code == 409
    await settle(stand)
    assert (await stored(stand)).is_over
    await serve(client)
    assert not (await stored(stand)).is_over
    assert (await client.post("/services/web/stop")).json()["name"] == "web"


async def test_a_job_s_name_is_taken(stand: Stand, client: httpx.AsyncClient) -> None:
    assert (await client.post("/jobs", json={"file": "name: web\nrun: x"})).status_code == 201
    refused = await client.post("/services", json={"file": FILE})
    assert refused.status_code == 409
    assert "--name" in refused.json()["next_step"]


async def test_test_requests_say_who_answered(stand: Stand, client: httpx.AsyncClient) -> None:
    await serve(client)
    report = (await client.post("/services/web/test", json={"count": 2})).json()
    assert [reply["status"] for reply in report["replies"]] == [None, None], "nothing listens there"
    assert all(reply["error"] for reply in report["replies"])
    assert (await client.post("/services/web/test", json={"count": 0})).status_code == 422
    assert (await client.post("/services/web/test", json={"count": 1, "path": "x y"})).status_code == 422


async def test_what_is_not_there_is_told(client: httpx.AsyncClient) -> None:
    for path in ("/services/none", "/services/none/traffic", "/workloads/none/logs"):
        assert (await client.get(path)).status_code == 404
    assert (await client.post("/services", json={"file": "run: x"})).status_code == 422


async def test_logs_of_one_replica(stand: Stand, client: httpx.AsyncClient) -> None:
    await serve(client)
    from kyc.domain.event import LogLines  # noqa: PLC0415

    now = stand.context.clock.now()
    lines = [LogLines(workload=NAME, attempt=f"web.r{n % 2 + 1}", at=now, text=f"line {n}\n") for n in range(6)]
    await stand.store.save(logs=lines)
    mine = (await client.get("/workloads/web/logs", params={"attempt": "web.r2", "limit": 2})).json()
    assert [row["text"] for row in mine] == ["line 1\n", "line 3\n"]


async def test_terminating_a_service_s_instance_drains_it_first(stand: Stand, client: httpx.AsyncClient) -> None:
    await serve(client)
    await settle(stand)
    [instance] = await stand.store.instances(workload=NAME)
    assert isinstance(instance, Instance)
    await stand.store.save(instance.to(InstanceState.PROVISIONING).to(InstanceState.READY, address="127.0.0.1"))
    [replica, *_] = await stand.store.replicas(workload=NAME)
    assert isinstance(replica, Replica)
    assert replica.id == replica_id(NAME, 1)
    await stand.store.save(replica.to(ReplicaState.STARTING).to(ReplicaState.READY, port=1))
    assert (await client.post(f"/instances/{instance.id}/terminate")).json()["state"] == "draining"
    assert await stand.store.instance(InstanceId(instance.id))
