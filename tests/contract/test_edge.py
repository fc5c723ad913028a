"""What ports.edge promises, run on every edge with real processes and real clients."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.domain.service import Balance
from kyc.hosting.door import answers
from kyc.ports.edge import EdgeRefusedError, EdgeService
from tests.edge.replica import Replica
from tests.edge.stage import EDGES, NAME, Stage, free_port, place, staged, until


@pytest.fixture(params=sorted(EDGES))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(request.param, tmp_path / "edge") as running:
        yield running


# --- who gets a request


async def test_requests_reach_the_replicas_in_turn(stage: Stage) -> None:
    replicas = [await stage.replica(f"r{n}") for n in range(3)]
    await stage.apply(*(place(each) for each in replicas))
    assert await stage.who(30) == {"r0": 10, "r1": 10, "r2": 10}


@pytest.mark.parametrize("balance", [Balance.ROUND_ROBIN, Balance.LEAST_REQUEST])
async def test_weights_share_requests_by_instance(stage: Stage, balance: Balance) -> None:
    replicas = [await stage.replica(f"r{n}") for n in range(3)]
    heavy = [place(each, on="i-big", weight=3) for each in replicas[:2]]
    await stage.apply(*heavy, place(replicas[2], on="i-small", weight=2), balance=balance)
    answered: Counter[str] = Counter()

    async def client() -> None:
        for _ in range(20):
            async with stage.client.get(stage.url("/slow?s=0.02")) as response:
                answered[await response.text()] += 1

    await asyncio.gather(*(client() for _ in range(16)))
    assert answered["r2"] == pytest.approx(80, abs=32)
    assert answered["r0"] == pytest.approx(answered["r1"], rel=0.5)


async def test_an_instance_loses_its_share_with_the_replicas_that_drain(stage: Stage) -> None:
    replicas = [await stage.replica(f"r{n}") for n in range(3)]
    both = [place(replicas[0], on="i-1"), place(replicas[1], on="i-1", drains=True)]
    await stage.apply(*both, place(replicas[2], on="i-2"))
    answered = await stage.who(60)
    assert answered["r1"] == 0
    assert answered["r0"] == pytest.approx(30, abs=6)


async def test_least_request_spares_who_is_slow(stage: Stage) -> None:
    slow, quick = await stage.replica("slow"), await stage.replica("quick")
    await stage.apply(place(slow), place(quick), balance=Balance.LEAST_REQUEST)
    held = [asyncio.create_task(stage.client.get(stage.url("/slow"))) for _ in range(20)]
    await until(lambda: slow.slow + quick.slow == 20)
    quick.release.set()
    await until(lambda: quick.slow == 0)
    answered = await stage.who(40)
    assert answered["quick"] > 27
    slow.release.set()
    for each in await asyncio.gather(*held):
        each.release()


async def test_a_sticky_client_stays_on_its_replica(stage: Stage) -> None:
    replicas = [await stage.replica(f"r{n}") for n in range(4)]
    await stage.apply(*(place(each) for each in replicas), balance=Balance.STICKY)
    first_choices = set()
    for _ in range(16):
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as client:
            answers = [(await (await client.get(stage.url())).json())["replica"] for _ in range(4)]
        assert len(set(answers)) == 1, answers
        first_choices.add(answers[0])
    assert len(first_choices) > 1


# --- what passes through


async def test_requests_arrive_as_they_were_sent_with_where_they_came_from(stage: Stage) -> None:
    await stage.apply(place(await stage.replica("r1")))
    said = await stage.ask("/a%2Fb/c?q=1&q=%20", method="PATCH", data=b"x" * 10, headers={"X-Mine": "1"})
    assert (said["method"], said["path"], said["body"]) == ("PATCH", "/a%2Fb/c?q=1&q=%20", 10)
    headers = said["headers"]
    assert headers["x-mine"] == "1"
    assert headers["host"] == headers["x-forwarded-host"] == f"127.0.0.1:{stage.port}"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
async def test_any_method_arrives(stage: Stage, method: str) -> None:
    await stage.apply(place(await stage.replica("r1")))
    assert (await stage.ask("/x", method=method))["method"] == method


async def test_what_another_proxy_forwarded_is_kept_but_not_what_a_client_claims_of_its_connection(
    stage: Stage,
) -> None:
    await stage.apply(place(await stage.replica("r1")))
    claimed = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"}
    headers = (await stage.ask(headers=claimed))["headers"]
    assert headers["x-forwarded-for"].endswith("127.0.0.1")
    assert headers["x-forwarded-host"] == "shop.example"
    assert headers["x-forwarded-proto"] == "http"


@pytest.mark.parametrize("named", [True, False])
async def test_replies_name_instance_and_replica_only_where_asked(stage: Stage, named: bool) -> None:
    await stage.apply(place(await stage.replica("r1"), on="i-7"), names_replica=named)
    told = (await stage.ask())["told"]
    assert [told.get("x-kyc-instance"), told.get("x-kyc-replica")] == (["i-7", "web.r1"] if named else [None, None])


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_what_the_application_answers_is_its_own_matter(stage: Stage, status: int) -> None:
    replica = await stage.replica("r1")
    await stage.apply(place(replica))
    for _ in range(12):
        assert (await stage.ask(f"/?status={status}"))["status"] == status
    assert replica.hits == 12


async def test_bodies_stream_both_ways(stage: Stage) -> None:
    replica = await stage.replica("r1")
    await stage.apply(place(replica))
    go_on = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        await go_on.wait()
        for _ in range(64):
            yield b"x" * 65536

    async with stage.client.post(stage.url("/echo"), data=parts()) as response:
        assert await response.content.readexactly(3) == b"one"  # before the rest was sent
        go_on.set()
        assert len(await response.content.read()) == 64 * 65536
    async with stage.client.get(stage.url("/stream")) as response:
        assert await response.content.readline() == b"first\n"
        replica.release.set()
        assert await response.content.readline() == b"last\n"


async def test_large_headers_pass_both_ways(stage: Stage) -> None:
    await stage.apply(place(await stage.replica("r1")))
    said = await stage.ask("/?header=14000", headers={"X-Long": "h" * 14_000}, max_field_size=1 << 17)
    assert len(said["headers"]["x-long"]) == len(said["told"]["x-long"]) == 14_000


async def test_web_sockets_pass(stage: Stage) -> None:
    await stage.apply(place(await stage.replica("r1")))
    async with stage.client.ws_connect(stage.url("/ws")) as ws:
        await ws.send_str("hello")
        assert await ws.receive_str() == "r1: hello"
        await ws.send_bytes(b"\0" * 100_000)
        assert len(await ws.receive_bytes()) == 100_000


async def test_only_what_says_nothing_is_ended(stage: Stage) -> None:
    replica = await stage.replica("r1")
    await stage.apply(place(replica), idle_timeout=timedelta(seconds=3))
    async with stage.client.ws_connect(stage.url("/ws")) as ws:
        for number in range(35):  # longer than the limit in all, never silent that long
            await ws.send_str(str(number))
            assert await ws.receive_str() == f"r1: {number}"
            await asyncio.sleep(0.1)
        assert (await ws.receive()).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    with suppress(aiohttp.ServerDisconnectedError):
        async with stage.client.get(stage.url("/slow")) as response:
            assert response.status in {408, 502, 504}


# --- what goes away


async def test_a_drained_replica_ends_what_it_has_and_gets_nothing_new(stage: Stage) -> None:
    old, new = await stage.replica("old"), await stage.replica("new")
    await stage.apply(place(old))
    slow = asyncio.create_task(stage.client.get(stage.url("/slow")))
    await until(lambda: old.slow == 1)
    async with stage.client.ws_connect(stage.url("/ws")) as ws:
        await ws.send_str("1")
        assert await ws.receive_str() == "old: 1"
        await stage.apply(place(old, drains=True), place(new))
        assert await stage.who(20) == {"new": 20}
        load = (await stage.edge.load())[NAME]
        assert load.endpoints[ReplicaId("web.old")].in_flight == 2
        await stage.apply(place(new))
        await ws.send_str("2")
        assert await ws.receive_str() == "old: 2"
        old.release.set()
        async with await slow as response:
            assert await response.text() == "old"
        await ws.send_str("3")
        assert await ws.receive_str() == "old: 3"
    assert await stage.who(5) == {"new": 5}


async def test_replicas_come_and_go_under_load_and_no_request_fails(stage: Stage) -> None:
    first = await stage.replica("c0")
    await stage.apply(place(first))
    stopped = asyncio.Event()
    done, failed = 0, []

    async def client(path: str, method: str) -> None:
        nonlocal done
        while not stopped.is_set():
            async with stage.client.request(method, stage.url(path)) as response:
                await response.read()
                if response.status == 200:
                    done += 1
                else:
                    failed.append(response.status)

    clients = [asyncio.create_task(client(path, m)) for path in ("/", "/slow?s=0.2") for m in ("GET", "GET")]
    clients += [asyncio.create_task(client("/", "POST"))]
    present = first
    for cycle in range(1, 6):
        successor = await stage.replica(f"c{cycle}")
        await stage.apply(place(present), place(successor))
        await stage.apply(place(present, drains=True), place(successor))
        mark = done
        await until(lambda mark=mark: done > mark + 20)  # type: ignore[misc]
        await stage.apply(place(successor))
        present = successor
    stopped.set()
    await asyncio.gather(*clients)
    assert failed == []


async def test_a_killed_replica_fails_no_safe_request(stage: Stage) -> None:
    process, doomed = await stage.process("doomed")
    other = await stage.replica("other")
    await stage.apply(place(doomed), place(other))
    assert set(await stage.who(10)) == {"doomed", "other"}
    statuses: list[int] = []

    async def client() -> None:
        for _ in range(60):
            async with stage.client.get(stage.url("/slow?s=0.01")) as response:
                await response.read()
                statuses.append(response.status)

    clients = [asyncio.create_task(client()) for _ in range(8)]
    await until(lambda: len(statuses) > 50)
    process.kill()
    await asyncio.gather(*clients)
    assert set(statuses) == {200}
    assert len(statuses) == 480


async def test_who_meets_the_death_of_the_only_replica_waits_for_its_successor(stage: Stage) -> None:
    process, doomed = await stage.process("doomed")
    await stage.apply(place(doomed))
    assert (await stage.ask())["replica"] == "doomed"
    process.kill()
    await process.wait()
    asked = [asyncio.create_task(stage.ask(method=method)) for method in ("GET", "POST") * 4]
    await asyncio.sleep(0)  # they are on their way before anybody has told the edge
    await stage.apply()
    await stage.apply(place(await stage.replica("next")))
    assert [(said["status"], said["replica"]) for said in await asyncio.gather(*asked)] == [(200, "next")] * 8


async def test_a_replica_that_refuses_connections_is_left_alone_and_comes_back(stage: Stage) -> None:
    gone, other = Replica("gone", port=free_port()), await stage.replica("other")
    await stage.apply(place(gone), place(other))
    for method in ("GET", "POST") * 30:
        assert (await stage.ask(method=method))["replica"] == "other"
    known = (await stage.edge.load())[NAME].endpoints[ReplicaId("web.gone")]
    assert known.requests < 20  # in its turn it would have got half of them, and most of what was tried again
    await stage.replica("gone", port=gone.port)

    async def is_back() -> bool:
        return set(await stage.who(4)) == {"gone", "other"}

    await until(is_back)


async def test_a_replica_that_answers_only_errors_is_left_alone_and_comes_back(stage: Stage) -> None:
    broken, other = await stage.replica("broken"), await stage.replica("other")
    broken.is_broken = True
    await stage.apply(place(broken), place(other))

    async def is_left_alone() -> bool:
        return await stage.who(12) == {"other": 12}

    await until(is_left_alone)
    assert broken.hits >= 5
    broken.is_broken = False

    async def is_back() -> bool:
        return set(await stage.who(4)) == {"broken", "other"}

    await until(is_back)


async def test_if_every_replica_answers_errors_they_are_passed_on(stage: Stage) -> None:
    replicas = [await stage.replica(f"r{n}") for n in range(2)]
    for each in replicas:
        each.is_broken = True
    await stage.apply(*(place(each) for each in replicas))
    assert [(await stage.ask())["status"] for _ in range(40)] == [500] * 40


async def test_an_unsafe_request_is_sent_again_only_if_it_did_not_arrive(stage: Stage) -> None:
    dead = Replica("dead", port=free_port())
    alive = await stage.replica("alive")
    await stage.apply(place(dead), place(alive))
    for _ in range(6):
        said = await stage.ask(method="POST", data=b"buy")
        assert (said["status"], said["replica"]) == (200, "alive")
    fatal = [await stage.replica("f1"), await stage.replica("f2")]
    await stage.apply(*(place(each) for each in fatal))
    with suppress(aiohttp.ServerDisconnectedError):  # or 5xx: either says that it may have arrived
        async with stage.client.post(stage.url("/die"), data=b"buy") as response:
            assert response.status >= 500
    assert sum(each.hits for each in fatal) == 1


# --- what is asked for


async def test_the_load_is_counted(stage: Stage) -> None:
    quick, slow = await stage.replica("quick"), await stage.replica("slow")
    await stage.apply(place(quick), place(slow))
    before = (await stage.edge.load())[NAME]
    assert (before.requests, before.in_flight, before.waiting) == (0, 0, 0)
    await stage.who(20)
    for _ in range(3):
        await stage.ask("/?status=500")
    held = [asyncio.create_task(stage.client.get(stage.url("/slow"))) for _ in range(4)]
    await until(lambda: quick.slow + slow.slow == 4)
    load = (await stage.edge.load())[NAME]
    assert (load.requests, load.failed, load.in_flight) == (23, 3, 4)
    assert sum(each.in_flight for each in load.endpoints.values()) == 4
    assert sum(each.requests for each in load.endpoints.values()) == 27
    for each in (quick, slow):
        each.release.set()
    for task in held:
        (await task).release()

    async def is_timed() -> bool:
        return (await stage.edge.load())[NAME].p95_ms is not None

    await until(is_timed)


async def test_services_come_and_go_beside_each_other(stage: Stage) -> None:
    web, api = await stage.replica("web"), await stage.replica("api")
    other = EdgeService(name=WorkloadName("api"), host="127.0.0.1", port=free_port(), endpoints=(place(api),))
    await stage.edge.apply([stage.service(place(web)), other])
    assert (await stage.ask())["replica"] == "web"
    async with stage.client.get(f"http://127.0.0.1:{other.port}/") as response:
        assert (await response.json())["replica"] == "api"
    await stage.edge.apply([other])
    assert not await answers("127.0.0.1", stage.port)
    assert set(await stage.edge.load()) == {"api"}


async def test_a_service_that_was_taken_out_comes_back_as_it_was(stage: Stage) -> None:
    replica = await stage.replica("r1")
    for _ in range(2):
        await stage.apply(place(replica))
        assert await stage.who(2) == {"r1": 2}
        await stage.edge.apply([])
        assert not await answers("127.0.0.1", stage.port)


async def test_a_service_can_move_to_another_port(stage: Stage) -> None:
    replica = await stage.replica("r1")
    await stage.apply(place(replica))
    stage.port = free_port()
    await stage.apply(place(replica))
    assert await stage.who(2) == {"r1": 2}


async def test_a_taken_port_is_told_and_the_others_are_served(stage: Stage) -> None:
    replica = await stage.replica("r1")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        blocked = EdgeService(name=WorkloadName("api"), host="127.0.0.1", port=port, endpoints=(place(replica),))
        with pytest.raises(EdgeRefusedError, match=rf"api: port {port} .* is taken") as caught:
            await stage.edge.apply([blocked, stage.service(place(replica))])
        assert {name: str(why) for name, why in caught.value.refused.items()} == {"api": str(caught.value)}
        assert await stage.who(2) == {"r1": 2}
    await stage.edge.apply([blocked, stage.service(place(replica))])
    async with stage.client.get(f"http://127.0.0.1:{port}/") as response:
        assert response.status == 200


# --- it outlives the master


async def test_another_master_finds_it_with_what_was_applied(stage: Stage) -> None:
    replica = await stage.replica("r1")
    await stage.apply(place(replica))
    async with stage.client.ws_connect(stage.url("/ws")) as ws:
        successor = stage.again()
        assert await successor.ensure() is False
        assert await stage.who(2) == {"r1": 2}
        await successor.apply([stage.service(place(replica), place(await stage.replica("r2")))])
        assert set(await stage.who(4)) == {"r1", "r2"}
        await ws.send_str("still")
        assert await ws.receive_str() == "r1: still"
    await successor.stop()


async def test_killed_it_comes_back_with_what_was_applied(stage: Stage) -> None:
    await stage.apply(place(await stage.replica("r1")))
    stage.kill()
    assert await stage.edge.ensure() is True
    assert await stage.who(2) == {"r1": 2}
    assert await stage.edge.ensure() is False


async def test_the_same_again_changes_nothing(stage: Stage) -> None:
    replica = await stage.replica("r1")
    await stage.apply(place(replica))
    async with stage.client.ws_connect(stage.url("/ws")) as ws:
        for _ in range(3):
            await stage.apply(place(replica))
        await ws.send_str("on")
        assert await ws.receive_str() == "r1: on"


async def test_killed_it_comes_back_without_the_service_whose_port_was_taken_meanwhile(stage: Stage) -> None:
    replica = await stage.replica("r1")
    lost = EdgeService(name=WorkloadName("api"), host="127.0.0.1", port=free_port(), endpoints=(place(replica),))
    wanted = [lost, stage.service(place(replica))]
    await stage.edge.apply(wanted)
    pid = stage.kill()
    await until(lambda: not Path(f"/proc/{pid}/task").exists() or _is_dead(pid))
    holder = socket.socket()
    with holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await until(lambda: _binds(holder, lost.port))
        await stage.edge.ensure()
        with pytest.raises(EdgeRefusedError, match="api") as caught:
            await stage.edge.apply(wanted)
        assert list(caught.value.refused) == ["api"]
        assert await stage.who(2) == {"r1": 2}
    await stage.edge.apply(wanted)
    async with stage.client.get(f"http://127.0.0.1:{lost.port}/") as response:
        assert response.status == 200


def _is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _binds(holder: socket.socket, port: int) -> bool:
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        return False
    holder.listen()
    return True


async def test_a_change_of_the_service_and_its_replicas_holds_for_open_connections_too(stage: Stage) -> None:
    old, new = await stage.replica("old"), await stage.replica("new")
    await stage.apply(place(old))
    assert await stage.who(2) == {"old": 2}
    await stage.apply(place(new), wait=timedelta(seconds=9))
    assert await stage.who(2) == {"new": 2}  # by the connection that was there before


async def test_another_service_disturbs_none(stage: Stage) -> None:
    old, new = await stage.replica("old"), await stage.replica("new")
    await stage.apply(place(old))
    await stage.who(5)
    async with stage.client.ws_connect(stage.url("/ws")) as ws:
        other = EdgeService(name=WorkloadName("api"), host="127.0.0.1", port=free_port(), endpoints=(place(new),))
        await stage.edge.apply([stage.service(place(old)), other])
        await ws.send_str("1")
        assert await ws.receive_str() == "old: 1"
        load = (await stage.edge.load())[NAME]
        assert (load.requests, load.in_flight) == (5, 1)
        assert load.endpoints[ReplicaId("web.old")].in_flight == 1
        await stage.edge.apply([stage.service(place(old, drains=True), place(new)), other])
        assert await stage.who(5) == {"new": 5}
        assert (await stage.edge.load())[NAME].endpoints[ReplicaId("web.old")].in_flight == 1
        await ws.send_str("2")
        assert await ws.receive_str() == "old: 2"
    assert (await stage.edge.load())[NAME].requests >= 10
