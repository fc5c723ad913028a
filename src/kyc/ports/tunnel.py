"""Ways from an instance to a master that has no public address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from kyc.domain.ids import InstanceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Where an instance is reached: its address and the user that our key is known to there."""

    address: str
    user: str
    port: int = 22


class Tunnels(Protocol):
    """Connections to instances, through which these reach ports of the master's machine under the same numbers.

    `keep` makes just the wanted ones be tried for, and returns at once; each is opened again for as long as it is
    wanted, whatever becomes of it. `trouble` tells why an instance's is not open now; empty: it is. `close` ends all.
    """

    def keep(self, wanted: Mapping[InstanceId, Gate]) -> None: ...

    def trouble(self, instance_id: InstanceId) -> str: ...

    async def close(self) -> None: ...
