"""Which edge a master runs: the one asked for, else the first that this machine has; and the ports for its services."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kyc.adapters.envoy.edge import EnvoyEdge
from kyc.adapters.haproxy.edge import HaproxyEdge
from kyc.adapters.pyedge.edge import PythonEdge
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.ids import WorkloadName
from kyc.ports.clock import Clock
from kyc.ports.edge import Edge, EdgeLoad, EdgeService

_KINDS: dict[str, Callable[[Path, Clock], Edge]] = {
    "envoy": lambda folder, clock: EnvoyEdge(folder, clock=clock),
    "haproxy": lambda folder, clock: HaproxyEdge(folder, clock=clock),
    "python": lambda folder, clock: PythonEdge(folder, clock=clock),
}


def make_edge(kind: str, folder: Path, clock: Clock) -> Edge:
    """Return the edge of this kind, in a folder of its own below `folder`; `auto`: the first that can run here.

    Raises InvalidInputError where the program of a named one is not there; jobs need none, so `auto` does without.
    """
    if kind != "auto":
        return _KINDS[kind](folder / kind, clock)
    missing: list[str] = []
    for name, make in _KINDS.items():
        try:
            return make(folder / name, clock)
        except InvalidInputError as error:
            missing.append(error.next_step)
    return NoEdge(" Or: ".join(missing))


class NoEdge:
    """Where no proxy can run: whatever needs one says so, and what to do about it."""

    name = "none"

    def __init__(self, next_step: str) -> None:
        self._next_step = next_step

    async def ensure(self) -> bool:
        """Raise UnreachableError."""
        raise UnreachableError("there is no edge for services here", next_step=self._next_step)

    async def apply(self, services: Sequence[EdgeService]) -> None:
        """Raise UnreachableError, but for nothing."""
        if services:
            await self.ensure()

    async def load(self) -> Mapping[WorkloadName, EdgeLoad]:
        """Raise UnreachableError."""
        await self.ensure()
        return {}

    async def stop(self) -> None:
        """Nothing runs."""


def port_giver(host: str) -> Callable[[], int]:
    """Return what finds a free port for a service at the edge's address."""

    def free_port() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
            return port

    return free_port
