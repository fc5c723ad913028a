"""Our WebSocket client against a library's server, and against servers that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from kyc.agent import websocket
from kyc.agent.websocket import connect
from kyc.domain.errors import UnreachableError


@asynccontextmanager
async def serving(handle: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async def quietly(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await handle(connection)

    async with serve(quietly, "127.0.0.1", 0, max_size=None, close_timeout=0.2) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/link"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 3_000_000])
async def test_messages_of_every_size_come_back(size: int) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serving(echo) as url, connect(url, secret="s") as socket:
        for text in ("x" * size, "ü" * (size // 2)):
            await socket.send(text)
            assert await socket.receive() == text


async def test_the_secret_and_the_path_arrive() -> None:
    async def tell(connection: ServerConnection) -> None:
        assert connection.request is not None
        await connection.send(f"{connection.request.path} {connection.request.headers['Authorization']}")

    async with serving(tell) as url, connect(url, secret="s") as socket:
        assert await socket.receive() == "/api/link Bearer s"


async def test_fragments_are_put_together_and_pings_between_them_answered() -> None:
    ponged = asyncio.Event()

    async def fragments(connection: ServerConnection) -> None:
        async def parts() -> AsyncIterator[str]:
            yield "one "
            pong = await connection.ping()
            yield "two "
            yield "three"
            await pong
            ponged.set()

        await connection.send(parts())
        await connection.wait_closed()

    async with serving(fragments) as url, connect(url, secret="s") as socket:
        assert await socket.receive() == "one two three"
        reading = asyncio.create_task(socket.receive())
        await asyncio.wait_for(ponged.wait(), 5)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_a_goodbye_is_an_error_with_its_reason() -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.close(1012, "restarting")

    async with serving(leave) as url:
        with pytest.raises(UnreachableError, match="1012 restarting"):
            async with connect(url, secret="s") as socket:
                await socket.receive()


async def test_silence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "SILENCE_S", 0.05)

    async def nothing(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serving(nothing) as url:
        with pytest.raises(UnreachableError):
            async with connect(url, secret="s") as socket:
                await socket.receive()


async def test_pings_keep_a_silent_link_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "SILENCE_S", 0.5)
    monkeypatch.setattr(websocket, "PING_S", 0.1)

    async def slow(connection: ServerConnection) -> None:
        await asyncio.sleep(1.2)
        await connection.send("at last")

    async with serving(slow) as url, connect(url, secret="s") as socket:
        pinging = asyncio.create_task(socket.keep_alive())
        assert await socket.receive() == "at last"
        pinging.cancel()
        await asyncio.gather(pinging, return_exceptions=True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: wrong\r\n\r\n",
    ],
)
async def test_what_is_no_websocket_server_is_an_error(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError):
            async with connect(f"ws://127.0.0.1:{port}/", secret="s"):
                pass


async def test_nobody_there_is_an_error() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    with pytest.raises(UnreachableError):
        async with connect(f"ws://127.0.0.1:{port}/", secret="s"):
            pass
