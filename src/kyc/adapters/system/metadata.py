"""Just enough of an HTTP client for a metadata service: small answers, a connection each, standard library.

Runs in every agent, once a second; no proxy is ever asked, as all three providers demand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from kyc.domain.errors import UnreachableError
from kyc.ports.notices import Answer

LINK_LOCAL = "http://169.254.169.254"  # of EC2, Compute Engine and Azure alike
_MAX_ANSWER_BYTES = 1 << 16


class MetadataHttp:
    """The MetadataService port on `url` (http, no path)."""

    def __init__(self, url: str = LINK_LOCAL) -> None:
        parts = urlsplit(url)
        self.url = url
        self._host = parts.hostname or ""
        self._port = parts.port or 80

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: str = "") -> Answer:
        """Send one request and return the answer; see the port. Bounded by the caller's own time-out."""
        try:
            return await self._ask(method, path, headers, body.encode())
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
            raise self._unreachable(str(error) or type(error).__name__) from error

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=_MAX_ANSWER_BYTES)
        try:
            fields = {"Host": self._host, "Content-Length": str(len(body)), "Connection": "close", **headers}
            lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
            writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            await writer.drain()
            return await self._answer(reader)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        version, _, rest = first.partition(" ")
        if not (version.startswith("HTTP/1.") and rest[:3].isdecimal()):
            raise self._unreachable(f"not an answer in HTTP: {first[:80]!r}")
        return Answer(int(rest[:3]), (await self._body(reader, headers)).decode(errors="replace"), headers)

    async def _body(self, reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await self._chunks(reader)
        if "content-length" in headers:
            return await reader.readexactly(self._size(headers["content-length"], 10))
        body = bytearray()
        while block := await reader.read(1 << 14):
            body += block
            self._size(str(len(body)), 10)
        return bytes(body)

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        body = bytearray()
        while size := self._size((await reader.readline()).split(b";")[0].strip().decode("latin-1"), 16):
            body += await reader.readexactly(size)
            self._size(str(len(body)), 10)
            await reader.readline()
        return bytes(body)

    def _size(self, text: str, base: int) -> int:
        size = int(text, base)
        if not 0 <= size <= _MAX_ANSWER_BYTES:
            raise self._unreachable(f"an answer of {size} bytes")
        return size

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"the metadata service at {self.url} cannot be read: {why}",
            next_step="Enable the instance's metadata service; on EC2, allow it one hop more.",
        )
