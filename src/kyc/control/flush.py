"""Warns when what is not yet safe on an instance would not be flushed within its provider's notice."""

from __future__ import annotations

from dataclasses import dataclass, field

from kyc.control.context import Context
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import AttemptId, InstanceId
from kyc.planning.release import NOTICE_S, SHORTEST_NOTICE_S, flush_fits
from kyc.wire.agent import Pulse

_WELL_WITHIN = 0.8  # of the notice: nearer than that the warning stands, so that it does not come and go


@dataclass(slots=True)
class FlushWatch:
    """Hears every heartbeat; tells the timeline when it does not fit any more, and when it does again."""

    context: Context
    _warned: set[InstanceId] = field(default_factory=set)

    async def heard(self, instance_id: InstanceId, pulse: Pulse) -> None:
        """Look at one heartbeat."""
        estimate_s = pulse.flush_estimate_s
        if estimate_s is None or pulse.attempt is None:
            self._warned.discard(instance_id)
            return
        is_warned = instance_id in self._warned
        if not is_warned and flush_fits(estimate_s, cloud="", share=_WELL_WITHIN):
            return  # it would fit the shortest notice there is
        instance = await self.context.store.instance(instance_id)
        if instance is None:
            return
        cloud = instance.offer.cloud
        fits = flush_fits(estimate_s, cloud=cloud, share=_WELL_WITHIN if is_warned else 1.0)
        if fits != is_warned:
            return
        (self._warned.discard if fits else self._warned.add)(instance_id)
        await self._tell(instance_id, cloud, pulse, fits=fits)

    async def _tell(self, instance_id: InstanceId, cloud: str, pulse: Pulse, *, fits: bool) -> None:
        attempt = await self.context.store.attempt(AttemptId(pulse.attempt or ""))
        if attempt is None:
            return
        notice_s = NOTICE_S.get(cloud, SHORTEST_NOTICE_S)
        estimate_s = pulse.flush_estimate_s or 0.0
        reason = f"a flush takes about {estimate_s:.0f} s, the notice of {cloud} is {notice_s:.0f} s"
        event = Event(
            kind=EventKind.FLUSH_FITS if fits else EventKind.FLUSH_WARNED,
            subject=attempt.workload,
            at=self.context.clock.now(),
            data={
                "instance": instance_id,
                "attempt": attempt.id,
                "flush_estimate_s": round(estimate_s, 3),
                "notice_s": notice_s,
                "dirty_bytes": pulse.dirty_bytes,
            },
            reason=reason,
        )
        await self.context.store.save(events=[event])
        self.context.signal.notify()
