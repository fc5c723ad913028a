"""Access to the streams, as one agent is granted it over one connection: once, and anew before it expires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kyc.domain.ids import WorkloadName
from kyc.domain.snapshot import StreamAccess
from kyc.ports.clock import Clock
from kyc.ports.cloud import Cloud
from kyc.ports.stream import StreamHost

_RENEWED_AT = 0.5  # of its life: for the other half the master may be away


@dataclass(slots=True)
class Grants:
    """What was granted, and until when it is good enough."""

    host: StreamHost
    clouds: Mapping[str, Cloud]
    clock: Clock
    _granted: dict[WorkloadName, tuple[StreamAccess, float | None]] = field(default_factory=dict)

    async def of(self, workload: WorkloadName, cloud: str) -> StreamAccess:
        """Return the workload's access as instances of the cloud reach it: the same until half of its life is over."""
        now_s = self.clock.monotonic_s()
        access, renew_at_s = self._granted.get(workload, (None, None))
        if access is None or (renew_at_s is not None and now_s >= renew_at_s):
            made = await self.host.access(workload)
            access = replace(made, url=await self.clouds[cloud].reach(made.url))
            renew_at_s = None if made.lasts_s is None else now_s + made.lasts_s * _RENEWED_AT
            self._granted[workload] = access, renew_at_s
        return access
