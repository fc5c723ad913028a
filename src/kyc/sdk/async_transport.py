"""HTTP for the asynchronous client, by httpx: what `transport` and `follow` are for the synchronous one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import IO, TypeVar

try:
    import httpx
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("AsyncClient needs httpx: pip install 'keep-your-cost[async]'", name="httpx") from missing

from kyc.domain.errors import UnreachableError
from kyc.sdk.calls import Call, failure
from kyc.sdk.discovery import Address
from kyc.sdk.resume import IDLE_S, Resume
from kyc.sdk.transport import ANSWER_S, CONNECT_S, KEEP_ALIVE, PIECE_BYTES, Locate, unreachable

T = TypeVar("T")


class AsyncTransport:
    """Sends calls to where `locate` says the master is now; several at once."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        network = httpx.AsyncHTTPTransport(trust_env=False, socket_options=KEEP_ALIVE)
        self._http = httpx.AsyncClient(transport=network, trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def send(self, call: Call[T], body: IO[bytes] | None = None, *, size: int = 0) -> tuple[int, bytes]:
        """Return the answer's status and body; `body` is a file of `size` bytes to stream."""
        address = self._locate()
        headers = {"Content-Type": call.content_type} | ({"Content-Length": str(size)} if body else {})
        content = call.body if body is None else _pieces(body)
        async with (
            _translated(address),
            self._stream(address, call, headers, call.patience_s or ANSWER_S, content) as answer,
        ):
            return answer.status_code, await answer.aread()

    @asynccontextmanager
    async def open(self, call: Call[T], headers: Mapping[str, str], *, idle_s: float) -> AsyncIterator[httpx.Response]:
        """Give the answer to read piece by piece; raise the KycError of one that is an error."""
        address = self._locate()
        async with _translated(address), self._stream(address, call, headers, idle_s, None) as answer:
            if answer.status_code >= 300:
                raise failure(answer.status_code, await answer.aread())
            yield answer

    async def follow(self, at: Callable[[int], Call[T]], *, after: int, patience_s: float) -> AsyncGenerator[T, None]:
        """Yield rows in order, each once, over broken connections; see `Follow` for what it raises."""
        resume = Resume(at(after).reply, after=after, now_s=time.monotonic(), patience_s=patience_s)
        while True:
            broken: UnreachableError | None = None
            resume.connected()
            try:
                async with self.open(at(resume.cursor), resume.headers, idle_s=IDLE_S) as answer:
                    async for piece in answer.aiter_bytes():
                        for row in resume.feed(piece, now_s=time.monotonic()):
                            yield row
            except UnreachableError as error:
                broken = error
            await asyncio.sleep(resume.delay_s(broken, now_s=time.monotonic()))

    @asynccontextmanager
    async def _stream(
        self,
        address: Address,
        call: Call[T],
        headers: Mapping[str, str],
        idle_s: float,
        content: bytes | AsyncIterator[bytes] | None,
    ) -> AsyncIterator[httpx.Response]:
        allowed = {"Authorization": f"Bearer {address.token}"} if address.token else {}
        async with self._http.stream(
            call.method,
            address.url + call.path,
            headers={**allowed, **headers},
            content=content,
            timeout=httpx.Timeout(idle_s, connect=CONNECT_S),
        ) as answer:
            yield answer


@asynccontextmanager
async def _translated(address: Address) -> AsyncIterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unreachable(address, str(error) or type(error).__name__) from error


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece
