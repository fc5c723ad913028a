"""The edge as an HAProxy process that the master starts and that outlives it.

Endpoints and certificates change by the runtime API; a service that comes, goes or is configured otherwise takes a
reload, which hands the sockets over to a new worker while the old one ends what it has (what still comes by connections
to it, it hands on to the new one). The files always hold the whole, so that neither a reload nor a kill loses
anything. What is in force is what HAProxy says: nothing has to be remembered over a restart of the master.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyc.adapters.haproxy.config import LOG_SOCKET, MASTER_SOCKET, STATS_SOCKET, Server
from kyc.adapters.haproxy.layout import Layout, Wanted
from kyc.adapters.haproxy.measure import Meter, Times
from kyc.adapters.haproxy.outliers import Outliers
from kyc.adapters.haproxy.runtime import Present, Runtime
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.hosting.detached import DetachedProcess
from kyc.hosting.door import admit
from kyc.hosting.upkeep import Command, Upkeep
from kyc.ports.clock import Clock
from kyc.ports.edge import EdgeLoad, EdgeRefusedError, EdgeService

_POLL_S = 0.01
_ASK_AGAIN_S = 3.0
_PLACES = "/usr/local/sbin:/usr/sbin:/sbin"  # often not on the PATH of a person


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxyOptions:
    """How HAProxy is run. `threads`: 0 for one a core."""

    binary: Path | None = None
    threads: int = 0
    start_timeout_s: float = 30


class HaproxyEdge:
    """An Edge: `HaproxyEdge(folder, clock=clock)`; raises InvalidInputError where no HAProxy is there."""

    name = "haproxy"

    def __init__(self, folder: Path, *, clock: Clock, options: HaproxyOptions | None = None) -> None:
        self._folder = folder.absolute()
        self._clock = clock
        self._options = options or HaproxyOptions()
        self._program = find_haproxy(self._options.binary)
        self._threads = self._options.threads or os.cpu_count() or 1
        self._layout = Layout(self._folder)
        self._process = DetachedProcess(self._folder / "haproxy.pid", self._layout.sections)
        self._runtime = Runtime(self._folder / STATS_SOCKET, self._folder / MASTER_SOCKET)
        self._upkeep = Upkeep(
            name="HAProxy",
            process=self._process,
            log=self._folder / "haproxy.log",
            answers=self._is_live,
            clock=clock,
            timeout_s=self._options.start_timeout_s,
        )
        self._times = Times(self._folder / LOG_SOCKET, clock, self._answered)
        self._outliers = Outliers()
        self._meter = Meter()
        self._busy = asyncio.Lock()
        self._applied: tuple[Wanted, ...] | None = None
        self._servers: dict[str, dict[str, Server]] = {}  # of what is applied
        self._shown: dict[str, str] = {}  # certificates in force, as far as known
        self._has: dict[str, dict[str, Present]] | None = None  # servers in force

    async def ensure(self) -> bool:
        """Have HAProxy run and answer; True if it had to be started. UnreachableError if it does not come up."""
        async with self._busy:
            self._layout.prepare(self._threads)
            self._times.open()
            return await self._upkeep.ensure(self._begin)

    async def apply(self, services: Sequence[EdgeService]) -> None:
        """Have this in force, and nothing else; raise EdgeRefusedError for what cannot be had, UnreachableError."""
        async with self._busy:
            found, refused = admit(services, self._layout.present_addresses(), Wanted.read)
            wanted = tuple(found)
            if self._applied != wanted:
                await self._converge(wanted)
                self._applied = wanted
            if refused:
                raise EdgeRefusedError(refused)

    async def load(self) -> Mapping[WorkloadName, EdgeLoad]:
        """Return what all workers count, and who waits."""
        if not self._applied:
            return {}
        old = await self._runtime.old_workers()
        present, _ = await self._runtime.who()
        self._meter.note(present, await self._runtime.ask("show stat"))
        for pid in old:
            self._meter.note(pid, await self._runtime.ask_old(pid, "show stat"))
        self._meter.forget_flights({present, *old})
        told = (line.split() for line in (await self._runtime.ask("show kyc-waiting")).splitlines())
        waiting = {words[0]: int(words[1]) for words in told if len(words) == 2}
        return {
            name: self._load_of(each, waiting.get(name, 0)) for each in self._applied if (name := each.service.name)
        }

    async def stop(self) -> None:
        """End HAProxy; what was applied stays in the files."""
        async with self._busy:
            await self._process.stop(grace_s=self._options.start_timeout_s)
            self._times.close()

    def pid(self) -> int | None:
        """Return the process id of the running master process."""
        return self._process.pid()

    def _answered(self, service: str, server: str, status: int) -> None:
        up = [name for name, each in self._servers.get(service, {}).items() if each.weight]
        if self._outliers.note(service, server, status, up=up, now_s=self._clock.monotonic_s()):
            self._runtime.tell(f"set server {service}/{server} health down")

    def _load_of(self, wanted: Wanted, waiting: int) -> EdgeLoad:
        names = {name: ReplicaId(name.split(":")[1]) for name in self._servers[wanted.service.name]}
        return self._meter.load(wanted.service, waiting, self._times.p95_ms(wanted.service.name), names)

    async def _converge(self, wanted: tuple[Wanted, ...]) -> None:
        servers: dict[str, dict[str, Server]] = {each.service.name: each.servers() for each in wanted}
        structure = self._layout.write(wanted, servers, self._threads)
        if (await self._runtime.who())[1] != structure:
            await self._reload(structure)
            self._shown = {path: text for each in wanted for path, text in each.pems}
        await self._show(wanted)
        await self._place(servers)
        self._servers = servers

    async def _reload(self, structure: str) -> None:
        """Have a new worker run by the files; raise InvalidInputError if they are not accepted, UnreachableError."""
        await self._check()
        pid = self._process.pid()
        if pid is None:
            raise UnreachableError("HAProxy does not run", next_step="It is started again.")
        present, _ = await self._runtime.who()
        self._meter.note(present, await self._runtime.ask("show stat"))  # it may end before it is asked again
        began, asked_at_s = self._clock.monotonic_s(), -_ASK_AGAIN_S
        while await self._told_structure() != structure:
            waited_s = self._clock.monotonic_s() - began
            if waited_s - asked_at_s >= _ASK_AGAIN_S:  # a signal to a process that just begins anew is lost
                await self._runtime.old_workers()  # it answers when it is ready for one
                os.kill(pid, signal.SIGUSR2)
                asked_at_s = waited_s
            if waited_s > self._options.start_timeout_s:
                raise UnreachableError(f"HAProxy did not reload: {self._upkeep.last_words()}", next_step="See its log.")
            await asyncio.sleep(_POLL_S)
        self._has = None

    async def _is_live(self) -> bool:
        return (await self._runtime.who())[1] != ""

    async def _told_structure(self) -> str:
        try:
            return (await self._runtime.who())[1]
        except UnreachableError:
            return ""  # between two workers

    async def _check(self) -> None:
        argv = ["-c", "-q", "-f", str(self._layout.sections)]
        process = await asyncio.create_subprocess_exec(
            self._program, *argv, cwd=self._folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            alerts = [line for line in said.decode(errors="replace").splitlines() if "[ALERT]" in line]
            raise InvalidInputError(f"HAProxy refuses its configuration: {'; '.join(alerts[:2])}")

    async def _show(self, wanted: Sequence[Wanted]) -> None:
        """Have the certificates in force."""
        for path, text in (pem for each in wanted for pem in each.pems):
            if self._shown.get(path) == text:
                continue
            kind = "ca-file" if path.endswith(".authority.pem") else "cert"
            said = await self._runtime.ask(f"set ssl {kind} {path} <<\n{text.strip()}\n")
            said += await self._runtime.ask(f"commit ssl {kind} {path}")
            if "Success" not in said:
                raise InvalidInputError(f"HAProxy refuses {path}: {said.strip()}")
            self._shown[path] = text

    async def _place(self, wanted: Mapping[str, Mapping[str, Server]]) -> None:
        """Have the servers in force."""
        has = self._has if self._has is not None else await self._runtime.servers()
        self._has = None  # unknown until all has been said
        commands = [
            command for name, servers in wanted.items() for command in changes(name, has.get(name, {}), servers)
        ]
        if commands:
            said = await self._runtime.change(commands)
            has = await self._runtime.servers()
            wrong = [name for name, servers in wanted.items() if not _is_placed(has.get(name, {}), servers)]
            if wrong:
                raise UnreachableError(f"HAProxy did not take over {', '.join(wrong)}: {said}")
        self._has = has

    def _begin(self) -> Command:
        self._layout.leave_out_taken()
        for name in (STATS_SOCKET, MASTER_SOCKET):
            (self._folder / name).unlink(missing_ok=True)
        self._applied, self._has, self._shown = None, None, {}
        self._meter.clear()
        there = ["/usr/bin/env", "-C", str(self._folder)]
        program = [str(self._program), "-W", "-S", f"unix@{MASTER_SOCKET},mode,600,level,admin"]
        argv = [*there, *program, "-f", str(self._layout.sections)]
        return Command(argv=argv, env={"PATH": os.environ.get("PATH", "")})


def changes(backend: str, has: Mapping[str, Present], wanted: Mapping[str, Server]) -> list[str]:
    """Return the commands that make these servers of those: who comes, who weighs otherwise, who rests, who goes.

    A server that has still something in flight cannot be deleted: it stays in maintenance and is tried again.
    """
    comes, weighs, rests, goes = [], [], [], []
    for name, server in wanted.items():
        at, present = f"{backend}/{name}", has.get(name)
        if present is None:
            comes += [f"add server {at} {server.line()}", f"enable health {at}", f"enable server {at}"]
        elif present.in_maintenance:
            comes += [f"set server {at} weight {server.weight}", f"set server {at} state ready"]
        elif present.weight != server.weight:
            weighs.append(f"set server {at} weight {server.weight}")
    for name in has.keys() - wanted.keys():
        at = f"{backend}/{name}"
        rests += [] if has[name].in_maintenance else [f"set server {at} state maint"]
        goes.append(f"del server {at}")
    return [*comes, *weighs, *rests, *goes]


def find_haproxy(given: Path | None = None) -> Path:
    """Return the program; raise InvalidInputError if it is not there."""
    found = given or shutil.which("haproxy") or shutil.which("haproxy", path=_PLACES)
    if found is None:
        raise InvalidInputError("HAProxy is not there", next_step="apt-get install haproxy (2.6 or newer).")
    return Path(found)


def _is_placed(has: Mapping[str, Present], wanted: Mapping[str, Server]) -> bool:
    def holds(name: str, server: Server) -> bool:
        present = has.get(name)
        return present is not None and not present.in_maintenance and present.weight == server.weight

    return all(holds(name, server) for name, server in wanted.items())
