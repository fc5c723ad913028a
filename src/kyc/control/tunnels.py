"""The tunnels loop: instances of clouds keep a way to a master without a public address, as long as they live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kyc.control.context import Context
from kyc.domain.instance import Instance, InstanceState
from kyc.ports.tunnel import Gate, Tunnels

_REACHED = frozenset({InstanceState.BOOTING, InstanceState.READY, InstanceState.NOTICED, InstanceState.DRAINING})


@dataclass(frozen=True, slots=True)
class TunnelKeeper:
    """Keeps a tunnel to each instance of the clouds in `users`, which says who our key belongs to there."""

    context: Context
    tunnels: Tunnels
    users: Mapping[str, str]

    async def tick(self) -> None:
        """Hold what is open against what is wanted."""
        live = await self.context.store.instances(live_only=True)
        self.tunnels.keep({i.id: gate for i in live if (gate := self._gate(i)) is not None})

    def _gate(self, instance: Instance) -> Gate | None:
        user = self.users.get(instance.offer.cloud)
        if user is None or instance.address is None or instance.state not in _REACHED:
            return None
        return Gate(address=instance.address, user=user)
