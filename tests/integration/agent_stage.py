"""A real agent process between a scripted master, a real stream server and a metadata service that a test moves."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from kyc.adapters.nats.host import HostOptions, NatsHost
from kyc.adapters.system.clock import SystemClock
from kyc.wire.agent import Assignment
from tests.unit.agent.scripted_master import EnrolmentDesk, ScriptedMaster, enrolment_desk, scripted_master
from tests.unit.agent.stage import ASSIGNMENT

KEY = base64.b64encode(bytes(range(32))).decode()


class FrontDoor:
    """One port for both halves of the scripted master: links to one, all other requests to the other."""

    def __init__(self, master: ScriptedMaster, desk: EnrolmentDesk) -> None:
        self._master = master
        self._desk = desk
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._master.cut()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            port = self._master.port if b"/link HTTP" in head else self._desk.port
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, EOFError):
            writer.close()
            return
        upstream_writer.write(head)
        await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


class Site:
    """What all agents of a test share: the master's halves behind one door, and the stream server."""

    def __init__(self, master: ScriptedMaster, desk: EnrolmentDesk, door: FrontDoor, host: NatsHost) -> None:
        self.master = master
        self.desk = desk
        self.door = door
        self.host = host

    async def assignment(self, phase: str, **changes: object) -> Assignment:
        """Return an assignment of the workload `train`, with access to the stream."""
        known: dict[str, object] = {
            "phase": phase,
            "stream": await self.host.access("train"),
            "key": KEY,
            "archive": None,
            "keep": ["checkpoints"],
            "snapshot_interval_s": 0.3,
        }
        return msgspec.structs.replace(ASSIGNMENT, **(known | changes))

    @asynccontextmanager
    async def agent(self, root: Path, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run an agent under this root; it is ended, and its work with it, on leaving."""
        root.mkdir(exist_ok=True)
        told = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "KYC_MASTER_URL": f"http://127.0.0.1:{self.door.port}",
            "KYC_INSTANCE_ID": "i-test",
            "KYC_ENROL_TOKEN": "token",
            "KYC_ROOT": str(root),
        }
        with (root / "console.log").open("ab") as console:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "kyc.agent", cwd=root, env=told | env, stdout=console, stderr=console
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def admit(self) -> None:
        """Let in whoever has enrolled."""
        async with asyncio.timeout(15):
            while not self.desk.bodies:
                await asyncio.sleep(0.01)
        self.master.secrets.update(body["secret"] for body in self.desk.bodies)


@asynccontextmanager
async def site(folder: Path, options: HostOptions | None = None) -> AsyncIterator[Site]:
    """Run the site, with an empty place for the workload `train`."""
    host = NatsHost(folder / "nats", clock=SystemClock(), options=options)
    async with AsyncExitStack() as stack:
        await host.ensure()
        stack.push_async_callback(host.stop)
        stream = await host.stream()
        await stream.create("train")
        await stream.close()
        master = await stack.enter_async_context(scripted_master())
        desk = await stack.enter_async_context(enrolment_desk())
        door = FrontDoor(master, desk)
        await door.start()
        stack.push_async_callback(door.stop)
        yield Site(master, desk, door, host)
