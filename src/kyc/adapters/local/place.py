"""Where an instance lives on the network: its address, the service that knows it, and how processes get there.

In process mode this is a loopback address of its own, 127.x.y.z. Whoever listens first on it at the metadata port
has it: that is how local clouds beside each other stay apart.
"""

from __future__ import annotations

import asyncio
import errno
import random
from dataclasses import dataclass
from typing import Protocol

from kyc.adapters.local.fault import UNSUPPORTED, Fault
from kyc.adapters.local.httpd import Handler, serve

METADATA_PORT = 9254
_TRIES = 64
_PORTS = range(METADATA_PORT, METADATA_PORT + 8)


class Place(Protocol):
    """One instance's place. `enter` is put before a command to run it there.

    `close` gives the place back, or only lets go of it when the instance `stays` there without the daemon.
    """

    @property
    def address(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def metadata_url(self) -> str: ...

    @property
    def enter(self) -> tuple[str, ...]: ...

    async def close(self, *, stays: bool) -> None: ...


class Network(Protocol):
    """Gives places, and ways out of them, from `open` to `close` (`everything`: it is not needed again).

    `take` gives a new place, or the one of before (`address`, `port`) to an instance that is found again. `set_link`
    cuts and heals the link of one instance. `forward` gives the address where instances reach a listener of the host.
    """

    async def open(self) -> None: ...

    async def take(self, handler: Handler, *, address: str = "", port: int = 0) -> Place: ...

    async def set_link(self, address: str, *, up: bool) -> None: ...

    async def forward(self, host: str, port: int) -> tuple[str, int]: ...

    async def close(self, *, everything: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class LoopbackPlace:
    """A loopback address with a metadata service on it."""

    address: str
    port: int
    server: asyncio.Server
    enter: tuple[str, ...] = ()

    @property
    def metadata_url(self) -> str:
        """Where the instance finds its metadata service."""
        return f"http://{self.address}:{self.port}"

    async def close(self, *, stays: bool) -> None:
        """Stop the service; the address is free then."""
        self.server.close()


class Loopback:
    """The Network of process mode."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    async def open(self) -> None:
        """Do nothing: loopback addresses are always there."""

    async def take(self, handler: Handler, *, address: str = "", port: int = 0) -> Place:
        """Listen on a free address, or on the given one."""
        if address:
            return LoopbackPlace(address, port, await _listen(handler, address, port))
        for port_now in _PORTS:
            for _ in range(_TRIES):
                candidate = ".".join(("127", *(str(self._rng.randint(1, 254)) for _ in range(3))))
                try:
                    server = await _listen(handler, candidate, port_now)
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    continue
                return LoopbackPlace(candidate, port_now, server)
        raise Fault(UNSUPPORTED, f"no loopback address is free at the ports {_PORTS.start} to {_PORTS.stop - 1}")

    async def set_link(self, address: str, *, up: bool) -> None:
        """Refuse: processes on loopback addresses share the host's network, so that no link can be cut."""
        raise Fault(UNSUPPORTED, "a link can be cut in isolated mode only; start the local cloud with --mode isolated")

    async def forward(self, host: str, port: int) -> tuple[str, int]:
        """Return the address itself: the instances are on the host's network."""
        return host, port

    async def close(self, *, everything: bool) -> None:
        """Do nothing: the places close themselves."""


async def _listen(handler: Handler, address: str, port: int) -> asyncio.Server:
    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer, handler)

    return await asyncio.start_server(on_connection, address, port)
