"""Azure from outside: the Cloud port on one subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kyc.adapters.azure.client import AzureClient, understood
from kyc.domain.errors import InvalidInputError, NotFoundError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.clock import Clock
from kyc.ports.cloud import TAG_DEPLOYMENT, TAG_INSTANCE, TAG_MASTER, CloudInstance
from kyc.ports.memory import Memory

CLOUD = "azure"
NOTICE_S = 30.0  # the least that Azure gives an evicted machine
_OVER = {  # of the instance view's power states; while one is still stopping, it works on
    "PowerState/stopped": "it shut itself down",
    "PowerState/deallocated": "deallocated: evicted, or by somebody; Azure does not say",
}
GONE = "it is gone: evicted, or deleted by somebody; Azure does not say"
LEFT_OVER = "what it left behind still bills"
_LONGEST_S = 300


class _Place(NamedTuple):
    """A machine by its provider id, which is its resource id in lower case."""

    group: str
    name: str


@dataclass(slots=True)
class AzureCloud:
    """The Cloud port. What vanished since the last look is remembered for an hour.

    Addresses are looked up once for each machine: they are static.
    """

    client: AzureClient
    master_id: str
    clock: Clock
    name: str = CLOUD
    look_every_s: float = 6.0  # Azure allows about thirty such calls a minute
    _memory: Memory = field(default_factory=Memory)
    _addresses: dict[str, str] = field(default_factory=dict)

    async def instances(self, *, everywhere: bool = False) -> list[CloudInstance]:
        """Return what carries this master's tag in all locations.

        With `everywhere` also machines that are gone but left a disk, an interface or an address behind.
        """
        memory = self._memory
        await memory.note(await asyncio.to_thread(self._listed), now=self.clock.now(), judge=_judged)
        found = {**memory.ended, **memory.running}
        if everywhere:
            left = await asyncio.to_thread(self._left_over)
            found |= {key: one for key, one in left.items() if key not in found or not found[key].leftover}
            found |= memory.running
        return list(found.values())

    async def interrupt(self, provider_id: str, *, notice_s: float) -> str:
        """Have Azure evict it (its own simulation), or switch it off without notice; see the port."""
        return await asyncio.to_thread(self._interrupt, _place(provider_id), notice_s)

    async def remove(self, provider_id: str) -> None:
        """Delete the machine and then its interface, address and disk, which bear its name; see the port."""
        await asyncio.to_thread(self._remove, _place(provider_id))

    async def reach(self, url: str) -> str:
        """Return the URL as it is: a public one is the same everywhere, a local one is brought there by a tunnel."""
        return url

    # --- in threads ---

    def _listed(self) -> dict[str, CloudInstance]:
        machines = self.client.compute.virtual_machines
        with understood():
            ours = [one for one in machines.list_all() if self._is_ours(one)]
            powers = {one.id.lower(): _power(one) for one in machines.list_all(status_only="true")} if ours else {}
        found = {one.id.lower(): seen(one, powers.get(one.id.lower(), "")) for one in ours}
        if any(key not in self._addresses for key, one in found.items() if one.running):
            self._look_up_addresses()
        return {key: replace(one, address=self._addresses.get(key)) for key, one in found.items()}

    def _look_up_addresses(self) -> None:
        with understood():
            public = {
                one.id.lower(): one.ip_address
                for one in self.client.network.public_ip_addresses.list_all()
                if self._is_ours(one) and one.ip_address
            }
            for interface in self.client.network.network_interfaces.list_all():
                if self._is_ours(interface) and interface.virtual_machine is not None:
                    configuration = interface.ip_configurations[0]
                    reference = configuration.public_ip_address
                    address = public.get(reference.id.lower()) if reference else configuration.private_ip_address
                    if address:
                        self._addresses[interface.virtual_machine.id.lower()] = address

    def _left_over(self) -> dict[str, CloudInstance]:
        """Return as instances what bears our tags, whether its machine is there or not."""
        compute, network = self.client.compute, self.client.network
        with understood():
            parts = [
                one
                for listed in (
                    network.network_interfaces.list_all(),
                    network.public_ip_addresses.list_all(),
                    compute.disks.list(),
                )
                for one in listed
                if self._is_ours(one)
            ]
        found = [
            replace(seen(one, ""), provider_id=_machine_id(one.id), running=False, leftover=True, end_reason=LEFT_OVER)
            for one in parts
        ]
        return {one.provider_id: one for one in found}

    def _is_ours(self, one: Any) -> bool:  # noqa: ANN401
        tags: Mapping[str, str] = one.tags or {}
        return tags.get(TAG_MASTER) == self.master_id and TAG_INSTANCE in tags

    def _interrupt(self, place: _Place, notice_s: float) -> str:
        machines = self.client.compute.virtual_machines
        with understood():
            found = machines.get(place.group, place.name, expand="instanceView")
            if _power(found) in _OVER:
                raise NotFoundError(f"{place.name} does not run any more")
            if notice_s <= 0:
                machines.begin_power_off(place.group, place.name, skip_shutdown=True, polling=False)
                return "switched off without a graceful shutdown"
            if found.priority != "Spot":
                raise InvalidInputError(
                    f"{place.name} is no spot machine: Azure evicts no other",
                    next_step="Interrupt it without notice: --notice 0",
                )
            machines.simulate_eviction(place.group, place.name)
            return f"evicted by Azure's simulation, which may take minutes to begin and gives about {NOTICE_S:.0f} s"

    def _remove(self, place: _Place) -> None:
        compute, network = self.client.compute, self.client.network
        steps: tuple[Callable[[], Any], ...] = (
            lambda: compute.virtual_machines.begin_delete(place.group, place.name, force_deletion=True),
            lambda: network.network_interfaces.begin_delete(place.group, place.name),
            lambda: network.public_ip_addresses.begin_delete(place.group, place.name),
            lambda: compute.disks.begin_delete(place.group, place.name),
        )
        for step in steps:  # in this order: Azure deletes nothing that something else uses
            with suppress(NotFoundError), understood():
                step().result(timeout=_LONGEST_S)


async def _judged(over: CloudInstance) -> CloudInstance:
    """Say of what vanished that nobody knows why."""
    return replace(over, end_reason=over.end_reason or GONE)


def seen(one: Any, power: str) -> CloudInstance:  # noqa: ANN401
    """Return a machine, or a part of one, as the library tells it."""
    zones = getattr(one, "zones", None) or []
    return CloudInstance(
        provider_id=one.id.lower(),
        instance_id=InstanceId(one.tags[TAG_INSTANCE]),
        deployment_id=DeploymentId(one.tags.get(TAG_DEPLOYMENT, "")),
        running=power not in _OVER,
        zone=zones[0] if zones else "",
        region=one.location.lower().replace(" ", ""),
        address=None,
        started_at=_time(getattr(one, "time_created", None)),
        end_reason=_OVER.get(power, ""),
        leftover=power in _OVER,  # its disk bills on
        crashed=power == "PowerState/stopped",
    )


def _power(one: Any) -> str:  # noqa: ANN401
    statuses = one.instance_view.statuses if one.instance_view is not None else None
    codes = [status.code for status in statuses or [] if (status.code or "").startswith("PowerState/")]
    return codes[-1] if codes else ""


def _place(provider_id: str) -> _Place:
    parts = provider_id.lower().split("/")
    if len(parts) != 9 or parts[3] != "resourcegroups" or parts[7] != "virtualmachines":
        raise NotFoundError(f"{provider_id[:160]!r} is no machine on Azure")
    return _Place(parts[4], parts[8])


def _machine_id(resource_id: str) -> str:
    """Return the id of the machine of this name in the same group."""
    parts = resource_id.lower().split("/")
    return "/".join([*parts[:5], "providers", "microsoft.compute", "virtualmachines", parts[-1]])


def _time(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at is not None else None
