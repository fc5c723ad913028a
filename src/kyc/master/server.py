"""The web server: one socket, bound before anything else is done, and an end that open streams notice at once."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from kyc.control.signal import Signal
from kyc.domain.errors import ConflictError, InvalidInputError
from kyc.master.home import write_whole
from kyc.master.settings import DEFAULT_HOST

_GRACE_S = 5
_MAX_FRAME_BYTES = 4 << 20
_ANY = {"0.0.0.0": DEFAULT_HOST, "::": "::1", "": DEFAULT_HOST}  # noqa: S104  # what to call them, not what to bind


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise ConflictError if the port is taken, InvalidInputError if it cannot be had."""
    try:
        listening = socket.create_server((host, port), family=_family(host), backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(
                f"port {port} of {host} is in use, perhaps by a master of another KYC_HOME",
                next_step="Choose another one with --port, or any free one with --port 0.",
            ) from error
        raise InvalidInputError(
            f"cannot listen at {host}, port {port}: {error.strerror or error}",
            next_step="Give --host an address of this machine, and --port one above 1023.",
        ) from error
    # Its connections inherit it. asyncio does not set it on theirs, as `create_server` names no protocol: an answer's
    # body then waits for the acknowledgement of its head, 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def bind_as_before(host: str, port: int, memory: Path) -> socket.socket:
    """Return a listening socket as `bind`; for port 0 the port of the last time if it is free.

    Agents that outlived the master dial the address they were given; `memory` is the file that keeps its port.
    """
    if port == 0 and memory.is_file():
        with suppress(ConflictError, ValueError):
            return bind(host, int(memory.read_text(encoding="ascii")))
    listening = bind(host, port)
    try:
        write_whole(memory, str(listening.getsockname()[1]).encode("ascii"))
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the address at which this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    host = _ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: FastAPI, listening: socket.socket, *, closing: asyncio.Event, changed: Signal) -> None:
    """Serve until `closing` is set, or SIGTERM or SIGINT sets it; requests in work get a few seconds to end."""
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=_MAX_FRAME_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    with _closed_by_signals(closing):
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(_end(server, closing, changed))
            await server.serve(sockets=[listening])
            watcher.cancel()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`: uvicorn would raise them again at the end, and kill the master half closed."""
        yield


async def _end(server: uvicorn.Server, closing: asyncio.Event, changed: Signal) -> None:
    await closing.wait()
    changed.notify()  # so that the streams that wait for news see `closing`
    server.should_exit = True


@contextmanager
def _closed_by_signals(closing: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, closing.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
