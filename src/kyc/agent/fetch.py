"""HTTP requests of the agent to its master: few and small, so asyncio's streams do (an HTTP library costs 5-15 MB)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import msgspec

from kyc.domain.errors import (
    ConflictError,
    InvalidInputError,
    KycError,
    NotAllowedError,
    NotFoundError,
    UnreachableError,
)
from kyc.wire.agent import Refusal

_TIMEOUT_S = 10.0
_BLOCK_BYTES = 65_536
_ERRORS: dict[int, type[KycError]] = {
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    422: InvalidInputError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of an answer; names in lower case."""

    status: int
    headers: Mapping[str, str]


async def post_json(url: str, body: bytes) -> bytes:
    """POST the JSON; return the answer's body. Errors as those of `download`."""
    async with _exchange("POST", url, body, {"content-type": "application/json"}) as blocks:
        return b"".join([block async for block in blocks])


@asynccontextmanager
async def download(url: str, *, secret: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """GET with the bearer secret; give the body in blocks, complete or not at all.

    Raises UnreachableError where there is no answer, a broken one, or one of 5xx; NotAllowedError, NotFoundError,
    ConflictError or InvalidInputError with the master's own words for 4xx.
    """
    async with _exchange("GET", url, b"", {"authorization": f"Bearer {secret}"}) as blocks:
        yield blocks


@asynccontextmanager
async def _exchange(method: str, url: str, body: bytes, headers: dict[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
    parts = urlsplit(url)
    writer = None
    try:
        with as_unreachable(parts.netloc):
            async with asyncio.timeout(_TIMEOUT_S):
                reader, writer = await open_connection(parts)
                writer.write(_request(method, parts, body, headers))
                await writer.drain()
                head = await read_head(reader)
        blocks = _body(reader, head.headers, parts.netloc)
        if head.status >= 400:
            raise _refusal(head.status, b"".join([block async for block in blocks]), parts)
        yield blocks
    finally:
        if writer is not None:
            writer.close()


@contextmanager
def as_unreachable(netloc: str) -> Iterator[None]:
    """Raise UnreachableError for whatever goes wrong on the network, or does not follow the protocol."""
    try:
        yield
    except (OSError, EOFError, ValueError, IndexError, TimeoutError, asyncio.LimitOverrunError) as error:
        why = str(error) or type(error).__name__
        raise UnreachableError(f"the master at {netloc} does not answer as it should: {why}") from error


async def open_connection(parts: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the host of a URL, by TLS if its scheme says so."""
    secure = parts.scheme in {"https", "wss"}
    port = parts.port or (443 if secure else 80)
    return await asyncio.open_connection(parts.hostname, port, ssl=True if secure else None, limit=_BLOCK_BYTES)


def _request(method: str, parts: SplitResult, body: bytes, headers: dict[str, str]) -> bytes:
    target = parts.path or "/"
    fixed = {"host": parts.netloc, "connection": "close", "content-length": str(len(body))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (fixed | headers).items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Read an HTTP answer up to its body."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = text.split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return Head(status=int(first.split()[1]), headers={name.lower(): value.strip() for name, _, value in pairs})


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str], netloc: str) -> AsyncIterator[bytes]:
    with as_unreachable(netloc):
        if headers.get("transfer-encoding", "").lower() != "chunked":
            async for block in _exactly(reader, int(headers.get("content-length", "0"))):
                yield block
            return
        while size := int(await _within(reader.readline()), 16):
            async for block in _exactly(reader, size):
                yield block
            await _within(reader.readexactly(2))


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        block = await _within(reader.read(min(size, _BLOCK_BYTES)))
        if not block:
            raise EOFError("the answer ended too early")
        size -= len(block)
        yield block


async def _within(read: Coroutine[None, None, bytes]) -> bytes:
    async with asyncio.timeout(_TIMEOUT_S):
        return await read


def _refusal(status: int, body: bytes, parts: SplitResult) -> KycError:
    try:
        problem = msgspec.json.decode(body, type=Refusal)
    except msgspec.DecodeError:
        return _ERRORS.get(status, UnreachableError)(f"{parts.path}: the master answers {status}")
    return _ERRORS.get(status, UnreachableError)(problem.detail or problem.title, next_step=problem.next_step)
