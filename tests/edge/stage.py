"""Every edge with replicas and clients around it, in one folder, gone afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from kyc.adapters.envoy.edge import EnvoyEdge, EnvoyOptions
from kyc.adapters.haproxy.edge import HaproxyEdge, HaproxyOptions
from kyc.adapters.pyedge.edge import PythonEdge
from kyc.adapters.system.clock import SystemClock
from kyc.domain.ids import InstanceId, ReplicaId, WorkloadName
from kyc.domain.service import Balance, Endpoint, EndpointState
from kyc.ports.edge import Edge, EdgeEndpoint, EdgeService
from tests.edge.replica import Replica
from tests.needs import need

PATIENCE_S = 60.0
NAME = WorkloadName("web")


def _envoy(folder: Path) -> Edge:
    need("envoy")
    return EnvoyEdge(folder, clock=SystemClock(), options=EnvoyOptions(concurrency=1))


def _haproxy(folder: Path) -> Edge:
    need("haproxy")
    return HaproxyEdge(folder, clock=SystemClock(), options=HaproxyOptions(threads=1))


def _python(folder: Path) -> Edge:
    return PythonEdge(folder, clock=SystemClock())


EDGES: dict[str, Callable[[Path], Edge]] = {"envoy": _envoy, "haproxy": _haproxy, "python": _python}


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(done: Callable[[], object | Awaitable[object]]) -> None:
    """Wait until it is so; fail after a minute."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = done()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


def place(replica: Replica, *, on: str = "", weight: int = 1, drains: bool = False) -> EdgeEndpoint:
    """Return the replica's place in the edge; on an instance of its own unless said otherwise."""
    endpoint = Endpoint(
        replica_id=ReplicaId(f"{NAME}.{replica.name}"),
        instance_id=InstanceId(on or f"i-{replica.name}"),
        host="127.0.0.1",
        port=replica.port,
        zone="zone-a",
        weight=weight,
    )
    return EdgeEndpoint(endpoint=endpoint, state=EndpointState.DRAINING if drains else EndpointState.UP)


@dataclass
class Stage:
    """One edge on a folder, the service `web` on a port of its own, and a client."""

    kind: str
    folder: Path
    edge: Edge
    client: aiohttp.ClientSession
    stack: AsyncExitStack
    port: int = field(default_factory=free_port)

    async def replica(self, name: str, *, tls: ssl.SSLContext | None = None, port: int = 0) -> Replica:
        """Start one that lives until the end of the test."""
        return await self.stack.enter_async_context(Replica.serving(name, tls=tls, port=port))

    async def process(self, name: str) -> tuple[asyncio.subprocess.Process, Replica]:
        """Start one in a process of its own."""
        argv = [sys.executable, "-m", "tests.edge.replica", name]
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None

        async def end() -> None:
            if process.returncode is None:
                process.kill()
            await process.wait()

        self.stack.push_async_callback(end)
        return process, Replica(name, port=int(await process.stdout.readline()))

    def service(self, *endpoints: EdgeEndpoint, **changes: Any) -> EdgeService:
        """Return the service with these endpoints."""
        known: dict[str, Any] = {"balance": Balance.ROUND_ROBIN, "names_replica": True} | changes
        return EdgeService(name=NAME, host="127.0.0.1", port=self.port, endpoints=endpoints, **known)

    async def apply(self, *endpoints: EdgeEndpoint, **changes: Any) -> None:
        """Have the service with these endpoints, and nothing else."""
        await self.edge.apply([self.service(*endpoints, **changes)])

    def url(self, path: str = "/", *, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def ask(self, path: str = "/", method: str = "GET", **options: Any) -> dict[str, Any]:
        """Return what the replica said that answered, with the reply's `status` and `told` headers."""
        async with self.client.request(method, self.url(path), **options) as response:
            said: dict[str, Any] = await response.json() if response.status != 503 else {}
            return said | {"status": response.status, "told": {k.lower(): v for k, v in response.headers.items()}}

    async def ask_tls(self, tls: ssl.SSLContext) -> dict[str, Any]:
        """Return what the replica said to a request by TLS."""
        async with self.client.get(self.url(scheme="https"), ssl=tls) as response:
            said: dict[str, Any] = await response.json()
            return said

    async def who(self, count: int) -> Counter[str]:
        """Return how often each replica answered, of so many requests in a row."""
        return Counter([(await self.ask())["replica"] for _ in range(count)])

    def kill(self) -> int:
        """End the edge's process as a machine short of memory does; return its id."""
        pid = self.edge.pid()  # type: ignore[attr-defined]  # all that are a process have it
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # reaped by whoever started it
        return int(pid)

    def again(self) -> Edge:
        """Return the edge as a master that starts on the same folder has it."""
        return EDGES[self.kind](self.folder)


@asynccontextmanager
async def staged(kind: str, folder: Path) -> AsyncIterator[Stage]:
    """Give a running edge of this kind that serves nothing yet."""
    async with AsyncExitStack() as stack:
        edge = EDGES[kind](folder)
        stack.push_async_callback(edge.stop)
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=timeout))
        await edge.ensure()
        yield Stage(kind, folder, edge, client, stack)
