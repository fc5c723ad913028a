"""A link to a NATS server that comes back by itself, and JetStream's API over it.

Each call uses the connection there is, or makes a new one; a call that fails says so and is never repeated here.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from kyc.adapters.nats.address import Address
from kyc.adapters.nats.connection import Connection, Each
from kyc.adapters.nats.reply import Reply
from kyc.domain.errors import InvalidInputError, KycError, NotFoundError, OutOfSpaceError, UnreachableError

NO_RESPONDERS = 503
NOT_FOUND = 404
END_OF_RUN = 204
STREAM_MISSING = 10059
MESSAGE_MISSING = 10037
DELETE_FAILED = 10057
STREAM_EXISTS = 10058
WRONG_LAST_SEQUENCE = 10071
_FULL = frozenset({10023, 10047, 10077})  # insufficient resources, no storage left, maximum bytes
_MISSING = frozenset({STREAM_MISSING, MESSAGE_MISSING, 10043})


class JetStreamError(msgspec.Struct):
    """What JetStream refuses with."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class Refused(msgspec.Struct):
    """Any answer of JetStream's API, as far as it may be a refusal."""

    error: JetStreamError | None = None


class PubAck(msgspec.Struct):
    """The answer to a message stored, or not."""

    seq: int = 0
    error: JetStreamError | None = None


class _Raw(msgspec.Struct):
    seq: int
    data: str = ""


class _Got(msgspec.Struct):
    message: _Raw


T = TypeVar("T")


class Link:
    """The calls of one credential to one server, all with the same time-out."""

    def __init__(self, address: Address, *, timeout_s: float = 10) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        headers: Mapping[str, str] | None = None,
        each: Each | None = None,
    ) -> Reply:
        """Send and wait for the answer, or for the last of several as `Connection.request` has it.

        Raises UnreachableError, CredentialError or NotAllowedError.
        """
        connection = await self._live()
        try:
            return await connection.request(subject, payload, headers=headers, each=each)
        except UnreachableError:
            # A connection that does not answer is not used again: the server may be another one by now.
            await connection.close()
            raise

    async def call(self, api: str, body: dict[str, object], answer: type[T]) -> T:
        """Call JetStream's API; raise what `refusal` makes of an error, NotFoundError for what is not there."""
        data, error = await self._ask(api, body)
        if error is not None:
            raise refusal(error)
        return msgspec.json.decode(data, type=answer)

    async def try_call(self, api: str, body: dict[str, object]) -> JetStreamError | None:
        """Call JetStream's API and return what it refuses with, None if it does not."""
        return (await self._ask(api, body))[1]

    async def _ask(self, api: str, body: dict[str, object]) -> tuple[bytes, JetStreamError | None]:
        reply = await self.request(f"$JS.API.{api}", msgspec.json.encode(body))
        if reply.status == NO_RESPONDERS:
            raise UnreachableError(
                f"JetStream at {self.address.host}:{self.address.port} is not ready",
                next_step="It is tried again; if it stays so, the server runs without JetStream (`nats-server -js`).",
            )
        return reply.data, msgspec.json.decode(reply.data, type=Refused).error

    async def publish(
        self, stream: str, subject: str, payload: bytes, headers: Mapping[str, str] | None = None
    ) -> PubAck:
        """Store a message and return JetStream's answer, which may be a refusal; NotFoundError without the stream."""
        reply = await self.request(subject, payload, headers)
        if reply.status == NO_RESPONDERS:
            await self.call(f"STREAM.INFO.{stream}", {}, dict)
            raise UnreachableError(
                f"nothing at {self.address.host}:{self.address.port} stores {subject}",
                next_step="The server is starting: it is tried again.",
            )
        return msgspec.json.decode(reply.data, type=PubAck)

    async def message(self, stream: str, body: dict[str, object]) -> tuple[int, bytes]:
        """Return (sequence, data) of one message as the stream's leader has it; NotFoundError if it has none."""
        got = await self.call(f"STREAM.MSG.GET.{stream}", body, _Got)
        return got.message.seq, base64.b64decode(got.message.data)

    async def server_version(self) -> tuple[int, ...]:
        """Return the server's version, without what may follow the numbers."""
        version, _ = await (await self._live()).server()
        return tuple(int(word) for word in version.partition("-")[0].split(".") if word.isdigit())

    def renew(self, address: Address) -> None:
        """Go there with the next call, over a new connection; the old one ends when its calls are answered."""
        self.address = address
        if self._connection is not None:
            self._connection.retire()
            self._connection = None

    async def close(self) -> None:
        """Hang up for good."""
        self._closed = True
        async with self._connecting:
            if self._connection is not None:
                await self._connection.close()

    async def _live(self) -> Connection:
        if self._connection is not None and self._connection.failure is None:
            return self._connection
        async with self._connecting:
            if self._closed:
                raise InvalidInputError("the stream was closed")
            if self._connection is None or self._connection.failure is not None:
                self._connection = await Connection.open(self.address, timeout_s=self._timeout_s)
            return self._connection


async def together(calls: Iterable[Coroutine[Any, Any, object]], *, at_once: int) -> None:
    """Await all of them, `at_once` at a time; the first error ends the rest and is raised as it is."""
    several = asyncio.Semaphore(at_once)

    async def one(call: Coroutine[Any, Any, object]) -> None:
        async with several:
            await call

    waiting = list(calls)
    try:
        async with asyncio.TaskGroup() as group:
            for call in waiting:
                group.create_task(one(call))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        for call in waiting:
            call.close()  # those that were never started


def refusal(error: JetStreamError) -> KycError:
    """Return JetStream's refusal as one of our errors."""
    said = f"JetStream: {error.description} ({error.err_code or error.code})"
    if error.err_code in _MISSING or error.code == NOT_FOUND:
        return NotFoundError(said)
    if error.err_code in _FULL:
        return OutOfSpaceError(said, next_step="Give the stream server more disk, or keep fewer snapshots.")
    if error.code == NO_RESPONDERS:
        return UnreachableError(said, next_step="It is tried again.")
    return InvalidInputError(said)
