"""What a server can be refused at its door: a port that another program holds, a certificate that cannot be used."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kyc.domain.errors import InvalidInputError
from kyc.domain.ids import WorkloadName
from kyc.ports.edge import Certificate, EdgeService

_CONNECT_S = 1.0
Address = tuple[str, int]
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pem:
    """A certificate chain and its key, as read."""

    chain: str
    key: str


def admit(
    services: Iterable[EdgeService], ours: Collection[Address], read: Callable[[EdgeService], Read]
) -> tuple[list[Read], dict[WorkloadName, InvalidInputError]]:
    """Return what `read` makes of the services that can be had, and why the others cannot.

    `ours`: where the server listens now. `read` raises InvalidInputError for what it cannot use.
    """
    used: dict[Address, str] = {}
    wanted: list[Read] = []
    refused: dict[WorkloadName, InvalidInputError] = {}
    for service in services:
        at = (service.host, service.port)
        why = f"port {service.port} is {used[at]}'s" if at in used else None
        if why is None and at not in ours:
            why = why_taken(*at)
        try:
            if why is not None:
                raise InvalidInputError(f"{service.name}: {why}", next_step="Choose another port.")
            wanted.append(read(service))
            used[at] = service.name
        except InvalidInputError as error:
            refused[service.name] = error
    return wanted, refused


def why_taken(host: str, port: int) -> str | None:
    """Return why nobody can listen there now, None if one can. `host` is an IP address."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"port {port} at {host} is taken by another program"
        return f"nothing can listen on port {port} at {host}: {error.strerror or error}"
    except OverflowError:
        return f"{port} is not a port"
    return None


async def answers(host: str, port: int) -> bool:
    """Say whether somebody takes connections there."""
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def refused(host: str, port: int) -> bool:
    """Say whether nobody takes connections there."""
    return not await answers(host, port)


def read_certificate(certificate: Certificate) -> Pem:
    """Return what the files hold; raise InvalidInputError if they are not a certificate and its own key."""
    try:
        pem = Pem(chain=certificate.chain.read_text(), key=certificate.key.read_text())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key, password="")  # none: it must not ask
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"the certificate {certificate.chain} with the key {certificate.key} cannot be used: {error}",
            next_step="Give a PEM certificate chain and its unencrypted key, readable by the master.",
        ) from error
    return pem


def read_authority(path: Path) -> str:
    """Return the PEM certificates that replicas are verified against; raise InvalidInputError if there are none."""
    try:
        text = path.read_text()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{path} holds no certificate authority: {error}", next_step="Give a PEM certificate."
        ) from error
    return text
