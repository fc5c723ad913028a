"""A replica for the edge's bench: `python -m bench.edge_replica` prints its port; quick, slow, WebSocket."""

from __future__ import annotations

import asyncio
import signal

from aiohttp import web

BODY = b"x" * 1000


async def _quick(_: web.Request) -> web.Response:
    return web.Response(body=BODY)


async def _slow(_: web.Request) -> web.Response:
    await asyncio.sleep(0.4)
    return web.Response(body=BODY)


async def _socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(str(message.data))
    return socket


async def main() -> None:
    """Serve until SIGTERM, then at once no more: whoever drains has to have drained before."""
    app = web.Application()
    app.router.add_get("/", _quick)
    app.router.add_get("/slow", _slow)
    app.router.add_get("/ws", _socket)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
