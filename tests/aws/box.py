"""A machine of its own on this one: a network and a loopback apart, reached at one address, with a real sshd.

Needs root. The holder is a process that sleeps in the namespaces; all else enters them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin") or "/usr/sbin/sshd"
_CONFIG = """
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding yes
"""


@dataclass
class Box:
    """The machine, and what runs in it."""

    folder: Path
    address: str
    holder: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *argv: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a program inside; its output goes to the console's file."""
        inside = ["nsenter", f"--target={self.holder}", "--net", "--mount", f"--wdns={self.folder}", *argv]
        with (self.folder / "console.log").open("ab") as log:
            process = subprocess.Popen(inside, env=env, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def sshd(self, user: str, public_key: str) -> subprocess.Popen[bytes]:
        """Let the holder of the key in as this user, which here is another name of root's."""
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "host_key")],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        (self.folder / "authorized_keys").write_text(f"{public_key}\n")
        (self.folder / "sshd_config").write_text(_CONFIG.format(folder=self.folder))
        people = self.folder / "passwd"
        people.write_text(f"{user}:x:0:0::{self.folder}:/bin/sh\n{Path('/etc/passwd').read_text()}")
        self._inside("mount", "--bind", str(people), "/etc/passwd")
        Path("/run/sshd").mkdir(exist_ok=True)
        return self.run(_SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config"))

    def _inside(self, *argv: str) -> None:
        subprocess.run(["nsenter", f"--target={self.holder}", "--net", "--mount", *argv], check=True)


def cut(sshd: subprocess.Popen[bytes]) -> int:
    """End every connection of the server, which goes on itself; return how many processes that were."""
    sessions = psutil.Process(sshd.pid).children(recursive=True)
    for one in sessions:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    return len(sessions)


@contextmanager
def box(folder: Path, address: str) -> Iterator[Box]:
    """Make it, to be reached from here at the address, and take it away with everything in it."""
    folder.mkdir(parents=True)
    argv = ["unshare", "--net", "--mount", "--propagation=private", "sh", "-c", "echo up; exec sleep infinity"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        made = Box(folder, address, holder.pid)
        link = f"kyc{holder.pid}"
        try:
            _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
            here = f"169.254.{holder.pid // 250 % 250}.{holder.pid % 250 + 1}"
            _ip("address", "add", f"{here}/32", "dev", link)
            _ip("link", "set", link, "up")
            _ip("route", "add", f"{address}/32", "dev", link, "src", here)
            for line in (
                ("link", "set", "lo", "up"),
                ("link", "set", "eth0", "up"),
                ("address", "add", f"{address}/32", "dev", "eth0"),
                ("route", "add", f"{here}/32", "dev", "eth0", "src", address),
            ):
                made._inside("ip", *line)
            yield made
        finally:
            for process in made.processes:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            holder.kill()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
