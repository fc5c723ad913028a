"""The folder that the replicas of one revision share on an instance: the workdir, with its set-up run once."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from kyc.agent.lines import Lines
from kyc.agent.race import together
from kyc.agent.world import World
from kyc.domain.errors import InvalidInputError, OutOfSpaceError
from kyc.ports.runtime import Command
from kyc.wire.replica import ReplicaOrder

_SETUP_GRACE_S = 2.0


class SharedFiles:
    """Makes each folder once, however many replicas wait for it; one whose set-up failed is made anew next time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._locks: dict[str, asyncio.Lock] = {}
        self._ready: set[str] = set()

    async def ready(self, order: ReplicaOrder, lines: Lines) -> Path:
        """Return the folder once all is in it; raise InvalidInputError if its set-up fails."""
        folder = self._world.folder(order.files)
        async with self._locks.setdefault(order.files, asyncio.Lock()):
            if order.files not in self._ready:
                await self._make(order, folder, lines)
                self._ready.add(order.files)
        return folder

    async def keep_only(self, names: set[str]) -> None:
        """Remove the folders that no replica uses any more."""
        for name in self._ready - names:
            self._ready.discard(name)
            await asyncio.to_thread(shutil.rmtree, self._world.folder(name), ignore_errors=True)

    async def _make(self, order: ReplicaOrder, folder: Path, lines: Lines) -> None:
        await asyncio.to_thread(_make_empty, folder)
        if order.archive is not None:
            sha256 = order.archive
            await self._world.insist(
                order.replica, "fetch the workdir", lambda: self._world.archives.fetch(sha256, folder)
            )
        if order.setup and not order.image:
            await self._set_up(order, folder, lines)

    async def _set_up(self, order: ReplicaOrder, folder: Path, lines: Lines) -> None:
        env = self._world.replica_env(order)
        running = await self._world.runtime.start(Command(name="setup", script=order.setup, folder=folder, env=env))
        try:
            async with together() as tasks:
                batches = tasks.create_task(lines.run())
                async for line in running.output():
                    lines.add(line)
                batches.cancel()
            code = await running.wait()
        finally:
            lines.flush()
            await running.stop(grace_s=_SETUP_GRACE_S)
        if code != 0:
            raise InvalidInputError(f"setup ended with code {code}", next_step="Correct `setup` in the file.")


def _make_empty(folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise OutOfSpaceError(
            f"cannot make {folder}: {error.strerror}", next_step="Look at the instance's disk."
        ) from error
