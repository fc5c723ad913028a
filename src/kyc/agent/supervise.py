"""Makes the instance do what the master wants now: at most one attempt, in the phase that was asked for last.

Level-triggered: what counts is the newest desire, whatever was missed in between. An attempt that has ended here is
never begun again here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from typing import Never

from kyc.agent.engine import Replication, Session
from kyc.agent.mark import Mark
from kyc.agent.order import Order
from kyc.agent.prepare import follow, prepare
from kyc.agent.restore import Follower
from kyc.agent.work import Work
from kyc.agent.world import World
from kyc.domain.errors import InvalidInputError, KycError
from kyc.wire.agent import Assignment, Desire, Exited, Released

log = logging.getLogger(__name__)


class Supervisor:
    """Converges on the newest desire. `want` takes it, `run` acts on it."""

    def __init__(self, world: World, mark: Mark) -> None:
        self._world = world
        self._mark = mark
        self._wanted: Assignment | None = None
        self._changed = asyncio.Event()
        self._order: Order | None = None
        self._work: Work | None = None
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None

    def want(self, desire: Desire) -> None:
        """Take the newest desire."""
        self._wanted = desire.assignment
        if self._order is not None and self._wanted is not None and self._wanted.attempt == self.attempt:
            self._order.update(self._wanted)
            if self._session is not None:
                self._session.renew(self._wanted.stream)
        self._changed.set()

    @property
    def attempt(self) -> str | None:
        """The attempt this instance works on, or worked on last."""
        return None if self._order is None else self._order.assignment.attempt

    @property
    def works(self) -> bool:
        """Whether work runs, or is being started or flushed."""
        return self._work is not None and self._task is not None and not self._task.done()

    async def wait_for_the_end(self) -> None:
        """Return once no work runs here any more."""
        if self.works and self._task is not None:
            await asyncio.wait([self._task])

    @property
    def replication(self) -> Replication | None:
        """What knows how much is not yet safe; None while no work has run."""
        return None if self._work is None else self._work.replication

    async def run(self) -> Never:
        """Converge for ever; cancelled, it ends what runs first."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    wanted = self._wanted
                    if self._order is not None and (wanted is None or wanted.attempt != self.attempt):
                        await self._dismiss()
                    if self._order is None and wanted is not None:
                        self._order = Order(wanted)
                        self._task = tasks.create_task(self._carry_out(self._order))
        finally:
            self._task = None

    async def _dismiss(self) -> None:
        """Stop whatever runs for the attempt, and clean up its files."""
        assert self._order is not None
        workload = self._order.assignment.workload
        log.info("dismissed", extra={"attempt": self.attempt})
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        with contextlib.suppress(InvalidInputError):  # a bad name never got as far as having files
            await asyncio.to_thread(shutil.rmtree, self._world.folder(workload), ignore_errors=True)
        self._order = self._work = self._task = None

    async def _carry_out(self, order: Order) -> None:
        """Do all of one attempt. What the agent cannot mend ends the attempt here, and is told."""
        attempt = order.assignment.attempt
        try:
            await self._live(order)
        except KycError as error:
            self._world.trouble(attempt, str(error), error.next_step, fatal=True)
        except OSError as error:
            self._world.trouble(attempt, f"the instance fails: {error}", "Look at its disk.", fatal=True)
        log.info("attempt_over", extra={"attempt": attempt})

    async def _live(self, order: Order) -> None:
        world, wanted = self._world, order.assignment
        if self._mark.is_on(wanted.attempt):
            what = "the agent was killed or restarted, and the work ended with it"
            world.trouble(wanted.attempt, what, "The job goes on elsewhere from its last snapshot.", fatal=True)
            return
        if order.phase == "release":
            world.tell(Released(at=world.clock.now(), attempt=wanted.attempt))
            return
        session = self._session = await world.insist(
            wanted.attempt, "reach the stream", lambda: world.engine.open(world.tree(order.assignment))
        )
        follower = Follower(world, wanted, session)
        try:
            if await self._get_ready(order, follower):
                self._mark.set(wanted.attempt)
                self._work = Work(world, order, session, follower)
                await self._work.run()
        finally:
            self._session = None
            await session.close()

    async def _get_ready(self, order: Order, follower: Follower) -> bool:
        """Prepare and wait for the word to run; False if there is nothing to run."""
        world = self._world
        code = await prepare(world, order, follower)
        if code != 0:
            world.tell(Exited(at=world.clock.now(), attempt=order.assignment.attempt, stage="setup", code=code))
            return False
        await follow(world, order, follower)
        if order.phase == "release":
            world.tell(Released(at=world.clock.now(), attempt=order.assignment.attempt))
            return False
        return True
