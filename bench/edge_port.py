"""Ports of this machine for the edge's bench."""

from __future__ import annotations

import http.client
import socket
import time


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, path: str, *, timeout_s: float = 90) -> None:
    """Wait until a GET of the path is answered with 200; raise TimeoutError."""
    deadline = time.monotonic() + timeout_s
    why = ""
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
            if status == 200:
                return
            why = f"it answers {status}"
        except OSError as error:
            why = str(error)
        finally:
            connection.close()
        time.sleep(0.1)
    raise TimeoutError(f"nothing serves on port {port}: {why}")
