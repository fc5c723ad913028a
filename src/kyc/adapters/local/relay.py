"""Passes bytes between two connections until both sides have said all."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_BLOCK = 1 << 16


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """Connect to the target and pass bytes both ways; the end of one direction is passed on as such."""
    try:
        far_reader, far_writer = await asyncio.open_connection(host, port)
    except OSError:
        writer.close()
        return
    try:
        await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))
    finally:
        for end in (writer, far_writer):
            end.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
        writer.write_eof()
