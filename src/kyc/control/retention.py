"""The retention loop: snapshots that need not be kept, and what only they named, leave the stream."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from kyc.control.context import Context
from kyc.domain.errors import KycError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job
from kyc.ports.maintenance import Maintenance, Place

log = logging.getLogger(__name__)

EVERY_S = 120.0  # of work that goes on; what has ended is looked at once


@dataclass(slots=True)
class Retention:
    """Frees one workload after the other; one that is on its way to another stream is left alone."""

    context: Context
    maintenance: Maintenance
    _due_s: dict[WorkloadName, float] = field(default_factory=dict)

    async def tick(self) -> None:
        """Free what is due. A workload that cannot be looked at now is looked at next time."""
        for job in await self.context.store.jobs():
            if job.last_snapshot_at is None or job.move is not None or not self._is_due(job):
                continue
            try:
                await self._free(job)
            except KycError as error:
                log.warning("not_freed", extra={"workload": job.name, "why": str(error)})

    def _is_due(self, job: Job) -> bool:
        now_s = self.context.clock.monotonic_s()
        due_s = self._due_s.setdefault(job.name, now_s if job.is_over else now_s + EVERY_S)
        if now_s < due_s:
            return False
        self._due_s[job.name] = float("inf") if job.is_over else now_s + EVERY_S
        return True

    async def _free(self, job: Job) -> None:
        context = self.context
        key = context.secrets.open(job.sealed_key, purpose=f"workload {job.name}")
        stream = await context.stream_host.stream(job.name)
        try:
            place = Place(stream=stream, workload=job.name, key=key)
            freed = await self.maintenance.free(place, now=context.clock.now())
        finally:
            await stream.close()
        if not freed.snapshots and not freed.chunks:
            return
        why = "newer ones are kept, and a thinning history" if freed.snapshots else "left behind by an instance"
        data = {"snapshots": freed.snapshots, "chunks": freed.chunks, "stored_bytes": freed.stored_bytes}
        event = Event(
            kind=EventKind.SNAPSHOT_FREED,
            subject=job.name,
            at=context.clock.now(),
            data=data,
            reason=why,
        )
        await context.store.save(events=[event])
        context.signal.notify()
