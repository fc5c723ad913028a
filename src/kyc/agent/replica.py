"""The life of one replica on this instance: started, watched, started again when it dies, stopped when told to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kyc.agent.entrance import Entrances
from kyc.agent.lines import Lines
from kyc.agent.metric import Metric
from kyc.agent.probe import probe
from kyc.agent.race import first_of, to_the_end, together
from kyc.agent.shared import SharedFiles
from kyc.agent.world import World
from kyc.domain.errors import KycError
from kyc.ports.runtime import ReplicaCommand, ReplicaRuntime, RunningReplica, Usage
from kyc.wire.replica import (
    ReplicaExited,
    ReplicaOrder,
    ReplicaPulling,
    ReplicaReady,
    ReplicaStarted,
    ReplicaStopped,
    ReplicaUnready,
)

log = logging.getLogger(__name__)
DEATHS_BORNE = 5  # in a row: then another place may do better
STEADY_S = 60.0  # one that lived so long is not one that dies at once
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
SERVED_WAIT_S = 0.1  # after the first death of one that served: requests wait for it
FIRST_PROBE_S, SLOWEST_PROBE_S, WATCH_S = 0.05, 1.0, 1.0
UNREADY_AFTER = 2  # failed probes in a row
_LAST_WORDS_S = 1.0
_PULL_TOLD_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all replicas of an instance share. `runtime` is chosen by the order: containers or processes."""

    world: World
    files: SharedFiles
    runtime: Callable[[ReplicaOrder], ReplicaRuntime]
    host: str  # where replicas are probed
    entrances: Entrances
    swept: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    async def runtime_for(self, order: ReplicaOrder) -> ReplicaRuntime:
        """Return the runtime for the order; before its first use what another life of the agent left is removed."""
        runtime = self.runtime(order)
        if id(runtime) not in self.swept or self.swept[id(runtime)].cancelled():
            self.swept[id(runtime)] = asyncio.ensure_future(runtime.sweep())
        await asyncio.shield(self.swept[id(runtime)])
        return runtime


