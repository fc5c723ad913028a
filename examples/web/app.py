"""The CPU-load web application of the Auto Cloud Scaler, as a service: each user costs about half of a replica's CPU.

    GET /            a live page: this replica's load and addresses, and a button that makes you a user
    GET /work?ms=N   be a user for N milliseconds (1000): burn half of a replica's CPU, then answer
    GET /load        this replica's load as JSON; /events the same every second as server-sent events
    GET /health      200

Only the standard library. PORT, HOST, KYC_CPUS (what a replica may use), KYC_REPLICA and KYC_INSTANCE_ID are given.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CPUS = float(os.environ.get("KYC_CPUS") or 1)
SHARE_OF_USER = 0.5
SLICE_S = 0.02
NAMES = {"replica": os.environ.get("KYC_REPLICA", "-"), "instance": os.environ.get("KYC_INSTANCE_ID", "-")}


class Load:
    """Counts the users, and measures the process's CPU as a share of what it may use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.users = 0
        self.cpu = 0.0

    @contextlib.contextmanager
    def user(self) -> Iterator[None]:
        with self._lock:
            self.users += 1
        try:
            yield
        finally:
            with self._lock:
                self.users -= 1

    def measure(self) -> None:
        while True:
            before, begun = time.process_time(), time.monotonic()
            time.sleep(1)
            self.cpu = (time.process_time() - before) / (time.monotonic() - begun) / CPUS

    def state(self) -> dict[str, object]:
        return {**NAMES, "users": self.users, "cpu": round(self.cpu, 3), "addresses": addresses()}


LOAD = Load()


def burn(seconds: float) -> None:
    """Use half of a replica's CPU for so long, in slices."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        stop = time.thread_time() + min(SLICE_S, left) * CPUS * SHARE_OF_USER
        while time.thread_time() < stop:
            pass
        time.sleep(min(SLICE_S, left) * (1 - CPUS * SHARE_OF_USER) if CPUS * SHARE_OF_USER < 1 else 0)


def addresses() -> list[str]:
    with contextlib.suppress(OSError):
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None)})
    return []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match url.path:
            case "/":
                self.answer(PAGE.encode(), "text/html; charset=utf-8")
            case "/health":
                self.answer(b"ok\n", "text/plain")
            case "/load":
                self.answer(json.dumps(LOAD.state()).encode(), "application/json")
            case "/events":
                self.stream()
            case "/work":
                wanted = parse_qs(url.query).get("ms", ["1000"])[0]
                with LOAD.user():
                    burn(min(60_000, int(wanted) if wanted.isdigit() else 1000) / 1000)
                self.answer(json.dumps(LOAD.state()).encode(), "application/json")
            case _:
                self.answer(b"there is no such page\n", "text/plain", status=404)

    def answer(self, body: bytes, kind: str, *, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"data: %s\n\n" % json.dumps(LOAD.state()).encode())
                self.wfile.flush()
                time.sleep(1)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>CPU load</title>
<style>body{font:16px system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}meter{width:100%;height:2rem}
button{font:inherit;padding:.5rem 1rem}dt{color:#666}dd{margin:0 0 .5rem}</style>
<h1>CPU load</h1><p>Each user costs about half of a replica's CPU. <button id="use">Use it for 10 s</button></p>
<meter id="cpu" min="0" max="1" low=".6" high=".9"></meter>
<dl><dt>replica</dt><dd id="replica"></dd><dt>instance</dt><dd id="instance"></dd><dt>users</dt><dd id="users"></dd>
<dt>CPU</dt><dd id="share"></dd><dt>addresses</dt><dd id="addresses"></dd></dl><p id="said" role="status"></p>
<script>
const put = (name, text) => document.getElementById(name).textContent = text
new EventSource("/events").onmessage = event => {
  const load = JSON.parse(event.data)
  for (const name of ["replica", "instance", "users"]) put(name, load[name])
  put("share", Math.round(100 * load.cpu) + " % of what it may use")
  put("addresses", load.addresses.join(", "))
  document.getElementById("cpu").value = load.cpu
}
document.getElementById("use").onclick = async () => {
  put("said", "You are a user ...")
  const reply = await (await fetch("/work?ms=10000")).json()
  put("said", "You were served by " + reply.replica + " on " + reply.instance + ".")
}
</script></html>
"""


class Server(ThreadingHTTPServer):
    daemon_threads = False  # SIGTERM lets requests end
    request_queue_size = 128


def main() -> None:
    server = Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    threading.Thread(target=LOAD.measure, daemon=True).start()
    print("serving at", server.server_address, file=sys.stderr, flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()  # waits for the requests that are being answered
    os._exit(0)  # the measuring thread would be in the way of an orderly end


if __name__ == "__main__":
    main()
