"""Free ports for replicas that are plain processes."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

from kyc.domain.errors import UnreachableError

PORTS = range(20_000, 30_000)  # below those that Linux gives to clients, so that nobody takes one in between
_TRIES = 200


def free_port(rng: random.Random, *, but: Collection[int] = ()) -> int:
    """Return a port that nobody listens on at any address of this machine; raise UnreachableError if none is found."""
    for _ in range(_TRIES):
        port = rng.choice(PORTS)
        if port not in but and _is_free(port):
            return port
    raise UnreachableError("no free port for a replica", next_step=f"Look at who uses {PORTS.start} and above.")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
