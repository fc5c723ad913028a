"""A network between a client and a server on loopback: slow, frozen or cut at will. TCP, byte by byte as it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PIECE_BYTES = 16_384


class Wire:
    """Passes connections to `port` on to `target`. `bytes_per_s` holds for both directions together; None: no limit."""

    def __init__(self) -> None:
        self.port = 0
        self.target = 0
        self.bytes_per_s: float | None = None
        self.carried = 0
        self._up = asyncio.Event()
        self._moved = asyncio.Condition()
        self._turn = asyncio.Lock()
        self._refusing = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._up.set()

    def freeze(self) -> None:
        """Lose every packet: connections stay, and nothing comes through."""
        self._up.clear()

    def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        self._refusing = True
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        """Let everything through again, at full speed."""
        self._refusing = False
        self.bytes_per_s = None
        self._up.set()

    async def has_carried(self, more: int) -> None:
        """Return once so many more bytes have gone through."""
        until = self.carried + more
        async with self._moved:
            await self._moved.wait_for(lambda: self.carried >= until)

    def _piece(self) -> int:
        """Return how many bytes go at once: what is slow comes in parts."""
        return _PIECE_BYTES if self.bytes_per_s is None else max(1, min(_PIECE_BYTES, int(self.bytes_per_s / 20)))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._ends |= ends
        pumps = [asyncio.create_task(self._pump(*way)) for way in ((reader, back), (there, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(self._piece()):
                await self._up.wait()
                if self.bytes_per_s is not None:
                    async with self._turn:
                        await asyncio.sleep(len(data) / self.bytes_per_s)
                writer.write(data)
                await writer.drain()
                async with self._moved:
                    self.carried += len(data)
                    self._moved.notify_all()


@asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    """Open one on a free port; its target is set before anybody comes."""
    made = Wire()
    server = await asyncio.start_server(made._connect, "127.0.0.1", 0)
    made.port = int(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        made.cut()
        made.mend()
        await server.wait_closed()
