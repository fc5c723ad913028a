"""The one broker that all tests of a session share; each takes a prefix of its own for its topics."""

from __future__ import annotations

from functools import cache
from itertools import count

from tests.kafka.broker import Broker

_numbers = count(1)


@cache
def shared_broker() -> Broker:
    """Return the session's broker, started at the first call; `tests/conftest.py` ends it."""
    broker = Broker()
    broker.start()
    return broker


def close_shared_broker() -> None:
    """End the broker, if one was started."""
    if shared_broker.cache_info().currsize:
        shared_broker().close()


def fresh_prefix() -> str:
    """Return a topic prefix that no other test uses."""
    return f"test{next(_numbers)}"
