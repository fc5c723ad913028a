"""Compute Engine from outside: the Cloud port on one project."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kyc.adapters.gcp.client import GcpClient, understood
from kyc.adapters.gcp.fate import Fate, Operation, fate_of
from kyc.domain.errors import CredentialError, InvalidInputError, NotFoundError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.clock import Clock
from kyc.ports.cloud import TAG_DEPLOYMENT, TAG_INSTANCE, TAG_MASTER, CloudInstance
from kyc.ports.memory import Memory

CLOUD = "gcp"
NOTICE_S = 30.0  # what Compute Engine gives a preempted VM, best effort
_OVER = frozenset({"TERMINATED", "STOPPED", "SUSPENDED"})  # one that is STOPPING works on until it is switched off


class _Place(NamedTuple):
    """Where an instance is, from its provider id `projects/P/zones/Z/instances/N`."""

    project: str
    zone: str
    name: str


@dataclass(slots=True)
class GceCloud:
    """The Cloud port. What vanished since the last look is remembered for an hour, with the reason that was found."""

    client: GcpClient
    master_id: str
    clock: Clock
    name: str = CLOUD
    look_every_s: float = 2.0
    _memory: Memory = field(default_factory=Memory)
    _numbers: dict[str, int] = field(default_factory=dict)  # Compute Engine's own number of each, which operations name

    async def instances(self, *, everywhere: bool = False) -> list[CloudInstance]:
        """Return what carries this master's label, in all zones at once: one call lists them all."""
        del everywhere
        memory = self._memory
        await memory.note(await asyncio.to_thread(self._listed), now=self.clock.now(), judge=self._with_fate)
        return [*memory.ended.values(), *memory.running.values()]

    async def interrupt(self, provider_id: str, *, notice_s: float) -> str:
        """Have Compute Engine preempt it (its own simulation), or switch it off without notice; see the port."""
        return await asyncio.to_thread(self._interrupt, _place(provider_id), notice_s)

    async def remove(self, provider_id: str) -> None:
        """Delete it with its disk; see the port."""
        await asyncio.to_thread(self._remove, _place(provider_id))

    async def reach(self, url: str) -> str:
        """Return the URL as it is: a public one is the same everywhere, a local one is brought there by a tunnel."""
        return url

    # --- in threads ---

    def _listed(self) -> dict[str, CloudInstance]:
        with understood():
            pages = self.client.instances.aggregated_list(
                request={
                    "project": self.client.settings.project,
                    "filter": f"labels.{TAG_MASTER}={self.master_id}",
                },
                **self.client.limits,
            )
            found = [one for _, scoped in pages for one in scoped.instances]
        self._numbers |= {_provider_id(one): one.id for one in found}
        return {_provider_id(one): seen(one) for one in found if TAG_INSTANCE in one.labels}

    async def _with_fate(self, gone: CloudInstance) -> CloudInstance:
        fate = await asyncio.to_thread(self._fate, gone.provider_id)
        return replace(gone, end_reason=fate.reason, ended_at=fate.ended_at or gone.ended_at, crashed=fate.crashed)

    def _fate(self, provider_id: str) -> Fate:
        place, number = _place(provider_id), self._numbers.get(provider_id)
        try:
            with understood():
                listed = self.client.operations.list(
                    request={"project": place.project, "zone": place.zone, "filter": f"targetId={number}"},
                    **self.client.limits,
                )
                told = [Operation(type=one.operation_type, at=_time(one.insert_time)) for one in listed]
        except CredentialError as error:
            return Fate(reason=f"it is gone, and why may not be seen: {error}")
        return fate_of(told)

    def _interrupt(self, place: _Place, notice_s: float) -> str:
        where = place._asdict() | {"instance": place.name}
        del where["name"]
        with understood():
            found = self.client.instances.get(request=where, **self.client.limits)
            if found.status in _OVER:
                raise NotFoundError(f"{place.name} does not run any more: it is {found.status}")
            if notice_s <= 0:
                self.client.instances.delete_unary(request=where | {"no_graceful_shutdown": True}, **self.client.limits)
                return "deleted without a graceful shutdown"
            if found.scheduling.provisioning_model != "SPOT":
                raise InvalidInputError(
                    f"{place.name} is not a Spot VM: Compute Engine preempts no other",
                    next_step="Interrupt it without notice: --notice 0",
                )
            self.client.instances.simulate_maintenance_event_unary(request=where, **self.client.limits)
            return f"preempted by a simulated maintenance event: it gives about {NOTICE_S:.0f} s"

    def _remove(self, place: _Place) -> None:
        where = {"project": place.project, "zone": place.zone, "instance": place.name}
        try:
            with understood():
                self.client.instances.delete_unary(request=where, **self.client.limits)
        except NotFoundError:
            return  # it is gone, which is what was wanted


def seen(one: Any) -> CloudInstance:  # noqa: ANN401
    """Return an instance as the library tells it."""
    labels: Mapping[str, str] = one.labels
    zone = one.zone.rsplit("/", 1)[-1]
    over = one.status in _OVER
    return CloudInstance(
        provider_id=_provider_id(one),
        instance_id=InstanceId(labels[TAG_INSTANCE]),
        deployment_id=DeploymentId(labels.get(TAG_DEPLOYMENT, "")),
        running=not over,
        zone=zone,
        region=zone.rsplit("-", 1)[0],
        address=_address(one),
        started_at=_time(one.last_start_timestamp) or _time(one.creation_timestamp),
        ended_at=_time(one.last_stop_timestamp) if over else None,
        end_reason=one.status.lower() if over else "",
        leftover=over,  # its disk bills on
    )


def _address(one: Any) -> str | None:  # noqa: ANN401
    for interface in one.network_interfaces:
        public = [access.nat_i_p for access in interface.access_configs if access.nat_i_p]
        return (public or [interface.network_i_p])[0] or None
    return None


def _provider_id(one: Any) -> str:  # noqa: ANN401
    path = one.self_link.partition("/projects/")[2]
    return f"projects/{path}"


def _place(provider_id: str) -> _Place:
    parts = provider_id.split("/")
    if len(parts) != 6 or parts[::2] != ["projects", "zones", "instances"]:
        raise NotFoundError(f"{provider_id[:120]!r} is no instance of Compute Engine")
    return _Place(parts[1], parts[3], parts[5])


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
