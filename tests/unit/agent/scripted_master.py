"""A master in the test's own process: enrolment and link on one port, saying and doing what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from kyc.wire.agent import Ack, AnyFact, Assignment, Desire, Fact, Pulse, frame, read_from_agent


class ScriptedMaster:
    """Stores facts in order, once each, as the store's inbox mark does; `cut` ends connections."""

    def __init__(self) -> None:
        self.port = 0
        self.facts: list[AnyFact] = []
        self.numbers: list[int] = []
        self.repeated = 0
        self.pulses: list[Pulse] = []
        self.connections = 0
        self.secrets: set[str] = set()
        self.acknowledges = True
        self.refuse_links = False
        self.cut_after: Callable[[int], bool] = lambda _: False  # asked with each fact's number
        self.news = asyncio.Event()
        self._desire = Desire(revision=1, assignment=None)
        self._server: Server | None = None
        self._open: set[ServerConnection] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, process_request=self._check, compression=None, close_timeout=0.2
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def cut(self) -> None:
        for connection in list(self._open):
            connection.transport.abort()

    async def want(self, assignment: Assignment | None) -> None:
        self._desire = Desire(revision=self._desire.revision + 1, assignment=assignment)
        for connection in list(self._open):
            await connection.send(frame(self._desire))

    def story(self) -> list[str]:
        return [type(fact).__name__ for fact in self.facts]

    def told(self, kind: type[AnyFact]) -> list[AnyFact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def until(self, met: Callable[[], bool], *, within_s: float = 15) -> None:
        async with asyncio.timeout(within_s):
            while not met():
                self.news.clear()
                await self.news.wait()

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.refuse_links or secret not in self.secrets:
            return Response(401, "Unauthorized", Headers({"Content-Length": "0"}))
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        self._open.add(connection)
        self.connections += 1
        self.news.set()
        try:
            await connection.send(frame(self._desire))
            async for text in connection:
                await self._hear(connection, text)
        except ConnectionClosed:
            pass
        finally:
            self._open.discard(connection)
            self.news.set()

    async def _hear(self, connection: ServerConnection, text: str | bytes) -> None:
        message = read_from_agent(text)
        self.news.set()
        if isinstance(message, Pulse):
            self.pulses.append(message)
            return
        assert isinstance(message, Fact)
        if self.numbers and message.number <= self.numbers[-1]:
            self.repeated += 1
        else:
            self.numbers.append(message.number)
            self.facts.append(message.fact)
        if self.cut_after(message.number):
            connection.transport.abort()
        elif self.acknowledges:
            await connection.send(frame(Ack(upto=message.number)))


@asynccontextmanager
async def scripted_master() -> AsyncIterator[ScriptedMaster]:
    master = ScriptedMaster()
    await master.start()
    try:
        yield master
    finally:
        await master.stop()


class EnrolmentDesk:
    """The REST side: `POST .../enrol` and `GET .../archive`, with replies that get lost when asked to."""

    def __init__(self) -> None:
        self.port = 0
        self.bodies: list[dict[str, str]] = []
        self.lose_replies = 0
        self.answers: list[tuple[int, bytes]] = []
        self.archive = b""
        self.bearers: list[str] = []
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head.split("\r\n")[1:]}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        status, answer = 200, self.archive
        if head.startswith("POST"):
            self.bodies.append(msgspec.json.decode(body, type=dict[str, str]))
            status, answer = self.answers.pop(0) if self.answers else (200, b"{}")
        self.bearers.append(headers.get("authorization", ""))
        if self.lose_replies:
            self.lose_replies -= 1
        else:
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(answer)}\r\n\r\n".encode() + answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def enrolment_desk() -> AsyncIterator[EnrolmentDesk]:
    desk = EnrolmentDesk()
    await desk.start()
    try:
        yield desk
    finally:
        await desk.stop()
