"""HAProxy's runtime API, over its Unix sockets: text commands, text answers."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kyc.adapters.haproxy.config import ROOM
from kyc.domain.errors import UnreachableError
from kyc.hosting.socketpath import short_path

_AT_ONCE = 12_000  # characters: what fits in one of HAProxy's buffers
_POLL_S = 0.01
_WORKER = re.compile(r"^(\d+)\s+worker\b", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A server that HAProxy has: its weight, and whether it is in maintenance (left out, but not gone yet)."""

    weight: int
    in_maintenance: bool


class Runtime:
    """Talks to the present worker, and through the master process to those that end. UnreachableError if silent."""

    def __init__(self, worker: Path, master: Path, *, timeout_s: float = 10) -> None:
        self._worker = worker
        self._master = master
        self._timeout_s = timeout_s

    async def who(self) -> tuple[int, str]:
        """Return the present worker's id, and the name of the configuration that it runs by."""
        pairs = (line.partition(": ") for line in (await self.ask("show info")).splitlines())
        info = {name: value for name, _, value in pairs}
        return int(info.get("Pid", "0")), info.get("description", "")

    async def servers(self) -> dict[str, dict[str, Present]]:
        """Return the servers of the present worker, by backend and name."""
        found: dict[str, dict[str, Present]] = {}
        for line in (await self.ask("show servers state")).splitlines()[2:]:
            fields = line.split()
            if len(fields) > 7 and fields[3] != ROOM:
                present = Present(weight=int(fields[7]), in_maintenance=int(fields[6]) & 0x01 != 0)
                found.setdefault(fields[1], {})[fields[3]] = present
        return found

    async def change(self, commands: Iterable[str]) -> str:
        """Give commands to the present worker; return what it answers that is not empty."""
        said = [await self.ask("; ".join(some)) for some in _portions(commands)]
        return "\n".join(filter(None, (line.strip() for text in said for line in text.splitlines())))

    def tell(self, command: str) -> None:
        """Give a command to the present worker without an answer; it is lost where it cannot be taken at once."""
        with suppress(OSError), short_path(self._worker) as short, socket.socket(socket.AF_UNIX) as talk:
            talk.setblocking(False)
            talk.connect(short)
            talk.send(f"{command}\n".encode())

    async def ask(self, command: str) -> str:
        """Return the present worker's answer."""
        return await self._ask(self._worker, command)

    async def old_workers(self) -> list[int]:
        """Return the workers that end with what they have in flight."""
        table = await self._ask(self._master, "show proc")
        _, _, old = table.partition("# old workers")
        return [int(pid) for pid in _WORKER.findall(old)]

    async def ask_old(self, pid: int, command: str) -> str:
        """Return the answer of a worker that ends."""
        return await self._ask(self._master, f"@!{pid} {command}")

    async def _ask(self, path: Path, command: str) -> str:
        try:
            async with asyncio.timeout(self._timeout_s):
                reader, writer = await self._open(path)
                try:
                    writer.write(f"{command}\n".encode())
                    if path == self._master:
                        writer.write_eof()  # it would wait for another command
                    return (await reader.read()).decode()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise UnreachableError(f"HAProxy does not answer: {str(error) or 'no answer in time'}") from error

    async def _open(self, path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            try:
                with short_path(path) as short:
                    return await asyncio.open_unix_connection(short)
            except ConnectionRefusedError:
                if path != self._master:
                    raise
                await asyncio.sleep(_POLL_S)  # it begins anew at each reload, and is back in a moment


def _portions(commands: Iterable[str]) -> Iterator[list[str]]:
    """Yield the commands in order, so many at once as HAProxy takes."""
    some: list[str] = []
    room = _AT_ONCE
    for command in commands:
        if some and len(command) > room:
            yield some
            some, room = [], _AT_ONCE
        some.append(command)
        room -= len(command) + 2
    if some:
        yield some
