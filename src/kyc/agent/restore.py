"""Brings the newest snapshot to the disk, and goes on doing so while the predecessor still works."""

from __future__ import annotations

import logging

from kyc.agent.engine import Fetched, Restorer
from kyc.agent.world import World
from kyc.domain.errors import DamagedDataError, NotFoundError
from kyc.wire.agent import Assignment, Restored

log = logging.getLogger(__name__)
_TRIES = 3  # of a snapshot that vanishes or is damaged: a newer one may have taken its place


class Follower:
    """The files of one attempt as of snapshot `sequence` (None: there was none yet)."""

    def __init__(self, world: World, wanted: Assignment, restorer: Restorer) -> None:
        self._world = world
        self._wanted = wanted
        self._restorer = restorer
        self.sequence: int | None = None

    async def first(self) -> None:
        """Restore the newest snapshot and tell so, also if there is none."""
        if not await self.catch_up(tell=True):
            self._tell(Restored(at=self._world.clock.now(), attempt=self._wanted.attempt, done=True, sequence=None))

    async def catch_up(self, *, tell: bool) -> bool:
        """Restore the newest snapshot unless it is on the disk; say whether there was anything to do.

        Raises NotFoundError or DamagedDataError if no snapshot could be restored in three tries.
        """
        for tries_left in reversed(range(_TRIES)):
            newest = await self._insist_newest()
            if newest is None or newest == self.sequence:
                return False
            try:
                await self._restore(newest, tell=tell)
            except (NotFoundError, DamagedDataError) as error:
                log.warning("restore_failed", extra={"sequence": newest, "reason": str(error)})
                if not tries_left:
                    raise
            else:
                return True
        return False

    async def close(self) -> None:
        """Let go of the stream."""
        await self._restorer.close()

    async def _insist_newest(self) -> int | None:
        return await self._world.insist(self._wanted.attempt, "look for snapshots", self._restorer.newest)

    async def _restore(self, sequence: int, *, tell: bool) -> None:
        clock, attempt = self._world.clock, self._wanted.attempt
        if tell:
            self._tell(Restored(at=clock.now(), attempt=attempt, done=False, sequence=sequence))
        began_s = clock.monotonic_s()
        fetched = await self._world.insist(attempt, "restore the files", lambda: self._restorer.restore(sequence))
        self.sequence = fetched.sequence
        if tell:
            self._tell(self._done(fetched, took_s=clock.monotonic_s() - began_s))

    def _done(self, fetched: Fetched, *, took_s: float) -> Restored:
        return Restored(
            at=self._world.clock.now(),
            attempt=self._wanted.attempt,
            done=True,
            sequence=fetched.sequence,
            files=fetched.files,
            bytes=fetched.bytes,
            fetched_bytes=fetched.fetched_bytes,
            took_s=took_s,
        )

    def _tell(self, fact: Restored) -> None:
        self._world.tell(fact)
