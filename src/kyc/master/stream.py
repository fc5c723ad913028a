"""The streams of a master: the one that new workloads go to, and those that others' files lie in.

A workload stays in the stream it began in, or was moved to, whatever `--stream` says at the next start. What a master
has ever used is kept sealed in `streams.json`, so that it finds its way there again, also when no token is given then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from kyc.adapters.nats.host import EMBEDDED
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import NotFoundError
from kyc.domain.ids import WorkloadName
from kyc.domain.snapshot import StreamAccess
from kyc.hosting.files import write_private
from kyc.ports.clock import Clock
from kyc.ports.secrets import Secrets
from kyc.ports.store import Store
from kyc.ports.stream import Stream, StreamHost
from kyc.streams import connect, narrow, shown

_PURPOSE = "streams"
_SHARED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NamedStream:
    """A StreamHost on a URL. Agents get no more of its token than their workload needs, where the back end can."""

    url: str
    token: str = field(default="", repr=False)
    clock: Clock = field(default_factory=SystemClock, repr=False)
    _granted: dict[str, tuple[StreamAccess, datetime]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def identity(self) -> str:
        """The URL without who signs in."""
        return shown(self.url)

    async def ensure(self) -> bool:
        """Nothing to start: it is there, or its own errors say that it is not."""
        return False

    async def stream(self, workload: str = "") -> Stream:
        """Return a connection."""
        return connect(StreamAccess(url=self.url, workload="", token=self.token))

    async def access(self, workload: str) -> StreamAccess:
        """Grant a workload's part. What expires is the same for all who ask within a day: Kafka has to make a user."""
        now = self.clock.now()
        for name in [name for name, (_, at) in self._granted.items() if now - at > _SHARED_FOR]:
            del self._granted[name]
        access, at = self._granted.get(workload, (None, now))
        if access is None:
            access = await narrow(StreamAccess(url=self.url, workload="", token=self.token), workload, now=now)
        if access.lasts_s is None:
            return access
        self._granted[workload] = access, at
        return replace(access, lasts_s=access.lasts_s - (now - at).total_seconds())

    async def stop(self) -> None:
        """Leave it running: it is not ours."""


class Streams:
    """The StreamHost and StreamBook of a master."""

    def __init__(
        self, default: StreamHost, embedded: Callable[[], StreamHost], store: Store, secrets: Secrets, path: Path
    ) -> None:
        self._default = default
        self._embedded = embedded
        self._store = store
        self._secrets = secrets
        self._path = path
        self._hosts: dict[str, StreamHost] = {default.identity: default}
        self._known = self._read()
        if isinstance(default, NamedStream):
            self.remember(default.url, default.token)
            self._default = self._hosts[default.identity]

    @property
    def identity(self) -> str:
        """Where new workloads go."""
        return self._default.identity

    def identity_of(self, url: str) -> str:
        """Return the URL without who signs in."""
        return shown(url)

    def look_up(self, url: str, token: str) -> StreamAccess | None:
        """Return the rights to everything there, with the token that is kept if none is given; None if embedded."""
        if url == EMBEDDED:
            return None
        kept_url, kept_token = self._known.get(shown(url), ("", ""))
        return StreamAccess(url=url, workload="", token=token or (kept_token if url == kept_url else ""))

    def remember(self, url: str, token: str) -> None:
        """Keep a stream's address and credential; the newest of a stream counts."""
        access = self.look_up(url, token)
        if access is None:
            return
        host = NamedStream(access.url, access.token)
        self._hosts[host.identity] = host
        if self._known.get(host.identity) != (access.url, access.token):
            self._known[host.identity] = access.url, access.token
            sealed = self._secrets.seal(msgspec.json.encode(self._known), purpose=_PURPOSE)
            write_private(self._path, sealed.encode())

    async def at(self, identity: str) -> Stream:
        """Connect to a stream that is known."""
        host = self._host_at(identity)
        await host.ensure()
        return await host.stream()

    async def ensure(self) -> bool:
        """Have the default one run, and the embedded one if a workload that lives needs it."""
        started = await self._default.ensure()
        if self._default.identity != EMBEDDED:
            jobs = await self._store.jobs(live_only=True)
            if any(job.stream == EMBEDDED for job in jobs):
                started = await self._host_at(EMBEDDED).ensure() or started
        return started

    async def stream(self, workload: str = "") -> Stream:
        """Connect to where the workload's files lie."""
        host = await self._host_of(workload)
        await host.ensure()
        return await host.stream(workload)

    async def access(self, workload: str) -> StreamAccess:
        """Grant the workload's part of the stream that its files lie in."""
        return await (await self._host_of(workload)).access(workload)

    async def stop(self) -> None:
        """End what is embedded, also if only an earlier master used it."""
        self._host_at(EMBEDDED)
        for host in self._hosts.values():
            await host.stop()

    async def _host_of(self, workload: str) -> StreamHost:
        job = await self._store.job(WorkloadName(workload)) if workload else None
        return self._default if job is None or not job.stream else self._host_at(job.stream)

    def _host_at(self, identity: str) -> StreamHost:
        if identity == EMBEDDED and identity not in self._hosts:
            self._hosts[identity] = self._embedded()
        if identity not in self._hosts and identity in self._known:
            self._hosts[identity] = NamedStream(*self._known[identity])
        host = self._hosts.get(identity)
        if host is None:
            raise NotFoundError(
                f"the stream {identity} is not known to this master any more",
                next_step=f"Start the master once with `kyc up --stream {identity}`.",
            )
        return host

    def _read(self) -> dict[str, tuple[str, str]]:
        if not self._path.exists():
            return {}
        plain = self._secrets.open(self._path.read_text(), purpose=_PURPOSE)
        return msgspec.json.decode(plain, type=dict[str, tuple[str, str]])
