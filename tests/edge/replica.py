"""A replica as an application would be: answers who it is, slowly where asked, echoes bodies and WebSockets.

In this process (`Replica.serving`), or as `python -m tests.edge.replica NAME` in one of its own, to be killed.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web


@dataclass
class Replica:
    """Its name, where it listens, and what came."""

    name: str
    port: int = 0
    hits: int = 0
    slow: int = 0  # slow requests that it works on
    is_broken: bool = False  # it answers 500, whatever it is asked
    release: asyncio.Event = field(default_factory=asyncio.Event)  # lets the slow ones end

    @staticmethod
    @asynccontextmanager
    async def serving(name: str, *, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Replica]:
        replica = Replica(name)
        runner = web.AppRunner(replica.app(), handler_cancellation=False, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls, reuse_address=True).start()
            replica.port = runner.addresses[0][1]
            yield replica
        finally:
            replica.release.set()
            await runner.cleanup()

    def app(self) -> web.Application:
        app = web.Application(
            client_max_size=1 << 30, handler_args={"max_field_size": 1 << 18, "max_line_size": 1 << 18}
        )
        app.router.add_get("/slow", self._slow)
        app.router.add_get("/ws", self._ws)
        app.router.add_get("/stream", self._stream)
        app.router.add_post("/die", self._die)
        app.router.add_post("/sum", self._sum)
        app.router.add_post("/echo", self._echo)
        app.router.add_route("*", "/{path:.*}", self._who)
        return app

    async def _who(self, request: web.Request) -> web.Response:
        self.hits += 1
        told = {
            "replica": self.name,
            "method": request.method,
            "path": request.raw_path,
            "headers": {key.lower(): value for key, value in request.headers.items()},
            "body": len(await request.read()),
        }
        size = int(request.query.get("header", "0"))
        status = int(request.query.get("status", "500" if self.is_broken else "200"))
        return web.json_response(told, status=status, headers={"X-Long": "h" * size} if size else None)

    async def _slow(self, request: web.Request) -> web.Response:
        self.slow += 1
        try:
            if wait := request.query.get("s"):
                await asyncio.sleep(float(wait))
            else:
                await self.release.wait()
        finally:
            self.slow -= 1
        return web.Response(text=self.name)

    async def _ws(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f"{self.name}: {message.data}")
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first\n")
        await self.release.wait()
        await response.write(b"last\n")
        return response

    async def _sum(self, request: web.Request) -> web.Response:
        digest = hashlib.sha256()
        async for chunk in request.content.iter_any():
            digest.update(chunk)
        return web.Response(text=digest.hexdigest())

    async def _echo(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for chunk in request.content.iter_any():
            await response.write(chunk)
        return response

    async def _die(self, request: web.Request) -> web.Response:
        """Take the request and close the connection without a word, as a killed process does."""
        self.hits += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


async def _main(name: str) -> None:
    async with Replica.serving(name) as replica:
        print(replica.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
