"""The observation loop: what the clouds have, held against what we think. Finds the lost and the orphans."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta

from kyc.control.context import Context, write_fresh
from kyc.control.pulse import Pulses
from kyc.domain.errors import KycError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.planning.liveness import EXPECTED, Patience, Sighting, lost_because
from kyc.ports.cloud import Cloud, CloudInstance

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Observer:
    """Compares each cloud with the store. From one that does not answer nothing is concluded."""

    context: Context
    pulses: Pulses
    patience: Patience = field(default_factory=Patience)
    orphan_grace: timedelta = timedelta(seconds=60)
    _suspected: set[InstanceId] = field(default_factory=set)
    _orphans: dict[str, float] = field(default_factory=dict)

    async def tick(self) -> None:
        """Look at every cloud once."""
        for cloud in self.context.clouds.values():
            try:
                listed = await cloud.instances()
            except KycError as error:
                log.warning("cloud_silent", extra={"cloud": cloud.name, "why": str(error)})
                continue
            await self._compare(cloud, {i.instance_id: i for i in listed})

    async def _compare(self, cloud: Cloud, listed: dict[InstanceId, CloudInstance]) -> None:
        known = {i.id: i for i in await self.context.store.instances() if i.offer.cloud == cloud.name}
        for instance in known.values():
            if instance.state in EXPECTED:
                await write_fresh(lambda i=instance: self._judge(i.id, listed.get(i.id)))  # type: ignore[misc]
        for found in listed.values():
            await self._sweep(cloud, found, known.get(found.instance_id))

    async def _judge(self, instance_id: InstanceId, found: CloudInstance | None) -> None:
        instance = await self.context.store.instance(instance_id)
        if instance is None:
            return
        now = self.context.clock.now()
        silent = timedelta(seconds=self.pulses.silent_s(instance_id))
        sighting = None if found is None else Sighting(running=found.running, end_reason=found.end_reason)
        reason = lost_because(instance, sighting, silent=silent, now=now, patience=self.patience)
        if reason is None:
            await self._suspect(instance, silent)
            return
        ended_at = now if found is None else (found.ended_at or (None if found.running else now))
        crashed = found is not None and found.crashed and instance.notice is None
        lost = instance.to(
            InstanceState.LOST,
            ended_at=ended_at,
            interrupted_at=instance.interrupted_at or (None if crashed else now),
            end_reason=reason,
            crashed=crashed,
        )
        data = {"workload": instance.workload, "silent_s": round(silent.total_seconds(), 3), "offer": instance.offer.id}
        event = Event(kind=EventKind.INSTANCE_LOST, subject=instance.id, at=now, data=data, reason=reason)
        if instance.workload is None:  # no plan of a workload will give it back
            lost = lost.to(InstanceState.TERMINATING)
        await self.context.store.save(lost, events=[event])
        self.pulses.forget(instance_id)
        self._suspected.discard(instance_id)
        self.context.signal.notify()

    async def _suspect(self, instance: Instance, silent: timedelta) -> None:
        if silent <= self.patience.suspect or instance.state is InstanceState.BOOTING:
            self._suspected.discard(instance.id)
            return
        if instance.id in self._suspected:
            return
        self._suspected.add(instance.id)
        reason = f"no heartbeat for {silent.total_seconds():.0f} s"
        now = self.context.clock.now()
        event = Event(kind=EventKind.INSTANCE_SUSPECTED, subject=instance.id, at=now, reason=reason)
        await self.context.store.save(events=[event])

    async def _sweep(self, cloud: Cloud, found: CloudInstance, known: Instance | None) -> None:
        """Remove what runs and bills although we do not know it, or think that it is over; after a grace time."""
        if not found.running or (known is not None and not known.is_over):
            self._orphans.pop(found.provider_id, None)
            return
        now, clock_s = self.context.clock.now(), self.context.clock.monotonic_s()
        about = {"cloud": cloud.name, "instance": found.instance_id, "zone": found.zone}
        event = Event(
            kind=EventKind.ORPHAN_FOUND, subject=found.provider_id, at=now, data=about, reason="not known here"
        )
        if found.provider_id not in self._orphans:
            self._orphans[found.provider_id] = clock_s
            await self.context.store.save(events=[event])
        elif clock_s - self._orphans[found.provider_id] >= self.orphan_grace.total_seconds():
            await cloud.remove(found.provider_id)
            del self._orphans[found.provider_id]
            removed = replace(event, kind=EventKind.ORPHAN_REMOVED, reason="nobody claimed it")
            await self.context.store.save(events=[removed])
