"""The Network of isolated mode: a private network in an unprivileged user namespace, with links that can be cut.

    holder (keeps the namespaces, outlives the daemon)      instance i
    br0 10.88.0.1/16, 169.254.169.254  ---- veth v<i> ----  eth0 10.88.x.y, its own network and PID namespace

The daemon itself stays on the host. What it has to listen on inside, it gets as open sockets (`inside.py`): a socket
stays in the network it was made in. So the metadata service answers at 169.254.169.254:80, and whatever instances are
to reach on the host is relayed from 10.88.0.1.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kyc.adapters.local.fault import UNSUPPORTED, Fault
from kyc.adapters.local.httpd import Handler, Request, Response, serve
from kyc.adapters.local.place import Place
from kyc.adapters.local.process import look_at, send
from kyc.adapters.local.record import write_whole
from kyc.adapters.local.relay import relay

GATEWAY = "10.88.0.1"
METADATA = "169.254.169.254"
_NET = ipaddress.ip_network("10.88.0.0/16")
_FIRST = 16  # the numbers below are the network's own
_TRIES = 64
_HOLDER = """
ip link set lo up
ip link add br0 type bridge
ip addr add 10.88.0.1/16 dev br0
ip addr add 169.254.169.254/32 dev br0
ip link set br0 up
mount -t tmpfs none /run
mkdir /run/netns
echo ready
exec sleep infinity </dev/null >/dev/null 2>&1
"""
_UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount")
# The shell is the first process of the instance's PID namespace: it clears away orphans, and its end ends everything.
# To enter a mount namespace is to leave the current folder, hence the cd.
_OWN_PIDS = (
    "unshare",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "sh",
    "-c",
    'cd "${KYC_ROOT:-/}" && "$@"; exit $?',
    "init",
)


def why_not_isolated() -> str:
    """Say why isolated mode does not work on this machine, found out by trying; empty if it does."""
    missing = [name for name in ("unshare", "nsenter", "ip", "mount") if shutil.which(name) is None]
    if missing:
        return f"missing programs: {', '.join(missing)}"
    script = f'{_HOLDER.partition("echo ready")[0]}\nip netns add n1\nexec "$@"'
    tried = subprocess.run(
        [*_UNSHARE, "sh", "-ec", script, "sh", *_OWN_PIDS, "true"],
        capture_output=True,
        check=False,
        timeout=10,
        text=True,
    )
    return "" if tried.returncode == 0 else tried.stderr.strip() or f"exit code {tried.returncode}"


@dataclass(frozen=True, slots=True)
class IsolatedPlace:
    """An address on the private network, in a namespace of its own."""

    network: Isolated
    address: str
    port: int
    enter: tuple[str, ...]

    @property
    def metadata_url(self) -> str:
        """Where the instance finds its metadata service: as on EC2."""
        return f"http://{METADATA}"

    async def close(self, *, stays: bool) -> None:
        """Forget the instance, and remove its namespace unless it stays."""
        await self.network.give_back(self.address, stays=stays)


class Isolated:
    """Places on the private network. `open` first; the holder's pid and the forwards are remembered in `home`."""

    def __init__(self, home: Path) -> None:
        self._path = home / "isolated.json"
        self._holder = 0
        self._handlers: dict[str, Handler] = {}
        self._forwards: dict[str, int] = {}  # by "host:port" here: the port inside
        self._servers: list[asyncio.Server] = []
        self._next = 0

    async def open(self) -> None:
        """Find the private network of before, or make a new one."""
        if not self._found():
            self._holder = await asyncio.to_thread(_start_holder)
            self._save()
        self._servers.append(await asyncio.start_server(self._metadata, sock=await self._listen(METADATA, 80)))
        for target, port in list(self._forwards.items()):
            host, _, host_port = target.rpartition(":")
            await self._relay(host, int(host_port), port)

    async def take(self, handler: Handler, *, address: str = "", port: int = 0) -> Place:
        """Make a namespace with a link and an address, or find it again (OSError if its network is gone)."""
        if address:
            if not await self._run("ip", "-n", _name(address), "link", "show", "eth0"):
                raise OSError(f"the network of {address} is gone")
            return self._place(address, handler)
        for _ in range(_TRIES):
            candidate = str(_NET[_FIRST + self._next % (_NET.num_addresses - 2 * _FIRST)])
            self._next += 1
            if candidate not in self._handlers and await self._link(candidate):
                return self._place(candidate, handler)
        raise Fault(UNSUPPORTED, "no namespace could be made for the instance; see the daemon's log")

    async def set_link(self, address: str, *, up: bool) -> None:
        """Cut or heal the instance's link: nothing passes, and nobody is told, as with a cable."""
        if not await self._run("ip", "link", "set", f"v{_name(address)}", "up" if up else "down"):
            raise Fault(UNSUPPORTED, f"the link of {address} could not be set")

    async def forward(self, host: str, port: int) -> tuple[str, int]:
        """Relay from the private network to a listener of the host; the same address every time."""
        target = f"{host}:{port}"
        if target not in self._forwards:
            self._forwards[target] = await self._relay(host, port, port)
            self._save()
        return GATEWAY, self._forwards[target]

    async def give_back(self, address: str, *, stays: bool) -> None:
        """Forget an instance, and remove its namespace unless it stays."""
        self._handlers.pop(address, None)
        if not stays:
            await self._run("ip", "netns", "del", _name(address))

    async def close(self, *, everything: bool) -> None:
        """Stop listening; with `everything` end the network too."""
        for server in self._servers:
            server.close()
        if everything:
            send((self._holder,), signal.SIGKILL)
            self._path.unlink(missing_ok=True)

    def _found(self) -> bool:
        if not self._path.exists():
            return False
        known = json.loads(self._path.read_bytes())
        seen = look_at(known["holder"])
        if seen is None or not seen.alive or seen.started != known["started"]:
            return False
        self._holder, self._forwards = known["holder"], known["forwards"]
        return True

    def _save(self) -> None:
        seen = look_at(self._holder)
        known = {"holder": self._holder, "started": seen.started if seen else 0, "forwards": self._forwards}
        write_whole(self._path, json.dumps(known).encode())

    def _place(self, address: str, handler: Handler) -> Place:
        self._handlers[address] = handler
        enter = (*self._enter("--mount"), "nsenter", f"--net=/run/netns/{_name(address)}", "--", *_OWN_PIDS)
        return IsolatedPlace(self, address, 80, enter)

    def _enter(self, *namespaces: str) -> tuple[str, ...]:
        return ("nsenter", f"--target={self._holder}", "--user", *namespaces, "--preserve-credentials", "--")

    async def _link(self, address: str) -> bool:
        name = _name(address)
        made = await self._run(
            *("ip", "-batch", "-"),
            lines=(
                f"netns add {name}",
                f"link add v{name} type veth peer name eth0 netns {name}",
                f"link set v{name} master br0 up",
            ),
        )
        return made and await self._run(
            *("ip", "-n", name, "-batch", "-"),
            lines=(
                f"addr add {address}/{_NET.prefixlen} dev eth0",
                "link set eth0 up",
                "link set lo up",
                f"route add default via {GATEWAY}",
            ),
        )

    async def _run(self, *command: str, lines: Sequence[str] = ()) -> bool:
        """Run a command inside; what it complains of goes to the daemon's log."""
        process = await asyncio.create_subprocess_exec(
            *self._enter("--mount", "--net"), *command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        await process.communicate("".join(f"{line}\n" for line in lines).encode())
        return process.returncode == 0

    async def _listen(self, host: str, port: int) -> socket.socket:
        """Return a socket that listens inside."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = await asyncio.create_subprocess_exec(
                *self._enter("--net"),
                *(sys.executable, "-S", "-E", str(Path(__file__).with_name("inside.py"))),
                *(host, str(port), str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stderr=subprocess.PIPE,
            )
            _, said = await process.communicate()
            if process.returncode != 0:
                raise OSError(f"cannot listen at {host}:{port} inside: {said.decode(errors='replace').strip()}")
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        return socket.socket(fileno=fds[0])

    async def _relay(self, host: str, port: int, inside: int) -> int:
        listener = await self._listen(GATEWAY, inside)

        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await relay(reader, writer, host, port)

        self._servers.append(await asyncio.start_server(on_connection, sock=listener))
        return int(listener.getsockname()[1])

    async def _metadata(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def answer(request: Request) -> Response:
            handler = self._handlers.get(request.peer)
            return handler(request) if handler is not None else Response(404)

        await serve(reader, writer, answer)


def _name(address: str) -> str:
    """Return the namespace's name; with a letter more it is the link's, at most 15 bytes."""
    return f"n{int(ipaddress.ip_address(address)) - int(_NET[0])}"


def _start_holder() -> int:
    holder = subprocess.Popen(
        [*_UNSHARE, "sh", "-ec", _HOLDER],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert holder.stdout is not None
    with holder.stdout as said:
        if said.readline().strip() != b"ready":
            raise OSError("the private network could not be made; see the daemon's log")
    return holder.pid


def cannot_be_isolated(why: str) -> str:
    """Say it to a person, with what to do."""
    return (
        f"isolated mode does not work on this machine: {why}. It needs unprivileged user namespaces "
        "(sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, AppArmor) and iproute2; "
        "without them start the local cloud in process mode.\n"
    )
