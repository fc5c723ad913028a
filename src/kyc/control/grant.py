"""Access to the streams, as one agent is granted it over one connection: once, and anew before it expires."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kyc.domain.errors import KycError
from kyc.domain.ids import WorkloadName
from kyc.domain.snapshot import StreamAccess
from kyc.ports.clock import Clock
from kyc.ports.cloud import Cloud
from kyc.ports.stream import StreamHost

log = logging.getLogger(__name__)

_RENEWED_AT = 0.5  # of its life: for the other half the master, or the stream, may be away
_TRIED_AGAIN_S = 60.0


@dataclass(slots=True)
class Grants:
    """What was granted, and until when it is good enough."""

    host: StreamHost
    clouds: Mapping[str, Cloud]
    clock: Clock
    _granted: dict[WorkloadName, tuple[StreamAccess, float | None]] = field(default_factory=dict)

    async def of(self, workload: WorkloadName, cloud: str) -> StreamAccess:
        """Return the workload's access as instances of the cloud reach it: the same until half of its life is over.

        Raises as the host's `access` does, but only if nothing was granted before.
        """
        now_s = self.clock.monotonic_s()
        access, renew_at_s = self._granted.get(workload, (None, None))
        if access is None:
            return await self._grant(workload, cloud)
        if renew_at_s is None or now_s < renew_at_s:
            return access
        try:
            return await self._grant(workload, cloud)
        except KycError as error:
            log.warning("not_renewed", extra={"workload": workload, "why": str(error)})
            self._granted[workload] = access, now_s + _TRIED_AGAIN_S
            return access

    async def _grant(self, workload: WorkloadName, cloud: str) -> StreamAccess:
        now_s = self.clock.monotonic_s()
        made = await self.host.access(workload)
        access = replace(made, url=await self.clouds[cloud].reach(made.url))
        renew_at_s = None if made.lasts_s is None else now_s + made.lasts_s * _RENEWED_AT
        self._granted[workload] = access, renew_at_s
        return access
