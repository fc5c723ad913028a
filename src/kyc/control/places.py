"""The places loop: each new job gets its place in the stream, before anything is bought for it.

It has a loop of its own because a stream that does not answer may take half a minute to say so, and the other jobs,
whose instances go away meanwhile, must not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kyc.control.context import Context, write_fresh
from kyc.domain.errors import KycError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import WorkloadName

AGAIN_AFTER_S = 15.0


@dataclass(slots=True)
class Places:
    """Makes places in the master's own stream; a job stays in the stream it began in, whatever that is later."""

    context: Context
    _not_before_s: float = 0.0

    async def tick(self) -> None:
        """Make what is missing; if that cannot be done, say so of every job that waits, and try again later."""
        clock = self.context.clock
        if clock.monotonic_s() < self._not_before_s:
            return
        waiting = [job.name for job in await self.context.store.jobs(live_only=True) if job.lacks_place]
        try:
            for name in waiting:
                await self._make(name)
        except KycError as error:
            self._not_before_s = clock.monotonic_s() + AGAIN_AFTER_S
            for name in waiting:
                await self._tell(name, error)

    async def _make(self, name: WorkloadName) -> None:
        host = self.context.stream_host
        stream = await host.stream(name)
        try:
            await stream.create(name)
        finally:
            await stream.close()

        async def begin() -> None:
            job = await self.context.store.job(name)
            if job is not None and job.lacks_place:
                await self.context.store.save(replace(job, stream=host.identity, reason=""))

        await write_fresh(begin)
        self.context.signal.notify()

    async def _tell(self, name: WorkloadName, error: KycError) -> None:
        reason = f"its place in the stream cannot be made: {error}"
        at, data = self.context.clock.now(), {"next_step": error.next_step}
        event = Event(kind=EventKind.STREAM_TROUBLED, subject=name, at=at, data=data, reason=reason)

        async def tell() -> None:
            job = await self.context.store.job(name)
            if job is not None and job.lacks_place and job.reason != reason:
                await self.context.store.save(replace(job, reason=reason), events=[event])

        await write_fresh(tell)
        self.context.signal.notify()
