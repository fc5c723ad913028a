"""Brings the newest snapshot to the disk, and goes on doing so while the predecessor still works."""

from __future__ import annotations

import logging

from kyc.agent.engine import Session
from kyc.agent.world import World
from kyc.domain.errors import DamagedDataError, NotFoundError
from kyc.wire.agent import Assignment, Restored

log = logging.getLogger(__name__)
_TRIES = 3  # where every snapshot vanishes or is damaged: a newer one may come meanwhile


class Follower:
    """The files of one attempt as of snapshot `sequence` (None: there was none yet)."""

    def __init__(self, world: World, wanted: Assignment, session: Session) -> None:
        self._world = world
        self._wanted = wanted
        self._session = session
        self._seen: int | None = None  # the newest there was at the last restore, which may have had to skip it
        self.sequence: int | None = None
        self.fetched_bytes = 0  # by the last restore

    async def first(self) -> None:
        """Restore the newest snapshot and tell so, also if there is none."""
        if not await self.catch_up(tell=True):
            self._world.tell(
                Restored(at=self._world.clock.now(), attempt=self._wanted.attempt, done=True, sequence=None)
            )

    async def catch_up(self, *, tell: bool) -> bool:
        """Restore the newest snapshot unless it is on the disk; say whether there was anything to do.

        Raises NotFoundError or DamagedDataError if no snapshot could be restored in three tries.
        """
        for tries_left in reversed(range(_TRIES)):
            newest = await self._world.insist(self._wanted.attempt, "look for snapshots", self._session.newest)
            if newest is None or newest == self._seen:
                return False
            try:
                await self._restore(newest, tell=tell)
            except (NotFoundError, DamagedDataError) as error:
                log.warning("restore_failed", extra={"sequence": newest, "reason": str(error)})
                if not tries_left:
                    raise
            else:
                self._seen = newest
                return True
        return False

    async def _restore(self, newest: int, *, tell: bool) -> None:
        clock, attempt = self._world.clock, self._wanted.attempt
        if tell:
            self._world.tell(Restored(at=clock.now(), attempt=attempt, done=False, sequence=newest))
        began_s = clock.monotonic_s()
        restored = await self._world.insist(attempt, "restore the files", self._session.restore)
        self.sequence, self.fetched_bytes = restored.sequence, restored.fetched_bytes
        if tell:
            self._world.tell(
                Restored(
                    at=clock.now(),
                    attempt=attempt,
                    done=True,
                    sequence=restored.sequence,
                    files=restored.files,
                    bytes=restored.bytes,
                    fetched_bytes=restored.fetched_bytes,
                    took_s=clock.monotonic_s() - began_s,
                )
            )
