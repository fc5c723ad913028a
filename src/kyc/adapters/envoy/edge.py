"""The edge as an Envoy process that the master starts and that outlives it.

Everything lies in one folder: what Envoy runs by (`bootstrap.json`, `lds.json`, `cds.json`, a folder a kind for the
rest), its sockets, `envoy.pid` and `envoy.log`. Another master on the same folder adopts the process that runs there;
one that was killed is started again by those files, so with what was applied last.

A change goes through in the order that never names what is not there yet: certificates and endpoints, clusters,
routes, listeners; and before a service loses its last endpoint its requests go by the waiting room.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kyc.adapters.envoy import measure
from kyc.adapters.envoy.admin import Admin
from kyc.adapters.envoy.bootstrap import ADMIN_SOCKET, ROOM_SOCKET, bootstrap, command, find_envoy
from kyc.adapters.envoy.layout import Layout, Wanted
from kyc.adapters.envoy.publish import Publisher, RefusedError
from kyc.adapters.envoy.room import Bounds, WaitingRoom
from kyc.domain.ids import WorkloadName
from kyc.hosting.detached import DetachedProcess
from kyc.hosting.door import admit, answers, refused
from kyc.hosting.files import write_private
from kyc.hosting.upkeep import Command, Upkeep
from kyc.ports.clock import Clock
from kyc.ports.edge import EdgeLoad, EdgeRefusedError, EdgeService


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyOptions:
    """How Envoy is run. `concurrency`: its worker threads, 0 for one a core."""

    binary: Path | None = None
    concurrency: int = 0
    start_timeout_s: float = 30


class EnvoyEdge:
    """An Edge: `EnvoyEdge(folder, clock=clock)`; raises InvalidInputError where no Envoy is there."""

    name = "envoy"

    def __init__(self, folder: Path, *, clock: Clock, options: EnvoyOptions | None = None) -> None:
        self._folder = folder.absolute()
        self._clock = clock
        self._options = options or EnvoyOptions()
        self._program = find_envoy(self._options.binary)
        self._process = DetachedProcess(self._folder / "envoy.pid", self._folder / "bootstrap.json")
        self._admin = Admin(self._folder / ADMIN_SOCKET)
        self._upkeep = Upkeep(
            name="Envoy",
            process=self._process,
            log=self._folder / "envoy.log",
            answers=self._is_live,
            clock=clock,
            timeout_s=self._options.start_timeout_s,
        )
        self._publisher = Publisher(self._admin, clock)
        self._layout = Layout(self._folder)
        self._room = WaitingRoom(self._folder / ROOM_SOCKET)
        self._busy = asyncio.Lock()
        self._applied: tuple[Wanted, ...] | None = None

    async def ensure(self) -> bool:
        """Have Envoy run and answer; True if it had to be started. UnreachableError if it does not come up."""
        async with self._busy:
            self._layout.prepare()
            await self._room.open()
            return await self._upkeep.ensure(self._begin)

    async def apply(self, services: Sequence[EdgeService]) -> None:
        """Have this in force, and nothing else; raise EdgeRefusedError for what cannot be had, UnreachableError."""
        async with self._busy:
            found, refused = admit(services, self._layout.present_addresses().values(), Wanted.read)
            wanted = tuple(found)
            while self._applied != wanted:
                try:
                    await self._converge(wanted)
                    self._applied = wanted
                except RefusedError as error:
                    refused |= {WorkloadName(name): why for name, why in error.listeners.items()}
                    wanted = tuple(each for each in wanted if each.service.name not in error.listeners)
            if refused:
                raise EdgeRefusedError(refused)

    async def load(self) -> Mapping[WorkloadName, EdgeLoad]:
        """Return what Envoy counts, and who waits."""
        services = [each.service for each in self._applied or ()]
        if not services:
            return {}
        stats = await self._admin.stats(measure.counted(services))
        times = await self._admin.json(f"/stats?format=json&type=Histograms&filter={measure.TIMED}%24")
        clusters = (await self._admin.get("/clusters")).decode()
        waiting = {each.name: self._room.waiting(each.name) for each in services}
        return measure.loads(services, stats, times, clusters, waiting)

    async def stop(self) -> None:
        """End Envoy and whoever waits; what was applied stays in the files."""
        async with self._busy:
            await self._process.stop(grace_s=self._options.start_timeout_s)
            await self._room.close()

    def pid(self) -> int | None:
        """Return the running process's id."""
        return self._process.pid()

    async def _converge(self, wanted: tuple[Wanted, ...]) -> None:
        layout, publish = self._layout, self._publisher
        clusters, addresses = layout.present_clusters(), layout.present_addresses()
        names = {each.service.name for each in wanted}
        empty = [each.service for each in wanted if not each.service.is_up]
        self._close_doors(empty)
        await publish.put([layout.routes(each, waits=True) for each in empty if each.name in addresses])

        kept = [found for name, found in clusters.items() if name not in names]
        early = [doc for each in wanted for doc in [*layout.secrets(each), layout.endpoints(each.service)]]
        pending = await publish.write(early)
        pending += await publish.write([layout.clusters(wanted, kept)])
        known = [doc for doc in pending if not doc.subscription.startswith("sds.")]
        await publish.hold(known)

        await publish.write([layout.routes(each.service, waits=not each.service.is_up) for each in wanted])
        await publish.put([layout.listeners(wanted)])
        await publish.put([layout.routes(each.service, waits=not each.service.is_up) for each in wanted])
        await publish.hold([doc for doc in pending if doc.subscription.startswith("sds.")])
        for each in wanted:
            if each.service.is_up:
                self._room.open_door(each.service.name)
        await self._settled(wanted)
        if kept:
            await publish.put([layout.clusters(wanted)])
        layout.sweep(wanted)

    def _close_doors(self, services: Sequence[EdgeService]) -> None:
        for service in services:
            bounds = Bounds(wait_s=service.wait.total_seconds(), most=service.most_waiting)
            self._room.close_door(service.name, bounds)

    async def _settled(self, wanted: Sequence[Wanted]) -> None:
        """Return when what is new can be connected to and what is gone cannot: Envoy's workers lag behind its word."""
        now = {(each.service.host, each.service.port) for each in wanted}
        before = {(each.service.host, each.service.port) for each in self._applied or ()}
        for host, port in now - before:
            await self._publisher.until(partial(answers, host, port), f"port {port}")
        for host, port in before - now:
            await self._publisher.until(partial(refused, host, port), f"the end of port {port}")

    def _begin(self) -> Command:
        write_private(self._folder / "bootstrap.json", json.dumps(bootstrap(self._folder)).encode())
        argv = command(self._program, self._folder, concurrency=self._options.concurrency or os.cpu_count() or 1)
        (self._folder / ADMIN_SOCKET).unlink(missing_ok=True)
        self._publisher.forget()
        self._applied = None
        return Command(argv=argv, env={"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder)})

    async def _is_live(self) -> bool:
        return b"LIVE" in await self._admin.get("/ready")
