"""HTTP by the standard library alone: one kept-alive connection for calls, one of its own for each stream.

Every failure of the network comes out as UnreachableError; what an answer means is decided in `calls`.
"""

from __future__ import annotations

import http.client
import select
import socket
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import IO, TypeVar
from urllib.parse import urlsplit

from kyc.domain.errors import UnreachableError
from kyc.sdk.calls import Call, failure
from kyc.sdk.discovery import Address

T = TypeVar("T")
Locate = Callable[[], Address]
Body = bytes | IO[bytes] | None

CONNECT_S = 5.0
ANSWER_S = 60.0
PIECE_BYTES = 1 << 16
KEEP_ALIVE = [  # the system asks after a silent peer, and breaks off if it is gone: after about a minute
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, int(getattr(socket, name)), value)
        for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]


class Opened:
    """An answer that is read piece by piece; it owns its connection. Any thread may `close` it, which ends a read."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._socket = connection.sock
        self._connection = connection
        self._response = response

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """Return up to `size` bytes, b'' at the end; UnreachableError if the connection breaks before it."""
        piece = self._translated(lambda: self._response.read(size))
        if not piece and size and self._response.length:  # http.client is silent about an end that came too early
            raise UnreachableError("the connection to the master broke before the end", next_step="Try again.")
        return piece

    def piece(self) -> bytes:
        """Return what has come, waiting for something; b'' at the end. UnreachableError as `read`."""
        return self._translated(lambda: self._response.read1(PIECE_BYTES))

    def close(self) -> None:
        """End the connection."""
        try:
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has ended by itself
            pass
        self._connection.close()

    def __enter__(self) -> Opened:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._response.close()
        self.close()

    def _translated(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # The last two are how http.client reads a response that another thread has closed.
            raise UnreachableError(
                f"the connection to the master broke: {_words(error)}", next_step="Try again."
            ) from error


class Transport:
    """Sends calls to where `locate` says the master is now. Not for several threads at once, but for `open`."""

    def __init__(self, locate: Locate, *, answer_s: float = ANSWER_S) -> None:
        self._locate = locate
        self._answer_s = answer_s
        self._kept: http.client.HTTPConnection | None = None
        self._address: Address | None = None

    def address(self) -> Address:
        """Return where calls go; raise UnreachableError if nothing says so."""
        if self._address is None:
            self._address = self._locate()
        return self._address

    def send(self, call: Call[T], body: Body = None) -> tuple[int, bytes]:
        """Return the answer's status and body. A broken kept connection is tried anew if the call is repeatable."""
        if self._kept is not None and _is_stale(self._kept):
            self.close()
        fresh = self._kept is None
        try:
            return self._send(call, body)
        except UnreachableError:
            self.close()
            if fresh or not call.repeatable or hasattr(body, "read"):
                raise
        return self._send(call, body)

    def open(self, call: Call[T], headers: Mapping[str, str], *, idle_s: float) -> Opened:
        """Return the answer to read, on a connection of its own; raise the KycError of one that is an error.

        A read that waits longer than `idle_s` for a byte ends with UnreachableError.
        """
        address = self._locate()
        connection = _connect(address)
        try:
            connection.request(call.method, _target(address, call), headers={**_headers(address), **headers})
            assert connection.sock is not None
            opened_socket = connection.sock
            opened_socket.settimeout(idle_s)
            for option in KEEP_ALIVE:
                opened_socket.setsockopt(*option)
            response = connection.getresponse()
            error = failure(response.status, response.read()) if response.status >= 300 else None
        except (OSError, http.client.HTTPException) as broken:
            connection.close()
            raise unreachable(address, _words(broken)) from broken
        if error is not None:
            connection.close()
            raise error
        connection.sock = opened_socket  # http.client forgets it for an answer that ends with the connection
        return Opened(connection, response)

    def close(self) -> None:
        """Close the kept connection; the next call opens another, and looks anew where the master is."""
        if self._kept is not None:
            self._kept.close()
        self._kept = self._address = None

    def _send(self, call: Call[T], body: Body) -> tuple[int, bytes]:
        address = self.address()
        if self._kept is None:
            self._kept = _connect(address)
            self._kept.timeout = self._answer_s
        try:
            headers = {**_headers(address), "Content-Type": call.content_type}
            if self._kept.sock is not None:
                self._kept.sock.settimeout(call.patience_s or self._answer_s)
            self._kept.request(
                call.method, _target(address, call), body=call.body if body is None else body, headers=headers
            )
            response = self._kept.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise unreachable(address, _words(error)) from error


def unreachable(address: Address, why: str) -> UnreachableError:
    """Return the error for a master that does not answer."""
    start = (
        "Start it with `kyc up --detach`." if address.pid is not None else "Check KYC_URL, and that the master runs."
    )
    return UnreachableError(f"the master at {address.url} does not answer: {why}", next_step=start)


def _connect(address: Address) -> http.client.HTTPConnection:
    parts = urlsplit(address.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=CONNECT_S)
        connection.connect()
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a port that is no number
        raise unreachable(address, _words(error)) from error
    return connection


def _target(address: Address, call: Call[T]) -> str:
    return urlsplit(address.url).path.rstrip("/") + call.path


def _headers(address: Address) -> dict[str, str]:
    return {"Authorization": f"Bearer {address.token}"} if address.token else {}


def _is_stale(connection: http.client.HTTPConnection) -> bool:
    """Say whether the other side has closed an idle connection (an idle one has nothing to read but its end)."""
    if connection.sock is None:
        return True
    waiting = select.poll()
    waiting.register(connection.sock, select.POLLIN)
    return bool(waiting.poll(0))


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
