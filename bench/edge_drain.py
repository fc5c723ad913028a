"""Whether any request fails: drain and replace under load, kills under load. And how fast a change is in force."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.edge_contender import NAME, make, place, service
from bench.edge_load import start_wrk, wrk_result
from bench.edge_port import free_port
from kyc.domain.service import Balance
from kyc.ports.edge import Edge, EdgeEndpoint


@dataclass(slots=True)
class Tally:
    """Requests and failures of one kind of edge."""

    requests: int = 0
    failed: int = 0
    cycles: int = 0
    kill_requests: int = 0
    kill_failed: int = 0
    why: list[str] = field(default_factory=list)

    def missed(self, why: str) -> None:
        """Take down a failure."""
        self.failed += 1
        self.why.append(why)


@dataclass(slots=True)
class Replica:
    """A replica's process."""

    number: int
    process: subprocess.Popen[str]
    port: int

    @staticmethod
    async def start(number: int) -> Replica:
        """Start one and wait until it serves."""
        process = _start_replica()
        assert process.stdout is not None
        return Replica(number, process, int(await asyncio.to_thread(process.stdout.readline)))

    def at(self, *, drains: bool = False) -> EdgeEndpoint:
        """Return its place in the edge."""
        return place(self.port, number=self.number, drains=drains)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        self.process.send_signal(number)
        self.process.wait()


def _start_replica() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "bench.edge_replica"], stdout=subprocess.PIPE, text=True)


async def drain(kind: str, folder: Path, *, cycles: int, requests: int, kills: int) -> Tally:
    """Replace the replicas one by one under load, so often and until so many were asked; then kill some.

    Two serve at any time.
    """
    tally, edge, port = Tally(), make(kind, folder), free_port()
    fleet = [await Replica.start(0), await Replica.start(1)]
    try:
        await edge.ensure()
        await edge.apply([service(port, [each.at() for each in fleet])])
        await _replaced(edge, port, fleet, tally, cycles, requests)
        for number in range(kills):
            await _killed(edge, port, fleet, tally, 1000 + number)
    finally:
        for each in fleet:
            each.end(signal.SIGKILL)
        await edge.stop()
    return tally


async def _replaced(edge: Edge, port: int, fleet: list[Replica], tally: Tally, cycles: int, requests: int) -> None:
    """Drain and replace the oldest replica again and again, under wrk, slow requests and WebSockets."""
    stopped = asyncio.Event()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        slow = [asyncio.create_task(_slow(client, port, stopped, tally)) for _ in range(6)]
        while tally.cycles < cycles or (tally.requests < requests and tally.cycles < 5 * cycles):
            number = tally.cycles + 2
            wrk = start_wrk(f"http://127.0.0.1:{port}/", seconds=3, connections=16)
            sockets = [await client.ws_connect(f"http://127.0.0.1:{port}/ws") for _ in range(4)]
            new = await Replica.start(number)
            old = fleet.pop(0)
            fleet.append(new)
            await edge.apply([service(port, [old.at(), *(each.at() for each in fleet)])])
            await edge.apply([service(port, [old.at(drains=True), *(each.at() for each in fleet)])])
            for socket in sockets:
                await _spoken(socket, tally)
            await _idle(edge, old)
            await edge.apply([service(port, [each.at() for each in fleet])])
            old.end()
            shot = await asyncio.to_thread(wrk_result, wrk)
            tally.requests += shot.requests
            tally.failed += shot.failed
            if shot.failed:
                tally.why.append(f"wrk in cycle {number}: {shot.failed}")
            tally.cycles += 1
        stopped.set()
        await asyncio.gather(*slow)


async def _slow(client: aiohttp.ClientSession, port: int, stopped: asyncio.Event, tally: Tally) -> None:
    while not stopped.is_set():
        tally.requests += 1
        try:
            async with client.get(f"http://127.0.0.1:{port}/slow") as response:
                await response.read()
                if response.status != 200:
                    tally.missed(f"slow: {response.status}")
        except aiohttp.ClientError as error:
            tally.missed(f"slow: {error!r}")


