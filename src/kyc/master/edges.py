"""Which edge a master runs: the one asked for, else the first that this machine has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kyc.adapters.envoy.edge import EnvoyEdge
from kyc.domain.errors import InvalidInputError
from kyc.ports.clock import Clock
from kyc.ports.edge import Edge

_KINDS: dict[str, Callable[[Path, Clock], Edge]] = {
    "envoy": lambda folder, clock: EnvoyEdge(folder, clock=clock),
}


def make_edge(kind: str, folder: Path, clock: Clock) -> Edge:
    """Return the edge of this kind, in a folder of its own below `folder`; `auto`: the first that can run here.

    Raises InvalidInputError where its program is not there.
    """
    if kind != "auto":
        return _KINDS[kind](folder / kind, clock)
    missing: list[str] = []
    for name, make in _KINDS.items():
        try:
            return make(folder / name, clock)
        except InvalidInputError as error:
            missing.append(error.next_step)
    raise InvalidInputError("no edge can run here", next_step=" Or: ".join(missing))
