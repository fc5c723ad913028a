"""The ground loop: what instances share in a region is there before it is needed, and gone when nothing needs it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kyc.control.context import Context
from kyc.control.enginelog import timeline_log
from kyc.domain.errors import KycError
from kyc.domain.ids import DeploymentId
from kyc.ports.provisioner import Ground, ground_of

log = logging.getLogger(__name__)
FIRST_REST_S = 30.0
LONGEST_REST_S = 3600.0


@dataclass(slots=True)
class GroundKeeper:
    """`ahead` names the grounds to have in any case. One that nothing stands on is given back after `idle`."""

    context: Context
    ahead: Callable[[], Sequence[Ground]]
    idle: timedelta = timedelta(hours=1)
    _unused_since: dict[Ground, float] = field(default_factory=dict)
    _rests: dict[Ground, tuple[float, float]] = field(default_factory=dict)

    async def tick(self) -> None:
        """Make what is missing and give back what was idle for long enough."""
        wanted, there = set(self.ahead()), await self.context.provisioner.grounds()
        used = {ground_of(one) for one in await self.context.store.deployments(live_only=True)}
        for ground in sorted(wanted - self._made(there), key=lambda one: one.name):
            await self._attempt(ground, self._prepare)
        for ground in there - wanted - used:
            since_s = self._unused_since.setdefault(ground, self.context.clock.monotonic_s())
            if self.context.clock.monotonic_s() - since_s >= self.idle.total_seconds():
                await self._attempt(ground, self._release)
        self._unused_since = {key: at for key, at in self._unused_since.items() if key not in wanted | used}

    def _made(self, there: frozenset[Ground]) -> frozenset[Ground]:
        """Return those that need nothing: they are there, and their last preparation did not fail."""
        return there - self._rests.keys()

    async def _prepare(self, ground: Ground) -> None:
        async with timeline_log(self.context, DeploymentId(ground.name)) as on_line:
            await self.context.provisioner.prepare(ground, on_line)

    async def _release(self, ground: Ground) -> None:
        async with timeline_log(self.context, DeploymentId(ground.name)) as on_line:
            await self.context.provisioner.release(ground, on_line)
        self._unused_since.pop(ground, None)

    async def _attempt(self, ground: Ground, do: Callable[[Ground], Awaitable[None]]) -> None:
        """Do it unless it failed a short while ago; a launch that needs the ground tries by itself and tells why."""
        rest_s, again_s = self._rests.get(ground, (0.0, 0.0))
        if self.context.clock.monotonic_s() < again_s:
            return
        try:
            await do(ground)
            self._rests.pop(ground, None)
        except KycError as error:
            rest_s = min(max(rest_s * 2, FIRST_REST_S), LONGEST_REST_S)
            self._rests[ground] = (rest_s, self.context.clock.monotonic_s() + rest_s)
            log.warning("ground_not_changed", extra={"ground": ground.name, "why": str(error)})
