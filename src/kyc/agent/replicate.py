"""Keeps the stream up to date while the work runs, and flushes the rest when it has ended."""

from __future__ import annotations

import asyncio
import logging

from kyc.agent.engine import Backlog, Publisher, Taken
from kyc.agent.race import first_of
from kyc.agent.world import World
from kyc.domain.errors import FencedError, KycError
from kyc.wire.agent import Assignment, Committed

log = logging.getLogger(__name__)
NOTICED_INTERVAL_S = 0.5  # little is left for the last flush, when the time for it is short
_RETRY_S = 0.5
_RESERVE_S = 0.3  # before the end: time to say which files were not flushed
_TROUBLED_AFTER = 3  # failures in a row


class Replicator:
    """Takes the snapshots of one attempt in its epoch. `run` and `flush` are each called once, `run` first.

    Both raise FencedError. Any other failure is tried again at the next turn, and told when it lasts.
    """

    def __init__(self, world: World, wanted: Assignment, publisher: Publisher) -> None:
        self._world = world
        self._wanted = wanted
        self._publisher = publisher
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._failures = 0

    def backlog(self) -> Backlog:
        """Return what is not yet safe."""
        return self._publisher.backlog()

    async def run(self) -> None:
        """Take a snapshot every interval, and at once when the provider warns; return when `flush` takes over."""
        try:
            await self._pause()
            while not self._closing.is_set():
                await self._snapshot(final=False)
                await self._pause()
        finally:
            self._ended.set()

    async def close(self) -> None:
        """Give the epoch's writer back."""
        await self._publisher.close()

    async def flush(self) -> Taken | None:
        """Take the last snapshot, after the work has ended, and return it.

        It is tried until it succeeds, or until the instance's end is so near that only telling is left: then None.
        """
        self._closing.set()
        _, taken = await first_of(flushed=self._flush(), late=self._until_the_end_is_near())
        return taken if isinstance(taken, Taken) else None

    async def _flush(self) -> Taken:
        await self._ended.wait()
        while (taken := await self._snapshot(final=True)) is None:
            await self._world.clock.sleep_s(_RETRY_S)
        return taken

    async def _until_the_end_is_near(self) -> None:
        await self._world.watch.interrupted.wait()
        while (left_s := self._world.watch.left_s or 0.0) > _RESERVE_S:
            await self._world.clock.sleep_s(max(left_s - _RESERVE_S, 0.01))  # no ever smaller steps

    async def _pause(self) -> None:
        watch, clock = self._world.watch, self._world.clock
        interval_s = self._wanted.snapshot_interval_s
        if watch.warned.is_set():
            await first_of(closing=self._closing.wait(), time=clock.sleep_s(min(interval_s, NOTICED_INTERVAL_S)))
        else:
            await first_of(closing=self._closing.wait(), time=clock.sleep_s(interval_s), warned=watch.warned.wait())

    async def _snapshot(self, *, final: bool) -> Taken | None:
        """Take a snapshot and tell it; None if nothing had changed, or it did not succeed."""
        began_s = self._world.clock.monotonic_s()
        try:
            taken = await self._publisher.snapshot(final=final)
        except FencedError:
            raise
        except (KycError, OSError) as error:
            self._note(error)
            return None
        self._failures = 0
        if taken is not None:
            self._tell(taken, took_s=self._world.clock.monotonic_s() - began_s, flushed=final)
        return taken

    def _note(self, error: KycError | OSError) -> None:
        self._failures += 1
        log.warning("snapshot_failed", extra={"reason": str(error), "failures": self._failures})
        if self._failures == _TROUBLED_AFTER:
            next_step = error.next_step if isinstance(error, KycError) else "Look at the instance's disk."
            self._world.trouble(self._wanted.attempt, f"cannot take snapshots: {error}", next_step)

    def _tell(self, taken: Taken, *, took_s: float, flushed: bool) -> None:
        self._world.tell(
            Committed(
                at=self._world.clock.now(),
                attempt=self._wanted.attempt,
                epoch=self._wanted.epoch,
                sequence=taken.sequence,
                files=taken.files,
                bytes=taken.bytes,
                sent_bytes=taken.sent_bytes,
                took_s=took_s,
                flushed=flushed,
                missed=list(taken.missed),
            )
        )
