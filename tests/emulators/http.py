"""The HTTP server under every emulator: asyncio, keep-alive, TLS where a certificate is given, requests as values."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names in lower case, the query's first value of each name."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: text and bytes as they are, anything else as JSON; `wait_s` passes before it is sent."""

    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0


Handler = Callable[[Request], Response]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on a free loopback port; yield `http(s)://127.0.0.1:port`."""
    open_ends: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ends[task] = writer
        try:
            await _serve(reader, writer, handler)
        finally:
            del open_ends[task]

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()
        for writer in open_ends.values():
            writer.transport.abort()
        await asyncio.gather(*open_ends)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    try:
        while request := await _read(reader):
            response = handler(request)
            if response.wait_s and await _hung_up(reader, within_s=response.wait_s):
                break
            writer.write(_encoded(response, head_only=request.method == "HEAD"))
            await writer.drain()
            if request.headers.get("connection", "").lower() == "close":
                break
    except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
        pass  # the client has gone, or the test is over
    finally:
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


async def _hung_up(reader: asyncio.StreamReader, *, within_s: float) -> bool:
    """Wait; say whether the client went away before the time was over."""
    try:
        async with asyncio.timeout(within_s):
            return not await reader.read(1)
    except TimeoutError:
        return False


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("expect") == "100-continue":
        raise ConnectionError("the emulators do not speak 100-continue")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return Request(method, unquote(parts.path), query, headers, body)


def _encoded(response: Response, *, head_only: bool) -> bytes:
    match response.body:
        case bytes() as body:
            kind = "application/octet-stream"
        case str() as text:
            body, kind = text.encode(), "text/plain"
        case value:
            body, kind = json.dumps(value).encode(), "application/json; charset=utf-8"
    headers = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if head_only else body)
