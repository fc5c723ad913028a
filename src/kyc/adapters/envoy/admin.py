"""Envoy's administration interface, over its Unix socket: what is in force, and what passed through."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from kyc.domain.errors import UnreachableError
from kyc.hosting.socketpath import short_path


class Admin:
    """Asks the Envoy behind a socket; raises UnreachableError where it does not answer."""

    def __init__(self, socket: Path, *, timeout_s: float = 5) -> None:
        self._socket = socket
        self._timeout_s = timeout_s

    async def stats(self, names: Iterable[str], *, kind: str = "All") -> dict[str, str]:
        """Return the statistics of these very names that exist, as text; `kind`: TextReadouts, Counters, Gauges."""
        pattern = "|".join(re.escape(name).replace(r"\-", "-") for name in names)
        text = await self.get(f"/stats?type={kind}&filter=%5E({pattern})%24")
        pairs = (line.partition(": ") for line in text.decode().splitlines())
        return {name: value.strip('"') for name, _, value in pairs}

    async def json(self, path: str) -> Mapping[str, object]:
        """Return the JSON document at the path."""
        found: Mapping[str, object] = json.loads(await self.get(path))
        return found

    async def get(self, path: str) -> bytes:
        """Return the body at the path."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._get(path)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise UnreachableError(f"Envoy does not answer: {str(error) or 'no answer in time'}") from error

    async def _get(self, path: str) -> bytes:
        with short_path(self._socket) as short:
            reader, writer = await asyncio.open_unix_connection(short, limit=1 << 20)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            body = await (_chunks(reader) if b"chunked" in head.lower() else reader.read())
        finally:
            writer.close()
        if head.split(b" ", 2)[1] != b"200":
            raise ValueError(f"{path}: {head.splitlines()[0].decode(errors='replace')}")
        return body


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    return b"".join(parts)
