"""The sweep: what runs and bills under our tags although nobody here knows it, found and removed after a grace time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kyc.control.context import Context
from kyc.domain.errors import KycError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.instance import Instance
from kyc.planning.orphan import why_orphan
from kyc.ports.cloud import Cloud, CloudInstance

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """Something that runs or bills and is not ours to want any more. `removed`: it was ended just now."""

    cloud: str
    found: CloudInstance
    reason: str
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep saw: how many instances, which orphans, which clouds did not answer and why.

    `workspaces` are those of Terraform without a deployment here: a database was lost or exchanged.
    """

    seen: int
    orphans: Sequence[Orphan]
    silent: Mapping[str, str]
    workspaces: Sequence[DeploymentId]


@dataclass(slots=True)
class Sweeper:
    """Judges listings. An orphan that is seen again after `grace` is removed; a person may have it removed at once."""

    context: Context
    grace: timedelta = timedelta(seconds=60)
    _since: dict[str, float] = field(default_factory=dict)

    async def judge(self, cloud: Cloud, listed: Iterable[CloudInstance], known: Mapping[InstanceId, Instance]) -> None:
        """Take in what a cloud lists: remember the orphans, remove those whose time is up."""
        for found in listed:
            reason = _why(found, known)
            if reason is None:
                self._since.pop(found.provider_id, None)
                continue
            now_s = self.context.clock.monotonic_s()
            if found.provider_id not in self._since:
                self._since[found.provider_id] = now_s
                await self._tell(EventKind.ORPHAN_FOUND, cloud, found, reason)
            elif now_s - self._since[found.provider_id] >= self.grace.total_seconds():
                await self._remove(cloud, found)

    async def sweep(self, *, everywhere: bool, remove: bool) -> SweepReport:
        """Look at every cloud now, in all regions for `everywhere`; end at once what is an orphan for `remove`."""
        orphans: list[Orphan] = []
        silent: dict[str, str] = {}
        seen = 0
        for cloud in self.context.clouds.values():
            try:
                listed = await cloud.instances(everywhere=everywhere)
                seen += sum(1 for one in listed if one.running)
                orphans += await self._sweep(cloud, listed, remove=remove)
            except KycError as error:
                silent[cloud.name] = str(error)
        known = {one.id for one in await self.context.store.deployments()}
        stray = sorted(await self.context.provisioner.deployments() - known)
        return SweepReport(seen=seen, orphans=orphans, silent=silent, workspaces=stray)

    async def _sweep(self, cloud: Cloud, listed: Sequence[CloudInstance], *, remove: bool) -> list[Orphan]:
        known = {one.id: one for one in await self.context.store.instances() if one.offer.cloud == cloud.name}
        orphans = []
        for found in listed:
            reason = _why(found, known)
            if reason is None:
                continue
            if found.provider_id not in self._since:
                self._since[found.provider_id] = self.context.clock.monotonic_s()
                await self._tell(EventKind.ORPHAN_FOUND, cloud, found, reason)
            if remove:
                await self._remove(cloud, found)
            orphans.append(Orphan(cloud=cloud.name, found=found, reason=reason, removed=remove))
        return orphans

    async def _remove(self, cloud: Cloud, found: CloudInstance) -> None:
        await cloud.remove(found.provider_id)
        self._since.pop(found.provider_id, None)
        await self._tell(EventKind.ORPHAN_REMOVED, cloud, found, "nobody claimed it")

    async def _tell(self, kind: EventKind, cloud: Cloud, found: CloudInstance, reason: str) -> None:
        about = {"cloud": cloud.name, "instance": found.instance_id, "zone": found.zone, "region": found.region}
        now = self.context.clock.now()
        event = Event(kind=kind, subject=found.provider_id, at=now, data=about, reason=reason)
        await self.context.store.save(events=[event])
        self.context.signal.notify()


def _why(found: CloudInstance, known: Mapping[InstanceId, Instance]) -> str | None:
    return why_orphan(found.provider_id, known.get(found.instance_id), costs=found.running or found.leftover)
