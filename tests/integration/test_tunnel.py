"""Tunnels against a real sshd: what an instance calls on its own loopback arrives here, and comes back after a cut."""

from __future__ import annotations

import asyncio
import getpass
import os
import random
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kyc.adapters.ssh.tunnel import SshTunnels
from kyc.adapters.system.sshkey import public_key
from kyc.domain.ids import InstanceId
from kyc.ports.tunnel import Gate
from tests.needs import need

ONE = InstanceId("i-1")
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin") or "/usr/sbin/sshd"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding yes
PermitListen {listen}
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Instance:
    """An sshd of ours on a free port, and what is called through it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.port, self.forwarded = folder, free_port(), free_port()
        self.key = folder / "master_key"
        (folder / "authorized_keys").write_text(public_key(self.key) + "\n")
        self.new_host_key()
        text = CONFIG.format(port=self.port, folder=folder, listen=self.forwarded)
        (folder / "sshd_config").write_text(text)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def gate(self) -> Gate:
        return Gate(address="127.0.0.1", user=getpass.getuser(), port=self.port)

    def new_host_key(self) -> None:
        (self.folder / "host_key").unlink(missing_ok=True)
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "host_key")]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        argv = [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stderr=log, start_new_session=True)

    def kill(self) -> None:
        """End it with all its connections, as a power cut would."""
        if self.process is not None:
            server = psutil.Process(self.process.pid)
            for process in (*server.children(recursive=True), server):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[Instance]:
    need("sshd")
    made = Instance(tmp_path / "instance")
    made.start()
    yield made
    made.kill()


async def until(check, *, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not check():
            await asyncio.sleep(0.05)


async def ask(port: int) -> bytes:
    """Call the instance's loopback, as its agent does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"who is there?\n")
    answer = await reader.readline()
    writer.close()
    return answer


class Side:
    """What the two sides are: the master's port, the instance's, and the tunnels between them."""

    def __init__(self, instance: Instance, folder: Path) -> None:
        self.instance, self.known = instance, folder / "known"
        self.tunnels = SshTunnels(instance.key, self.known, {}, random.Random(1))

    def opened(self) -> bool:
        return self.tunnels.trouble(ONE) == ""


@pytest.fixture
async def side(instance: Instance, tmp_path: Path) -> AsyncIterator[Side]:
    # On one machine the two loopbacks are the same: the master's service listens elsewhere, and is forwarded to.
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"the master\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Side(instance, tmp_path)
    made.tunnels.ports = {instance.forwarded: port}
    yield made
    await made.tunnels.close()
    server.close()
    await server.wait_closed()


async def test_what_the_agent_calls_arrives_at_the_master(side: Side) -> None:
    side.tunnels.keep({ONE: side.instance.gate})
    await until(side.opened)
    assert await ask(side.instance.forwarded) == b"the master\n"
    assert (side.known / ONE).read_text().startswith("ssh-ed25519 ")


async def test_it_comes_back_after_the_connection_was_cut(side: Side) -> None:
    side.tunnels.keep({ONE: side.instance.gate})
    await until(side.opened)
    side.instance.kill()
    await until(lambda: not side.opened())
    side.instance.start()
    await until(side.opened)
    assert await ask(side.instance.forwarded) == b"the master\n"


async def test_an_instance_that_boots_later_is_waited_for(side: Side) -> None:
    side.instance.kill()
    side.tunnels.keep({ONE: side.instance.gate})
    await until(lambda: side.tunnels.trouble(ONE) not in {"", "it was not tried yet"})
    side.instance.start()
    await until(side.opened)


async def test_another_machine_at_the_address_is_not_believed(side: Side) -> None:
    side.tunnels.keep({ONE: side.instance.gate})
    await until(side.opened)
    side.instance.kill()
    side.instance.new_host_key()
    side.instance.start()
    await until(lambda: "ost key" in side.tunnels.trouble(ONE))
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await ask(side.instance.forwarded)


async def test_what_is_not_wanted_any_more_is_closed(side: Side) -> None:
    side.tunnels.keep({ONE: side.instance.gate})
    await until(side.opened)
    side.tunnels.keep({ONE: side.instance.gate})
    assert side.opened(), "what is there stays"
    side.tunnels.keep({})

    def is_closed() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", side.instance.forwarded)) != 0

    await until(is_closed)


async def test_a_key_that_is_not_known_there_is_told(side: Side) -> None:
    (side.instance.folder / "authorized_keys").write_text("")
    side.tunnels.keep({ONE: side.instance.gate})
    await until(lambda: "ermission denied" in side.tunnels.trouble(ONE))