async def _spoken(socket: aiohttp.ClientWebSocketResponse, tally: Tally) -> None:
    """Speak over a WebSocket that was open before the drain, then close it."""
    tally.requests += 1
    try:
        await socket.send_str("still there?")
        if await socket.receive_str() != "still there?":
            tally.missed("WebSocket: another answer")
    except (aiohttp.ClientError, TypeError, ConnectionError) as error:
        tally.missed(f"WebSocket: {error!r}")
    await socket.close()


async def _idle(edge: Edge, replica: Replica) -> None:
    """Wait until the edge says that the replica has nothing in flight."""
    name = replica.at().endpoint.replica_id
    while True:
        load = (await edge.load())[NAME].endpoints.get(name)
        if load is None or load.in_flight == 0:
            return
        await asyncio.sleep(0.02)


async def _killed(edge: Edge, port: int, fleet: list[Replica], tally: Tally, number: int) -> None:
    """Kill a replica under load (GET only) without a word to the edge, which is told a second later."""
    new = await Replica.start(number)
    fleet.append(new)
    await edge.apply([service(port, [each.at() for each in fleet])])
    wrk = start_wrk(f"http://127.0.0.1:{port}/", seconds=3, connections=16)
    await asyncio.sleep(1)
    fleet.pop(0).end(signal.SIGKILL)
    await asyncio.sleep(1)
    await edge.apply([service(port, [each.at() for each in fleet])])
    shot = await asyncio.to_thread(wrk_result, wrk)
    tally.kill_requests += shot.requests
    tally.kill_failed += shot.failed


async def shifts(kind: str, folder: Path, *, endpoints: int, times: int) -> list[float]:
    """Return how many milliseconds after the call of `apply` the last request still went to the endpoints before.

    All endpoints change at once, between two servers that answer at every address of 127/8.
    """
    edge, port = make(kind, folder), free_port()
    sides = [await _Side.start(), await _Side.start()]
    stopped = asyncio.Event()
    clients: list[asyncio.Task[None]] = []
    took: list[float] = []
    try:
        await edge.ensure()
        await edge.apply([service(port, sides[0].places(endpoints), Balance.LEAST_REQUEST)])
        clients = [asyncio.create_task(_asking(port, stopped)) for _ in range(4)]
        for turn in range(times):
            old, new = sides[turn % 2], sides[(turn + 1) % 2]
            places, came = new.places(endpoints), new.hits
            before = time.monotonic()
            await edge.apply([service(port, places, Balance.LEAST_REQUEST)])
            await _until(lambda came=came, new=new: new.hits > came + 20)  # type: ignore[misc]
            took.append((max(old.last, new.first_after(before)) - before) * 1000)
    finally:
        stopped.set()
        await asyncio.gather(*clients, return_exceptions=True)
        for side in sides:
            side.server.close()
        await edge.stop()
    return took


@dataclass(slots=True)
class _Side:
    """A server that answers at every address of this machine and notes when it was asked."""

    server: asyncio.Server
    port: int
    hits: int = 0
    last: float = 0
    seen: list[float] = field(default_factory=list)

    @staticmethod
    async def start() -> _Side:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await reader.readuntil(b"\r\n\r\n"):
                    side.hits += 1
                    side.last = time.monotonic()
                    side.seen.append(side.last)
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            writer.close()

        server = await asyncio.start_server(talk, "0.0.0.0", 0)  # its addresses are all of 127/8
        side = _Side(server, server.sockets[0].getsockname()[1])
        return side

    def places(self, count: int) -> list[EdgeEndpoint]:
        """Return so many endpoints that all lead here."""
        hosts = [f"127.0.{1 + number // 250}.{1 + number % 250}" for number in range(count)]
        return [place(self.port, number=number, host=host) for number, host in enumerate(hosts)]

    def first_after(self, moment: float) -> float:
        """Return when the first request after it came."""
        return next(at for at in self.seen if at > moment)


async def _asking(port: int, stopped: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not stopped.is_set():
        writer.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.splitlines()[0].decode())
        await reader.readexactly(2)
        await asyncio.sleep(0.001)
    writer.close()


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110  # it is the servers that count
            await asyncio.sleep(0.001)


def p50(values: list[float]) -> float:
    """Return the median, in tenths."""
    return round(statistics.median(values), 1)


def cores() -> int:
    """Return how many cores we may use."""
    return len(os.sched_getaffinity(0))
