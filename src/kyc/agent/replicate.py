"""Keeps the stream up to date while the work runs, and flushes the rest when it has ended; tells both."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

from kyc.agent.engine import Replication, Session
from kyc.agent.race import first_of, together
from kyc.agent.trouble import Trouble
from kyc.agent.world import World
from kyc.domain.errors import CredentialError, FencedError, KycError, NotAllowedError, OutOfSpaceError, UnreachableError
from kyc.snapshot.workload import Commit, ReplicationOptions, Tell
from kyc.wire.agent import Assignment, Committed

log = logging.getLogger(__name__)
NOTICED_INTERVAL = timedelta(seconds=0.5)  # little is left for the last flush, when the time for it is short
_AGAIN_S = 5.0
_RESERVE_S = 0.3  # before the end: time to say which files were not flushed
_HOPELESS = (FencedError, CredentialError, NotAllowedError)


class Replicator:
    """The snapshots of one attempt, whose epoch is open in the session."""

    def __init__(self, world: World, wanted: Assignment, session: Session) -> None:
        self._world = world
        self._wanted = wanted
        self._trouble = Trouble("take snapshots", partial(world.trouble, wanted.attempt), world.clock)
        self._interval = timedelta(seconds=wanted.snapshot_interval_s)
        options = ReplicationOptions(
            interval=self._interval, bytes_per_s=wanted.snapshot_bytes_per_s, paranoid=wanted.snapshot_paranoid
        )
        tell = Tell(commit=self._committed, trouble=self._not_taken)
        self.now: Replication = session.replicate(options=options, tell=tell)

    async def run(self) -> None:
        """Replicate until cancelled; raise FencedError, CredentialError or NotAllowedError. More often once warned."""
        async with together() as tasks:
            tasks.create_task(self._hurry())
            while True:
                try:
                    await self.now.run()
                except _HOPELESS:
                    raise
                except KycError as error:
                    self._trouble.note(error)
                await self._world.clock.sleep_s(_AGAIN_S)

    async def flush(self) -> Commit | None:
        """Take the last snapshot, after the work has ended, and return it; the errors of `run`.

        It is tried until it succeeds, or until the instance's end is so near that only telling is left: then None.
        """
        watch = self._world.watch
        if not watch.interrupted.is_set():
            name, commit = await first_of(flushed=self.now.flush(), hurry=watch.interrupted.wait())
            if name == "flushed":
                assert isinstance(commit, Commit)
                return commit
        try:
            return await self.now.flush(within_s=max(0.0, (watch.left_s or 0.0) - _RESERVE_S))
        except (UnreachableError, OutOfSpaceError) as error:
            log.warning("not_flushed", extra={"attempt": self._wanted.attempt, "reason": str(error)})
            return None

    def unsafe_paths(self) -> list[str]:
        """Return the names of what is not in the stream: all that is kept where nothing better is known."""
        return list(self.now.dirty_paths) or list(self._wanted.keep)

    def close(self) -> None:
        """Let go of the epoch's writer."""
        self.now.close()

    async def _hurry(self) -> None:
        await self._world.watch.warned.wait()
        self.now.hurry(min(self._interval, NOTICED_INTERVAL))

    async def _not_taken(self, error: KycError) -> None:
        self._trouble.note(error)

    async def _committed(self, commit: Commit) -> None:
        self._trouble.end()
        self._world.tell(
            Committed(
                at=self._world.clock.now(),
                attempt=self._wanted.attempt,
                epoch=self._wanted.epoch,
                sequence=commit.sequence,
                files=commit.files,
                bytes=commit.bytes,
                sent_bytes=commit.sent_bytes,
                took_s=commit.took_s,
                flushed=commit.flushed,
                missed=[*commit.missed, *commit.special],
                rpo_s=round(commit.rpo_s, 3),
                dirty_bytes=commit.dirty_bytes,
            )
        )
