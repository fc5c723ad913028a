"""Gets an instance ready for its attempt: the workdir, the newest snapshot, the set-up; then it follows and waits."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from kyc.agent.order import Order
from kyc.agent.output import Printer, Progress
from kyc.agent.race import first_of, together
from kyc.agent.restore import Follower
from kyc.agent.world import World
from kyc.domain.errors import OutOfSpaceError
from kyc.wire.agent import Assignment, Prepared

FOLLOW_S = 1.0
_SETUP_GRACE_S = 2.0


async def prepare(world: World, order: Order, follower: Follower) -> int:
    """Make the workload's folder ready; return the set-up's exit code (0 without one)."""
    wanted = order.assignment
    folder = world.folder(wanted.workload)
    await asyncio.to_thread(_make_empty, folder)
    if wanted.archive is not None:
        sha256 = wanted.archive
        await world.insist(wanted.attempt, "fetch the workdir", lambda: world.archives.fetch(sha256, folder))
    await follower.first()
    return await _set_up(world, wanted) if wanted.setup else 0


async def follow(world: World, order: Order, follower: Follower) -> None:
    """Say that all is ready, then keep up with the predecessor's snapshots until something else is wanted."""
    if order.phase == "prepare":
        world.tell(Prepared(at=world.clock.now(), attempt=order.assignment.attempt))
    while order.phase == "prepare":
        await first_of(told=order.until("run", "release"), time=world.clock.sleep_s(FOLLOW_S))
        if order.phase == "prepare":
            await follower.catch_up(tell=False)


async def _set_up(world: World, wanted: Assignment) -> int:
    running = await world.runtime.start(world.command("setup", wanted.setup, wanted))
    printer = Printer(wanted.attempt, Progress(""), tell=world.tell, clock=world.clock)
    try:
        async with together() as tasks:
            batches = tasks.create_task(printer.run())
            async for line in running.output():
                printer.add(line)
            batches.cancel()
        return await running.wait()
    finally:
        printer.flush()
        await running.stop(grace_s=_SETUP_GRACE_S)


def _make_empty(folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise OutOfSpaceError(
            f"cannot make {folder}: {error.strerror}", next_step="Look at the instance's disk."
        ) from error
