"""What two ends of a WebSocket say to each other, handed on by the edge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import aiohttp
from aiohttp import web

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse
_ENDS = frozenset(
    (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
)


async def pump_both(one: Socket, other: Socket, idle_s: float) -> None:
    """Hand on what comes until either closes; raise TimeoutError once neither has said anything for so long."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(idle_s) as limit, asyncio.TaskGroup() as tasks:

        def moved() -> None:
            limit.reschedule(loop.time() + idle_s)

        tasks.create_task(_pump(one, other, moved))
        tasks.create_task(_pump(other, one, moved))


async def _pump(source: Socket, sink: Socket, moved: Callable[[], None]) -> None:
    """Hand on what comes until the source closes, then close the sink."""
    with suppress(ConnectionError):  # the other direction tells
        while (message := await source.receive()).type not in _ENDS:
            moved()
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    await sink.send_str(message.data)
                case aiohttp.WSMsgType.BINARY:
                    await sink.send_bytes(message.data)
                case aiohttp.WSMsgType.PING:
                    await sink.ping(message.data)
                case aiohttp.WSMsgType.PONG:
                    await sink.pong(message.data)
        await sink.close(code=source.close_code or aiohttp.WSCloseCode.GOING_AWAY)
