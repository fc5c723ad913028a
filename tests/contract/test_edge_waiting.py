"""What ports.edge promises of requests that wait: for a first replica, or for their turn at one. On every edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from kyc.domain.ids import WorkloadName
from kyc.ports.edge import EdgeService
from tests.edge.stage import EDGES, NAME, Stage, free_port, place, staged, until


@pytest.fixture(params=sorted(EDGES))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path / "edge") as running:
        yield running


async def test_requests_wait_for_a_first_replica(stage: Stage) -> None:
    await stage.apply()
    asked = [asyncio.create_task(stage.ask(method=method)) for method in ("GET", "POST", "GET")]
    await until(lambda: _waiting(stage, 3))
    await stage.apply(place(await stage.replica("r1")))
    assert [(await each)["replica"] for each in asked] == ["r1"] * 3
    await until(lambda: _waiting(stage, 0))
    await stage.apply()  # and back to nothing
    last = asyncio.create_task(stage.ask())
    await until(lambda: _waiting(stage, 1))
    await stage.apply(place(await stage.replica("r2")))
    assert (await last)["replica"] == "r2"


async def test_who_waits_goes_on_waiting_while_another_service_comes(stage: Stage) -> None:
    await stage.apply()
    asked = asyncio.create_task(stage.ask())
    await until(lambda: _waiting(stage, 1))
    replica = await stage.replica("r1")
    other = EdgeService(name=WorkloadName("api"), host="127.0.0.1", port=free_port(), endpoints=(place(replica),))
    await stage.edge.apply([stage.service(), other])
    assert not asked.done()
    await stage.edge.apply([stage.service(place(replica)), other])
    assert (await asked)["replica"] == "r1"


async def test_who_waited_arrives_as_any_other(stage: Stage) -> None:
    await stage.apply()
    asked = asyncio.create_task(stage.ask("/a%2Fb?q=1", method="POST", data=b"x" * 100_000))
    await until(lambda: _waiting(stage, 1))
    await stage.apply(place(await stage.replica("r1"), on="i-7"))
    said = await asked
    assert (said["method"], said["path"], said["body"]) == ("POST", "/a%2Fb?q=1", 100_000)
    assert (said["headers"]["x-forwarded-for"], said["headers"]["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert (said["told"]["x-kyc-instance"], said["told"]["x-kyc-replica"]) == ("i-7", "web.r1")
    load = (await stage.edge.load())[NAME]
    assert (load.requests, load.failed, load.in_flight) == (1, 0, 0)


async def test_web_sockets_wait_too(stage: Stage) -> None:
    await stage.apply()
    opening = asyncio.create_task(stage.client.ws_connect(stage.url("/ws")).__aenter__())
    await until(lambda: _waiting(stage, 1))
    await stage.apply(place(await stage.replica("r1")))
    ws = await opening
    await ws.send_str("hello")
    assert await ws.receive_str() == "r1: hello"
    await ws.close()


async def test_waiting_has_an_end(stage: Stage) -> None:
    await stage.apply(wait=timedelta(seconds=1))
    said = await stage.ask()
    assert said["status"] == 503
    assert int(said["told"]["retry-after"]) >= 1


async def test_a_replica_has_so_many_requests_at_once_and_what_is_more_waits_its_turn(stage: Stage) -> None:
    replicas = [await stage.replica(f"r{n}") for n in range(2)]
    places = [place(each) for each in replicas]
    await stage.apply(*places, most_in_flight=2)
    asked = [asyncio.create_task(stage.client.get(stage.url("/slow"))) for _ in range(10)]
    await until(lambda: _waiting(stage, 6))
    assert [each.slow for each in replicas] == [2, 2]
    for each in replicas:
        each.release.set()
    for response in await asyncio.gather(*asked):
        assert response.status == 200
        response.release()
    assert await stage.who(4) == {"r0": 2, "r1": 2}


async def test_past_so_many_that_wait_for_their_turn_it_is_told_to_come_again(stage: Stage) -> None:
    replica = await stage.replica("r1")
    await stage.apply(place(replica), most_in_flight=1, most_waiting=1)
    asked = [asyncio.create_task(stage.client.get(stage.url("/slow")))]
    await until(lambda: replica.slow == 1)
    asked.append(asyncio.create_task(stage.client.get(stage.url("/slow"))))
    await until(lambda: _waiting(stage, 1))
    said = await stage.ask()
    assert (said["status"], "retry-after" in said["told"]) == (503, True)
    replica.release.set()
    for response in await asyncio.gather(*asked):
        assert response.status == 200
        response.release()


async def test_only_so_many_wait(stage: Stage) -> None:
    await stage.apply(most_waiting=2)
    asked = [asyncio.create_task(stage.ask()) for _ in range(2)]
    await until(lambda: _waiting(stage, 2))
    said = await stage.ask()
    assert said["status"] == 503
    assert "retry-after" in said["told"]
    await stage.apply(place(await stage.replica("r1")), most_waiting=2)
    assert [(await each)["status"] for each in asked] == [200, 200]


async def test_who_gives_up_waiting_is_not_counted(stage: Stage) -> None:
    await stage.apply()
    asked = asyncio.create_task(stage.ask())
    await until(lambda: _waiting(stage, 1))
    asked.cancel()
    await until(lambda: _waiting(stage, 0))


async def _waiting(stage: Stage, count: int) -> bool:
    return (await stage.edge.load())[NAME].waiting == count