class ReplicaLife:
    """One replica. `run` carries it to its end and tells all that happens; cancelled, it is killed without a word."""

    def __init__(self, house: House, order: ReplicaOrder) -> None:
        self._house = house
        self._world = house.world
        self._order = order
        self._stop = asyncio.Event()
        self._running: RunningReplica | None = None
        self._port = 0  # where it is reached
        self._lines = Lines(order.replica, tell=house.world.tell, clock=house.world.clock)
        self._metric = None if order.metric is None else Metric(order.metric, house.world.clock)
        self._deaths = 0
        self._served = False  # in its present life
        self._pull_told_s = 0.0

    def update(self, order: ReplicaOrder) -> None:
        """Take a newer order. Only its phase may differ: a running replica stays what it was started as."""
        if order.phase == "stop":
            self.stop()

    def stop(self) -> None:
        """Have it end by itself, then told."""
        self._stop.set()

    def usage(self) -> Usage | None:
        """Return what it uses now, None while nothing of it runs."""
        return None if self._running is None else self._running.usage()

    @property
    def metric(self) -> float | None:
        """Its own figure of its load; None where none is ordered or it could not be read."""
        return None if self._metric is None else self._metric.value

    @property
    def files(self) -> str:
        """The shared folder that it uses."""
        return self._order.files

    async def run(self) -> None:
        """Run it, again after each death, until it is to stop or the agent gives up."""
        while not self._stop.is_set():
            begun_s, self._served = self._world.clock.monotonic_s(), False
            try:
                reason, code = await self._live()
            except KycError as error:
                reason, code = str(error), None
            except OSError as error:
                reason, code = f"the instance fails: {error}", None
            if self._stop.is_set():
                self._tell_stopped(code)
                return
            lasted_s = self._world.clock.monotonic_s() - begun_s
            self._deaths = 1 if lasted_s >= STEADY_S else self._deaths + 1
            if not await self._rest(reason, code):
                return
        self._tell_stopped(None)

    async def _rest(self, reason: str, code: int | None) -> bool:
        """Tell the death and wait; False if it is not to be tried again."""
        gives_up = self._deaths >= DEATHS_BORNE
        wait_s = min(FIRST_WAIT_S * 2.0 ** (self._deaths - 1), LONGEST_WAIT_S)
        if self._served and self._deaths == 1:
            wait_s = SERVED_WAIT_S
        log.warning("replica_died", extra={"replica": self._order.replica, "why": reason, "deaths": self._deaths})
        again_in_s = None if gives_up else wait_s
        self._tell_exited(reason, code, again_in_s)
        if gives_up:
            return False
        await first_of(stop=self._stop.wait(), time=self._world.clock.sleep_s(wait_s))
        return True

    async def _live(self) -> tuple[str, int | None]:
        """Live once; return why and with which code it ended."""
        how, folder = await first_of(files=self._house.files.ready(self._order, self._lines), stopped=self._stop.wait())
        if how == "stopped":
            return "stopped", None
        runtime, command = await self._house.runtime_for(self._order), self._command(folder)
        how, _ = await first_of(fetched=runtime.fetch(command, self._pulling), stopped=self._stop.wait())
        if how == "stopped":
            return "stopped", None
        running = await _start(runtime, command)
        try:
            self._running = running
            async with self._house.entrances.to(running.port) as self._port:
                at = self._world.clock.now()
                self._world.tell(ReplicaStarted(at=at, replica=self._order.replica, port=self._port))
                return await self._see_through(running)
        finally:
            await to_the_end(running.kill())
            self._running = None
            self._lines.flush()

    async def _see_through(self, running: RunningReplica) -> tuple[str, int | None]:
        async with together() as tasks:
            batches = tasks.create_task(self._lines.run())
            pump = tasks.create_task(self._pump(running))
            asked = (
                [] if self._metric is None else [tasks.create_task(self._metric.run(self._house.host, running.port))]
            )
            how, what = await first_of(exited=running.wait(), stopped=self._stop.wait(), failed=self._watch(running))
            code: int | None
            if how == "exited":
                code, reason = what, running.end_reason() or f"ended with code {what}"
            else:
                code = await running.stop(grace_s=self._order.stop_grace_s)
                reason = "stopped" if how == "stopped" else str(what)
            await first_of(read=asyncio.shield(pump), time=self._world.clock.sleep_s(_LAST_WORDS_S))
            for task in (pump, batches, *asked):
                task.cancel()
            return reason, code

    async def _watch(self, running: RunningReplica) -> str:
        """Tell when it is ready, and when not any more; return why it has to be started again."""
        order, world = self._order.probe, self._world
        begun_s, wait_s = world.clock.monotonic_s(), FIRST_PROBE_S
        while why := await probe(order, self._house.host, running.port):
            if world.clock.monotonic_s() - begun_s >= order.initial_delay_s:
                return f"not ready within {order.initial_delay_s:g} s: {why}"
            await world.clock.sleep_s(wait_s)
            wait_s = min(wait_s * 1.3, SLOWEST_PROBE_S)
        self._tell_ready(world.clock.monotonic_s() - begun_s)
        failed, failing_since_s = 0, 0.0
        while True:
            await world.clock.sleep_s(WATCH_S)
            why = await probe(order, self._house.host, running.port)
            if not why:
                if failed >= UNREADY_AFTER:
                    self._tell_ready(world.clock.monotonic_s() - begun_s)
                failed = 0
                continue
            failed += 1
            if failed == 1:
                failing_since_s = world.clock.monotonic_s()
            if failed == UNREADY_AFTER:
                world.tell(ReplicaUnready(at=world.clock.now(), replica=self._order.replica, reason=why))
            if world.clock.monotonic_s() - failing_since_s >= order.fail_after_s:
                return f"its probe fails for {order.fail_after_s:g} s: {why}"

    async def _pump(self, running: RunningReplica) -> None:
        async for line in running.output():
            self._lines.add(line)

    def _command(self, folder: Path) -> ReplicaCommand:
        order = self._order
        return ReplicaCommand(
            name=order.replica,
            workload=order.workload,
            script=order.run if not order.image or not order.setup else f"{order.setup}\n{order.run}",
            folder=folder,
            env=self._world.replica_env(order),
            image=order.image,
            port=order.port,
            cpus=order.cpus,
            memory_mib=order.memory_mib,
            gpus=order.gpus,
        )

    def _pulling(self, done_bytes: int, total_bytes: int) -> None:
        now_s = self._world.clock.monotonic_s()
        if now_s - self._pull_told_s >= _PULL_TOLD_S or done_bytes == total_bytes:
            self._pull_told_s = now_s
            at = self._world.clock.now()
            fact = ReplicaPulling(
                at=at,
                replica=self._order.replica,
                image=self._order.image,
                done_bytes=done_bytes,
                total_bytes=total_bytes,
            )
            self._world.tell(fact)

    def _tell_ready(self, took_s: float) -> None:
        self._served = True
        at = self._world.clock.now()
        fact = ReplicaReady(at=at, replica=self._order.replica, port=self._port, took_s=round(took_s, 3))
        self._world.tell(fact)

    def _tell_exited(self, reason: str, code: int | None, again_in_s: float | None) -> None:
        at = self._world.clock.now()
        self._world.tell(
            ReplicaExited(at=at, replica=self._order.replica, code=code, reason=reason, again_in_s=again_in_s)
        )

    def _tell_stopped(self, code: int | None) -> None:
        self._world.tell(ReplicaStopped(at=self._world.clock.now(), replica=self._order.replica, code=code))


async def _start(runtime: ReplicaRuntime, command: ReplicaCommand) -> RunningReplica:
    """Start it; if we are cancelled meanwhile, nothing of it is left running."""
    starting = asyncio.ensure_future(runtime.start(command))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await to_the_end(_kill_once_started(starting))
        raise


async def _kill_once_started(starting: asyncio.Future[RunningReplica]) -> None:
    await (await starting).kill()
