"""The master's port: an answer goes out at once."""

from __future__ import annotations

import socket

from kyc.master.server import bind


def test_connections_do_not_hold_an_answer_back() -> None:
    with bind("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
