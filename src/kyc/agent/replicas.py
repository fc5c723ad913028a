"""Makes the instance run the replicas that the master wants now: level-triggered, as `supervise` is for attempts."""

from __future__ import annotations

import asyncio
import logging
from typing import Never

from kyc.agent.replica import House, ReplicaLife
from kyc.wire.agent import Desire
from kyc.wire.replica import ReplicaLoad, ReplicaOrder

log = logging.getLogger(__name__)


class Replicas:
    """Converges on the newest desire. `want` takes it, `run` acts on it.

    A replica that has ended here, or that the agent gave up, stays so until the master does not want it any more.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._wanted: dict[str, ReplicaOrder] = {}
        self._changed = asyncio.Event()
        self._lives: dict[str, ReplicaLife] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._used: dict[str, tuple[float, float]] = {}  # CPU seconds, and when they were read
        self._leaving = False

    def want(self, desire: Desire) -> None:
        """Take the newest desire."""
        self._wanted = {order.replica: order for order in desire.replicas}
        self._changed.set()

    @property
    def works(self) -> bool:
        """Whether any replica runs, or is being started or stopped."""
        return any(not task.done() for task in self._tasks.values())

    async def leave(self) -> None:
        """Stop all of them; return when nothing runs."""
        self._leaving = True
        for life in self._lives.values():
            life.stop()
        pending = [task for task in self._tasks.values() if not task.done()]
        if pending:
            await asyncio.wait(pending)

    async def run(self) -> Never:
        """Converge for ever; cancelled, it kills what runs first."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if self._leaving:
                    continue
                await self._dismiss([name for name in self._lives if name not in self._wanted])
                for name, order in self._wanted.items():
                    if name in self._lives:
                        self._lives[name].update(order)
                        continue
                    self._begin(name, order, tasks)

    def _begin(self, name: str, order: ReplicaOrder, tasks: asyncio.TaskGroup) -> None:
        life = ReplicaLife(self._house, order)
        life.update(order)
        self._lives[name] = life
        self._tasks[name] = tasks.create_task(life.run())

    async def _dismiss(self, names: list[str]) -> None:
        """End what is not wanted any more, at once: whoever wanted it drained has said so before."""
        gone = [self._tasks.pop(name) for name in names]
        for task in gone:
            task.cancel()
        if gone:
            await asyncio.wait(gone)
        for name in names:
            log.info("replica_dismissed", extra={"replica": name})
            del self._lives[name]
            self._used.pop(name, None)
        if names:
            await self._house.files.keep_only({life.files for life in self._lives.values()})

    def loads(self) -> list[ReplicaLoad]:
        """Return what each running replica uses, its CPUs since the last call; the first time they are 0."""
        now_s = self._house.world.clock.monotonic_s()
        found = []
        for name, life in self._lives.items():
            usage = life.usage()
            if usage is None:
                self._used.pop(name, None)
                continue
            before_s, at_s = self._used.get(name, (usage.cpu_s, now_s))
            self._used[name] = (usage.cpu_s, now_s)
            spent_s = max(0.0, usage.cpu_s - before_s)
            cpus = spent_s / (now_s - at_s) if now_s > at_s else 0.0
            load = ReplicaLoad(replica=name, cpus=round(cpus, 4), memory_bytes=usage.memory_bytes, metric=life.metric)
            found.append(load)
        return found
