"""A WebSocket client (RFC 6455) on asyncio's streams: as much of it as the link needs.

Why not a library: the usual one brings 3.4 MB into an idle agent, for a server, proxies and compression that it never
uses. Text messages, pings and closing are here; extensions, subprotocols and binary messages are not.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import IntEnum
from typing import Never
from urllib.parse import SplitResult, urlsplit

from kyc.agent.fetch import as_unreachable, open_connection, read_head
from kyc.domain.errors import UnreachableError

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL = 0x80
_MASKED = 0x80
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_OPEN_TIMEOUT_S = 5.0
PING_S = 5.0
SILENCE_S = 10.0  # a cut network closes nothing: only the missing answer to a ping tells


class Kind(IntEnum):
    """What a frame is."""

    CONTINUATION = 0x0
    TEXT = 0x1
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


@asynccontextmanager
async def connect(url: str, *, secret: str) -> AsyncIterator[WebSocket]:
    """Connect with the bearer secret; raise UnreachableError if that fails or the other side refuses."""
    parts = urlsplit(url)
    writer = None
    try:
        with as_unreachable(parts.netloc):
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                reader, writer = await open_connection(parts)
                await _shake_hands(reader, writer, parts, secret)
        socket = WebSocket(reader, writer, parts.netloc)
        yield socket
        await socket.close()
    finally:
        if writer is not None:
            writer.close()


class WebSocket:
    """An open connection. `receive` must be called all the time: it also answers pings. All raise UnreachableError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, netloc: str) -> None:
        self._reader = reader
        self._writer = writer
        self._netloc = netloc
        self._sending = asyncio.Lock()

    async def send(self, text: str) -> None:
        """Send one text message; wait while the other side takes nothing."""
        await self._send(Kind.TEXT, text.encode())

    async def receive(self) -> str:
        """Return the next text message."""
        message = bytearray()
        while True:
            final, opcode, payload = await self._frame(_MAX_MESSAGE_BYTES - len(message))
            match opcode:
                case Kind.TEXT | Kind.CONTINUATION:
                    message += payload
                    if final:
                        with as_unreachable(self._netloc):
                            return message.decode()
                case Kind.CLOSE:
                    await self.close()
                    raise UnreachableError(f"the master closed the link: {_reason(payload)}")
                case Kind.PING:
                    await self._send(Kind.PONG, payload)
                case Kind.PONG:
                    pass  # that it came is what counts
                case _:
                    raise UnreachableError(f"the master sent a WebSocket frame of kind {opcode}")

    async def keep_alive(self) -> Never:
        """Ping now and then, so that `receive` hears something as long as the other side is there."""
        while True:
            await asyncio.sleep(PING_S)
            await self._send(Kind.PING, b"")

    async def close(self) -> None:
        """Say goodbye, if that is still possible."""
        with suppress(UnreachableError, TimeoutError):
            async with asyncio.timeout(1):
                await self._send(Kind.CLOSE, b"\x03\xe8")

    async def _frame(self, limit: int) -> tuple[bool, int, bytes]:
        with as_unreachable(self._netloc):
            async with asyncio.timeout(SILENCE_S):
                first, second = await self._reader.readexactly(2)
            async with asyncio.timeout(SILENCE_S):
                size = second & 0x7F
                if size >= 126:
                    size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
                if size > limit or second & _MASKED or first & 0x70:
                    raise UnreachableError("the master sent a frame that is too large, or not of this protocol")
                return bool(first & _FINAL), first & 0x0F, await self._reader.readexactly(size)

    async def _send(self, opcode: int, payload: bytes) -> None:
        with as_unreachable(self._netloc):
            async with self._sending:
                self._writer.write(_frame_of(opcode, payload))
                await self._writer.drain()


async def _shake_hands(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parts: SplitResult, secret: str
) -> None:
    key = base64.b64encode(os.urandom(16))
    lines = (
        f"GET {parts.path or '/'} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key.decode()}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {secret}",
    )
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    await writer.drain()
    head = await read_head(reader)
    if head.status != 101:
        raise UnreachableError(f"the master refuses the link with {head.status}")
    expected = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    if head.headers.get("sec-websocket-accept") != expected:
        raise UnreachableError("what answers at the link's address is not a WebSocket server")


def _frame_of(opcode: int, payload: bytes) -> bytes:
    """Return one whole frame, masked as a client's must be."""
    size = len(payload)
    if size < 126:
        head = bytes((_FINAL | opcode, _MASKED | size))
    elif size < 65_536:
        head = bytes((_FINAL | opcode, _MASKED | 126)) + size.to_bytes(2)
    else:
        head = bytes((_FINAL | opcode, _MASKED | 127)) + size.to_bytes(8)
    mask = os.urandom(4)
    stretched = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(stretched, "little")
    return head + mask + masked.to_bytes(size, "little")


def _reason(payload: bytes) -> str:
    if len(payload) < 2:
        return "without a reason"
    return f"{int.from_bytes(payload[:2])} {payload[2:].decode(errors='replace')}".strip()
