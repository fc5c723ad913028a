"""A master that answers what a test wrote down: real HTTP on a loopback port, no logic of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

import msgspec

from kyc.domain.errors import KycError
from kyc.wire.problem import MEDIA_TYPE, problem_of

TOKEN = "correct-horse"
PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to send: `pieces` each as a chunk, flushed; then the connection ends, whole or `broken`."""

    status: int = 200
    body: bytes = b""
    pieces: Iterable[bytes] | None = None
    content_type: str = "application/json"
    broken: bool = False
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Asked], object]


class ScriptedMaster:
    """Answers by `on(method, path)`; keeps what it was asked in `asked`.

    A script returns an Answer, or a value that becomes JSON, or raises a KycError that becomes a problem.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._scripts: dict[tuple[str, str], Script] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, method: str, path: str, script: Script | object) -> None:
        """Answer a request by a function of it, or always with the same value."""
        self._scripts[method, PREFIX + path] = script if callable(script) else lambda _: script

    def paths(self) -> list[str]:
        """Return `GET /health` and so on, in order."""
        return [f"{asked.method} {asked.path.removeprefix(PREFIX)}" for asked in self.asked]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        script = self._scripts.get((asked.method, asked.path))
        try:
            if script is None:
                return Answer(status=404, body=b"no such page", content_type="text/plain")
            found = script(asked)
        except KycError as error:
            problem = problem_of(error)
            return Answer(status=problem.status, body=msgspec.json.encode(problem), content_type=MEDIA_TYPE)
        return found if isinstance(found, Answer) else Answer(body=msgspec.json.encode(found))

    @contextmanager
    def running(self) -> Iterator[ScriptedMaster]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        master = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def log_message(self, *_: object) -> None:
                return

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                body = _body(self.rfile, self.headers)
                asked = Asked(
                    method=self.command,
                    path=parts.path,
                    query=parse_qs(parts.query),
                    headers={key.lower(): value for key, value in self.headers.items()},
                    body=body,
                )
                self._send(master.answer(asked))

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.pieces is None:
                    self.send_header("Content-Length", str(len(answer.body) + answer.broken))
                    self.end_headers()
                    self.wfile.write(b"" if self.command == "HEAD" else answer.body)
                    self.close_connection = answer.broken or self.close_connection
                    return
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for piece in answer.pieces:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"" if answer.broken else b"0\r\n\r\n")
                except OSError:  # the client has gone, as a follower does
                    pass
                self.close_connection = True

        return Handler


def _body(stream: BinaryIO, headers: Message) -> bytes:
    """Read it all: what is left on the connection would be taken for the next request."""
    if headers.get("Transfer-Encoding") != "chunked":
        return stream.read(int(headers.get("Content-Length") or 0))
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def sse(*rows: object, name: str = "log", first: int = 1) -> bytes:
    """Return rows as server-sent events, numbered from `first`."""
    return b"".join(
        b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), msgspec.json.encode(row))
        for number, row in enumerate(rows, first)
    )
