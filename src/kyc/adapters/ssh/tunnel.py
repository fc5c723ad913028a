"""The Tunnels port by SSH: one connection to an instance, with reverse forwards for what the agent there calls.

An instance's host key is believed the first time and no other after that: it is kept in a file of its own, so that a
machine that takes an address over gets neither our connection nor the agent's calls. No command is ever run there.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from kyc.domain.ids import InstanceId
from kyc.ports.tunnel import Gate

log = logging.getLogger(__name__)
_HERE = "127.0.0.1"
_CONNECT_S = 15.0
_ALIVE_S, _MOST_SILENT = 5.0, 3
_FIRST_S, _LONGEST_S = 1.0, 30.0
_NOT_YET = "it was not tried yet"


@dataclass(slots=True)
class _Kept:
    gate: Gate
    task: asyncio.Task[None]
    trouble: str = _NOT_YET


@dataclass(slots=True)
class SshTunnels:
    """Tunnels with the key in `key_file`; `ports` are those of an instance's loopback, each with ours that it leads to.

    `known` is the folder of the host keys. Tasks belong to this object until `close`.
    """

    key_file: Path
    known: Path
    ports: Mapping[int, int]
    rng: random.Random
    _kept: dict[InstanceId, _Kept] = field(default_factory=dict)

    def keep(self, wanted: Mapping[InstanceId, Gate]) -> None:
        """Try for just these from now on."""
        for instance_id, kept in list(self._kept.items()):
            if wanted.get(instance_id) != kept.gate:
                kept.task.cancel()
                del self._kept[instance_id]
        for instance_id, gate in wanted.items():
            if instance_id not in self._kept:
                task = asyncio.create_task(self._hold(instance_id, gate))  # owned: cancelled by `keep` or `close`
                self._kept[instance_id] = _Kept(gate, task)

    def trouble(self, instance_id: InstanceId) -> str:
        """Return why the tunnel is not open; empty if it is."""
        kept = self._kept.get(instance_id)
        return "nobody asked for it" if kept is None else kept.trouble

    async def close(self) -> None:
        """End all of them."""
        tasks = [kept.task for kept in self._kept.values()]
        self.keep({})
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _hold(self, instance_id: InstanceId, gate: Gate) -> None:
        wait_s = _FIRST_S
        while True:
            try:
                async with self._connected(instance_id, gate) as connection:
                    for there, here in self.ports.items():
                        await connection.forward_remote_port(_HERE, there, _HERE, here)
                    self._note(instance_id, "")
                    wait_s = _FIRST_S
                    await connection.wait_closed()
                why = "the connection was lost"
            except (OSError, asyncssh.Error, TimeoutError) as error:
                why = str(error) or type(error).__name__
            self._note(instance_id, why)
            await asyncio.sleep(wait_s * self.rng.uniform(0.5, 1.0))
            wait_s = min(_LONGEST_S, wait_s * 2)

    def _connected(self, instance_id: InstanceId, gate: Gate) -> _Connecting:
        return _Connecting(gate, self.key_file, self.known / instance_id)

    def _note(self, instance_id: InstanceId, trouble: str) -> None:
        kept = self._kept.get(instance_id)
        if kept is None or kept.trouble == trouble:
            return
        kept.trouble = trouble
        if trouble:
            log.info("tunnel_closed", extra={"instance": instance_id, "why": trouble})
        else:
            log.info("tunnel_opened", extra={"instance": instance_id, "ports": list(self.ports)})


@dataclass(slots=True)
class _Connecting:
    """A connection as a context; the first one notes the host's key, later ones ask for just that."""

    gate: Gate
    key_file: Path
    known: Path
    _connection: asyncssh.SSHClientConnection | None = None

    async def __aenter__(self) -> asyncssh.SSHClientConnection:
        expected = self.known.read_text(encoding="ascii") if self.known.is_file() else None
        trusted = asyncssh.import_known_hosts(f"* {expected}") if expected else None
        async with asyncio.timeout(_CONNECT_S):
            connection = await asyncssh.connect(
                self.gate.address,
                port=self.gate.port,
                username=self.gate.user,
                client_keys=[str(self.key_file)],
                known_hosts=trusted,
                config=None,
                agent_path=None,
                keepalive_interval=_ALIVE_S,
                keepalive_count_max=_MOST_SILENT,
            )
        self._connection = connection
        if expected is None:
            self._remember(connection)
        return connection

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.abort()
            await self._connection.wait_closed()

    def _remember(self, connection: asyncssh.SSHClientConnection) -> None:
        key = connection.get_server_host_key()
        if key is not None:
            self.known.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.known.write_bytes(key.export_public_key())
