"""The observation loop: what the clouds have, held against what we think. Finds the lost and the orphans."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kyc.control.context import Context, write_fresh
from kyc.control.pulse import Pulses
from kyc.control.sweep import Sweeper
from kyc.domain.errors import KycError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.planning.liveness import EXPECTED, Patience, Sighting, lost_because
from kyc.ports.cloud import Cloud, CloudInstance

DOUBTED_EVERY_S = 2.0
ALMOST = 0.9  # of a period has passed when the loop comes round: no cloud is left out for being a moment early
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Observer:
    """Compares each cloud with the store. From one that does not answer nothing is concluded."""

    context: Context
    pulses: Pulses
    patience: Patience = field(default_factory=Patience)
    sweeper: Sweeper | None = None
    _suspected: set[InstanceId] = field(default_factory=set)
    _looked_s: dict[str, float] = field(default_factory=dict)

    async def tick(self) -> None:
        """Look at every cloud whose turn it is."""
        silent = {i.offer.cloud for i in await self.context.store.instances(live_only=True) if self._is_silent(i)}
        for cloud in self.context.clouds.values():
            if not self._is_due(cloud, doubted=cloud.name in silent):
                continue
            try:
                listed = await cloud.instances()
            except KycError as error:
                log.warning("cloud_silent", extra={"cloud": cloud.name, "why": str(error)})
                continue
            await self._compare(cloud, listed)

    def _is_silent(self, instance: Instance) -> bool:
        silent_s = self.pulses.silent_s(instance.id)
        return instance.state in EXPECTED and silent_s > self.patience.suspect.total_seconds()

    def _is_due(self, cloud: Cloud, *, doubted: bool) -> bool:
        """Say whether to look: as often as the cloud bears it, more often while one of its instances is silent."""
        now_s = self.context.clock.monotonic_s()
        wait_s = min(cloud.look_every_s, DOUBTED_EVERY_S) if doubted else cloud.look_every_s
        if cloud.name in self._looked_s and now_s - self._looked_s[cloud.name] < wait_s * ALMOST:
            return False
        self._looked_s[cloud.name] = now_s
        return True

    async def _compare(self, cloud: Cloud, found: Sequence[CloudInstance]) -> None:
        known = {i.id: i for i in await self.context.store.instances() if i.offer.cloud == cloud.name}
        listed = {i.instance_id: i for i in found if i.provider_id == _provider_id(known.get(i.instance_id), i)}
        for instance in known.values():
            if instance.state in EXPECTED:
                await write_fresh(lambda i=instance: self._judge(i.id, listed.get(i.id)))  # type: ignore[misc]
        if self.sweeper is not None:
            await self.sweeper.judge(cloud, found, known)

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


def _provider_id(known: Instance | None, found: CloudInstance) -> str:
    """Return the id under which the cloud has the instance of the record: of two with its tag only one is it."""
    return found.provider_id if known is None or known.provider_id is None else known.provider_id
