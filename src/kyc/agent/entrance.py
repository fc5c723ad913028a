"""Where replicas are reached from other networks: a port of each that only the edge gets through, by mutual TLS.

What comes in is passed on to the replica as it is, so that whatever it speaks works. The end of either side ends both.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from kyc.agent.backoff import Uniform
from kyc.agent.race import first_of
from kyc.agent.settings import EVERYWHERE
from kyc.domain.errors import UnreachableError
from kyc.ports.edge import ENTRANCE_PORTS
from kyc.wire.replica import Identity

log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 16
_HANDSHAKE_S, _SHUTDOWN_S = 10.0, 5.0


class Entrances:
    """The entrances of an instance's replicas. Its certificate lies in `folder`; `host` is where replicas listen."""

    def __init__(self, folder: Path, host: str, rng: Uniform) -> None:
        self._file = folder / "entrance.pem"
        self._host = host
        self._last = int(rng.uniform(0, len(ENTRANCE_PORTS)))  # so that a port is not soon somebody else's
        self._identity: Identity | None = None
        self._tls: ssl.SSLContext | None = None

    def trust(self, identity: Identity | None) -> None:
        """Show this certificate from the next connection on, and let in whom its authority has signed."""
        if identity is None or identity == self._identity:
            return
        if self._tls is None or self._identity is None or identity.authority != self._identity.authority:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=identity.authority)
            self._tls.verify_mode = ssl.CERT_REQUIRED
        self._file.unlink(missing_ok=True)
        with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{identity.chain}{identity.key}")  # ssl reads files only
        self._tls.load_cert_chain(self._file)
        self._identity = identity
        log.info("entrance_certificate", extra={"file": str(self._file)})

    @asynccontextmanager
    async def to(self, port: int) -> AsyncIterator[int]:
        """Yield the port at which the replica at `port` is reached: that one where the instance has no certificate.

        Raises UnreachableError if no port is free.
        """
        if self._tls is None:
            yield port
            return
        server = await self._listen(port, self._tls)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()

    async def _listen(self, port: int, tls: ssl.SSLContext) -> asyncio.Server:
        for _ in ENTRANCE_PORTS:
            self._last = (self._last + 1) % len(ENTRANCE_PORTS)
            try:
                return await asyncio.start_server(
                    partial(_pass_on, self._host, port),
                    EVERYWHERE,
                    ENTRANCE_PORTS[self._last],
                    ssl=tls,
                    ssl_handshake_timeout=_HANDSHAKE_S,
                    ssl_shutdown_timeout=_SHUTDOWN_S,
                )
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise UnreachableError("no free port to reach a replica at", next_step=f"See who uses {ENTRANCE_PORTS.start}.")


async def _pass_on(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one connection until either side ends it; one that the replica does not take is broken off."""
    try:
        from_replica, to_replica = await asyncio.open_connection(host, port)
    except OSError as error:
        log.info("replica_unreachable", extra={"port": port, "why": str(error)})
        writer.transport.abort()
        return
    try:
        await first_of(back=_copy(from_replica, writer), there=_copy(reader, to_replica))
    except OSError as error:
        log.debug("connection_broken", extra={"port": port, "why": str(error)})
        writer.transport.abort()
    finally:
        to_replica.close()
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
