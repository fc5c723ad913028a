"""Ports for services at the edge's address."""

from __future__ import annotations

import socket

import pytest

from kyc.domain.errors import ConflictError
from kyc.master.edges import port_giver


def test_a_port_that_another_program_holds_is_refused_by_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConflictError, match=str(port)):
            port_giver("127.0.0.1")(port)
    assert port_giver("127.0.0.1")(port) == port


def test_any_free_port_will_do_where_none_is_named() -> None:
    assert port_giver("127.0.0.1")(0) > 0
