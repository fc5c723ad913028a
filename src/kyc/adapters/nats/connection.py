"""One connection to a NATS server: the client's side of its protocol, as much of it as a stream needs.

Why not nats-py: it costs an idle agent 10 MB and 0.2 s of CPU, replays publishes that it buffered while the server was
away (a commit must never be repeated behind the writer's back), and copies each payload three times. This one answers
a lost server with UnreachableError to everybody who waits, at once, and never reconnects: `Link` does, when called.
Protocol: docs.nats.io/reference/reference-protocols/nats-protocol.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from secrets import token_hex
from typing import TypeVar

import msgspec

from kyc.adapters.nats.address import Address, unreachable
from kyc.adapters.nats.inbound import Inbound, NotNatsError
from kyc.adapters.nats.nkey import Key
from kyc.adapters.nats.reply import Reply, read_headers
from kyc.domain.errors import CredentialError, KycError, NotAllowedError

_CRLF = b"\r\n"
_WRITE_HIGH_BYTES = 1_500_000


T = TypeVar("T")


Each = Callable[[Reply], None]


@dataclass(slots=True)
class _Asked:
    """A request without its answer; `each` takes the answers before the last, where there may be several."""

    subject: str
    answer: asyncio.Future[Reply]
    give_up_at_s: float
    each: Each | None = None


class _Info(msgspec.Struct):
    nonce: str = ""
    tls_required: bool = False
    headers: bool = False
    max_payload: int = 0
    version: str = ""


class Connection(asyncio.BufferedProtocol):
    """A live connection; `open` makes one. Once lost it stays lost."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._address = address
        self._timeout_s = timeout_s
        self._transport: asyncio.Transport | None = None
        self._inbound = Inbound(self._read_line, self._deliver)
        self._asked: dict[int, _Asked] = {}  # the oldest first
        self._watch: asyncio.TimerHandle | None = None  # one for all of them: a timer each costs more than its request
        self._tokens = count(1)
        self._inbox = f"{address.inbox}.{token_hex(8)}"
        self._tls = False
        self._info: asyncio.Future[_Info] = loop.create_future()
        self._pong: asyncio.Future[None] = loop.create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = asyncio.Event()
        self._failure: KycError | None = None
        self._retired = False

    @staticmethod
    async def open(address: Address, *, timeout_s: float) -> Connection:
        """Connect and sign in; raise UnreachableError or CredentialError. Each request, too, has `timeout_s`."""
        loop = asyncio.get_running_loop()
        connection = Connection(address, timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await loop.create_connection(lambda: connection, address.host, address.port)
                await connection._sign_in()
        except (OSError, TimeoutError) as error:
            connection._fail(unreachable(address, str(error) or "no answer"))
            raise unreachable(address, str(error) or "no answer") from error
        except KycError as error:
            connection._fail(error)
            raise
        return connection

    @property
    def failure(self) -> KycError | None:
        """Why the connection is lost; None while it lives."""
        return self._failure

    async def server(self) -> tuple[str, int]:
        """Return the server's version, and how many bytes a message may have."""
        info = await self._info
        return info.version, info.max_payload

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        each: Each | None = None,
    ) -> Reply:
        """Send and wait for the one answer; raise UnreachableError when none comes in time.

        With `each` there may be several: all without a status go to it, and the first that has one is returned.
        """
        if self._failure is not None:
            raise type(self._failure)(str(self._failure), next_step=self._failure.next_step)
        answer: asyncio.Future[Reply] = self._loop.create_future()
        token = next(self._tokens)
        self._asked[token] = _Asked(subject, answer, self._loop.time() + self._timeout_s, each)
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout_s, self._give_up)
        try:
            while not self._writable.is_set():  # the sender before us may have filled the buffer again
                await self._writable.wait()
            self._send(subject, token, payload, headers)
            return await answer
        finally:
            self._asked.pop(token, None)
            answer.cancel()
            if self._retired:
                self.retire()

    def retire(self) -> None:
        """Hang up as soon as nobody waits for an answer any more."""
        self._retired = True
        if not self._asked:
            self._fail(unreachable(self._address, "the connection was replaced"))

    async def close(self) -> None:
        """Hang up, and wait until the socket is closed."""
        self._fail(unreachable(self._address, "the connection was closed"))
        if self._transport is not None:
            await self._closed.wait()

    def _give_up(self) -> None:
        """Tell those whose time is up, and come back for the next."""
        self._watch = None
        now_s = self._loop.time()
        for asked in self._asked.values():
            if asked.give_up_at_s > now_s:
                self._watch = self._loop.call_at(asked.give_up_at_s, self._give_up)
                return
            _break(asked.answer, unreachable(self._address, f"no answer within {self._timeout_s:g} s"))

    def _send(self, subject: str, token: int, payload: bytes, headers: Mapping[str, str] | None) -> None:
        if self._transport is None or self._failure is not None:
            return  # whoever waits has been told
        reply = f"{self._inbox}.{token}"
        if headers is None:
            line = f"PUB {subject} {reply} {len(payload)}\r\n".encode()
        else:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            block = f"NATS/1.0\r\n{lines}\r\n".encode()
            line = f"HPUB {subject} {reply} {len(block)} {len(block) + len(payload)}\r\n".encode() + block
        self._write((line, payload, _CRLF))

    def _write(self, parts: Sequence[bytes]) -> None:
        """Write what the socket takes at once without a copy, which `writelines` does from Python 3.12 on."""
        assert self._transport is not None
        if self._tls or self._transport.get_write_buffer_size():
            self._transport.writelines(parts)
            return
        try:
            written = os.writev(self._transport.get_extra_info("socket").fileno(), parts)
        except OSError:
            written = 0  # the transport meets with the same, and deals with it
        for part in parts:
            if written < len(part):
                self._transport.write(memoryview(part)[written:])
            written = max(0, written - len(part))

    async def _sign_in(self) -> None:
        info = await self._info
        if info.tls_required or self._address.tls:
            await self._start_tls()
        options: dict[str, object] = {
            "verbose": False,
            "pedantic": False,
            "lang": "python",
            "version": "1",
            "protocol": 1,
            "headers": True,
            "no_responders": True,
            "name": self._address.name,
        }
        if self._address.jwt:
            key = Key.from_seed(self._address.seed)
            options |= {"jwt": self._address.jwt, "sig": key.sign(info.nonce.encode())}
        elif self._address.password:
            options |= {"user": self._address.user, "pass": self._address.password}
        elif self._address.user:
            options |= {"auth_token": self._address.user}
        assert self._transport is not None
        connect = b"CONNECT " + msgspec.json.encode(options) + _CRLF
        self._transport.write(connect + f"SUB {self._inbox}.* 1\r\nPING\r\n".encode())
        await self._pong

    async def _start_tls(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._transport is not None
        context = ssl.create_default_context()
        upgraded = await loop.start_tls(self._transport, self, context, server_hostname=self._address.host)
        assert upgraded is not None
        self.connection_made(upgraded)
        self._tls = True

    # --- what asyncio calls ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and keep its buffer small: payloads in flight are bounded by whoever sends them."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._fail(unreachable(self._address, str(exc) if exc else "the server closed the connection"))
        self._closed.set()

    def pause_writing(self) -> None:
        """Make senders wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let senders go on."""
        if self._failure is None:
            self._writable.set()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give room for what comes next."""
        return self._inbound.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        if self._failure is None:
            try:
                self._inbound.add(nbytes)
            except NotNatsError:
                self._fail(unreachable(self._address, "it does not speak the NATS protocol"))

    # --- the protocol ------------------------------------------------------------------------------------------------

    def _read_line(self, operation: bytes, rest: bytes) -> None:
        match operation:
            case b"PING" if self._transport is not None:
                self._transport.write(b"PONG\r\n")
            case b"PONG":
                _settle(self._pong, None)
            case b"INFO":
                _settle(self._info, msgspec.json.decode(rest, type=_Info))
            case b"-ERR":
                self._refused(rest.decode(errors="replace").strip("' "))
            case b"+OK":
                pass
            case _:
                raise NotNatsError

    def _deliver(self, token: int, block: bytes, data: bytes) -> None:
        asked = self._asked.pop(token, None)
        if asked is None or asked.answer.done():
            return  # whoever asked has given up
        status, headers = read_headers(block) if block else (0, {})
        reply = Reply(data, status, headers)
        if asked.each is None or status:
            asked.answer.set_result(reply)
            return
        asked.give_up_at_s = self._loop.time() + self._timeout_s
        self._asked[token] = asked  # the youngest now
        asked.each(reply)

    def _refused(self, text: str) -> None:
        """The server said -ERR: some of these concern one request only, the rest end the connection."""
        lowered = text.lower()
        if lowered.startswith("permissions violation"):
            error = NotAllowedError(
                f"the stream server refuses: {text}", next_step="The credential is for another workload."
            )
            for asked in list(self._asked.values()):
                if f'"{asked.subject.lower()}"' in lowered:
                    _break(asked.answer, error)
        elif "authorization" in lowered or "authentication" in lowered or "expired" in lowered:
            step = "Ask the master for a new credential; it does so by itself when the attempt is assigned again."
            self._fail(CredentialError(f"the stream server does not accept the credential: {text}", next_step=step))
        else:
            self._fail(unreachable(self._address, text))

    def _fail(self, error: KycError) -> None:
        """Note why the connection is lost and tell everybody who waits; the first reason stays."""
        if self._failure is None:
            self._failure = error
            _break(self._info, error)
            _break(self._pong, error)
            for asked in self._asked.values():
                _break(asked.answer, error)
            self._asked.clear()
            if self._watch is not None:
                self._watch.cancel()
            self._writable.set()
        if self._transport is not None:
            self._transport.abort()


def _settle(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _break(future: asyncio.Future[T], error: KycError) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # looked at: nobody may be waiting
