"""Listens in the network that it is run in, and hands the open socket over. Run alone: `inside.py HOST PORT FD`."""

from __future__ import annotations

import socket
import sys


def main(host: str, port: str, fd: str) -> int:
    """Listen at host:port (any port if that one is taken) and send the socket through the unix socket `fd`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
    except OSError:
        listener.bind((host, 0))
    listener.listen(128)
    with socket.socket(fileno=int(fd)) as channel:
        socket.send_fds(channel, [b"1"], [listener.fileno()])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
