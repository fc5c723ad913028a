"""Which edge a master uses, and the ports that it gives to services."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

from kyc.domain.errors import ConflictError, UnreachableError
from kyc.domain.ids import WorkloadName
from kyc.ports.edge import Edge, EdgeLoad, EdgeService

_NEXT_STEP = "Run jobs, or a version of kyc that has a proxy for this machine."


class NoEdge:
    """Where no proxy can run: whatever needs one says so."""

    name = "none"

    async def ensure(self) -> bool:
        """Raise UnreachableError."""
        raise UnreachableError("there is no edge for services here", next_step=_NEXT_STEP)

    async def apply(self, services: Sequence[EdgeService]) -> None:
        """Raise UnreachableError."""
        await self.ensure()

    async def load(self) -> Mapping[WorkloadName, EdgeLoad]:
        """Raise UnreachableError."""
        await self.ensure()
        return {}

    async def stop(self) -> None:
        """Nothing runs."""


def port_giver(edge: Edge, host: str) -> Callable[[], int]:
    """Return what finds a port for a service at the edge's address; it raises ConflictError where there is no edge."""

    def free_port() -> int:
        if isinstance(edge, NoEdge):
            raise ConflictError("there is no edge for services here", next_step=_NEXT_STEP)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
            return port

    return free_port
