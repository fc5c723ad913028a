"""The work itself, from the opening of its epoch to its end: run, replicate, tell, stop, flush."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from kyc.agent.engine import Replication, Session
from kyc.agent.order import Order
from kyc.agent.output import Printer, Progress
from kyc.agent.race import first_of, together
from kyc.agent.replicate import Replicator
from kyc.agent.restore import Follower
from kyc.agent.world import World
from kyc.domain.errors import FencedError
from kyc.planning.release import plan_grace_s
from kyc.ports.runtime import Running
from kyc.wire.agent import Exited, Fenced, Released, Started

log = logging.getLogger(__name__)
_DISMISSED_GRACE_S = 2.0
_AFTER_INTERRUPT_S = 1.0  # between SIGTERM and SIGKILL for work that has had its grace already
_LAST_WORDS_S = 2.0  # for output that something we may not kill keeps open


class Work:
    """One attempt that has been told to run. `run` carries it to its end and tells how it went."""

    def __init__(self, world: World, order: Order, session: Session, follower: Follower) -> None:
        self._world = world
        self._order = order
        self._session = session
        self._follower = follower
        self._wanted = order.assignment
        self._replicator: Replicator | None = None
        self._final_delta_bytes = 0
        self._stopped_at: datetime | None = None
        progress = Progress(self._wanted.progress)
        self._printer = Printer(self._wanted.attempt, progress, tell=world.tell, clock=world.clock)

    @property
    def replication(self) -> Replication | None:
        """What knows how much is not yet safe; None before the work runs."""
        return None if self._replicator is None else self._replicator.now

    async def run(self) -> None:
        """Open the epoch, fetch what the predecessor wrote last, run the work; cancelled, the work is stopped."""
        try:
            outcome, _ = await first_of(opened=self._open(), released=self._order.until("release"))
            if outcome == "released":
                self._tell_released(missed=[])
            else:
                await self._run()
        except FencedError as error:
            log.warning("fenced", extra={"reason": str(error), "epoch": self._wanted.epoch})
            self._world.tell(Fenced(at=self._world.clock.now(), attempt=self._wanted.attempt, epoch=self._wanted.epoch))
        finally:
            if self._replicator is not None:
                self._replicator.close()

    async def _open(self) -> None:
        wanted = self._wanted
        await self._world.insist(wanted.attempt, "open the stream", lambda: self._session.open_epoch(wanted.epoch))
        if await self._follower.catch_up(tell=True):  # nobody else can commit any more: this is the last there is
            self._final_delta_bytes = self._follower.fetched_bytes

    async def _run(self) -> None:
        world, wanted = self._world, self._wanted
        replicator = self._replicator = Replicator(world, wanted, self._session)
        running = await world.runtime.start(world.command("run", wanted.run, wanted))
        try:
            world.tell(
                Started(
                    at=world.clock.now(),
                    attempt=wanted.attempt,
                    epoch=wanted.epoch,
                    pid=running.pid,
                    sequence=self._follower.sequence,
                    final_delta_bytes=self._final_delta_bytes,
                )
            )
            await self._see_through(running, replicator)
        except FencedError:
            await running.kill()
            raise
        finally:
            await running.stop(grace_s=_DISMISSED_GRACE_S)  # returns at once if it has ended
            self._printer.flush()

    async def _see_through(self, running: Running, replicator: Replicator) -> None:
        """Wait for the end of the work, by itself or by us; flush and tell. Raises FencedError."""
        async with together() as tasks:
            batches = tasks.create_task(self._printer.run())
            pump = tasks.create_task(self._pump(running))
            copying = tasks.create_task(replicator.run())
            ending, code = await first_of(
                exited=running.wait(),
                ordered=self._order.until("release"),
                forced=self._world.watch.must_release(
                    stop_grace_s=self._wanted.stop_grace_s,
                    flush_estimate_s=lambda: replicator.now.flush_estimate_s,
                ),
            )
            log.info("work_ends", extra={"attempt": self._wanted.attempt, "how": ending})
            if ending != "exited":
                await self._stop(running, replicator.now.flush_estimate_s)
            self._stopped_at = self._world.clock.now()
            await first_of(read=asyncio.shield(pump), time=self._world.clock.sleep_s(_LAST_WORDS_S))
            pump.cancel()
            batches.cancel()
            self._printer.flush()
            await self._flush(replicator, code if ending == "exited" else None)
            copying.cancel()

    async def _flush(self, replicator: Replicator, code: int | None) -> None:
        """Flush, then tell the end: with the exit code of work that ended by itself.

        If that could not be flushed before the instance's end, it counts as released: a replacement repeats the rest.
        """
        taken = await replicator.flush()
        if taken is None:
            self._tell_released(missed=replicator.unsafe_paths())
        elif code is None:
            self._tell_released(missed=list(taken.missed))
        else:
            self._world.tell(
                Exited(
                    at=self._world.clock.now(),
                    attempt=self._wanted.attempt,
                    stage="run",
                    code=code,
                    missed=list(taken.missed),
                )
            )

    async def _stop(self, running: Running, flush_estimate_s: float) -> None:
        """Have the work end: by its own command if it has one, by SIGTERM otherwise; after the grace it is killed."""
        grace_s = plan_grace_s(
            left_s=self._world.watch.left_s,
            flush_estimate_s=flush_estimate_s,
            stop_grace_s=self._order.assignment.stop_grace_s,
        )
        if self._wanted.on_interrupt:
            await first_of(
                exited=self._interrupt_and_wait(running),
                time=self._world.clock.sleep_s(grace_s),
            )
            grace_s = min(grace_s, _AFTER_INTERRUPT_S)
        await running.stop(grace_s=grace_s)

    async def _interrupt_and_wait(self, running: Running) -> None:
        world, wanted = self._world, self._wanted
        told = await world.runtime.start(
            world.command("on_interrupt", wanted.on_interrupt, wanted, KYC_PID=str(running.pid))
        )
        try:
            async for line in told.output():
                self._printer.add(line)
            await running.wait()
        finally:
            await told.kill()

    async def _pump(self, running: Running) -> None:
        async for line in running.output():
            self._printer.add(line)

    def _tell_released(self, *, missed: list[str]) -> None:
        self._world.tell(
            Released(
                at=self._world.clock.now(),
                attempt=self._wanted.attempt,
                missed=missed,
                stopped_at=self._stopped_at,
            )
        )
