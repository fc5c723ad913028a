"""The brokers that all tests of a session share; each takes a prefix of its own for its topics."""

from __future__ import annotations

from functools import cache
from itertools import count

from tests.kafka.broker import Broker
from tests.kafka.guarded import GuardedBroker

_numbers = count(1)


@cache
def shared_broker() -> Broker:
    """Return the session's broker, started at the first call; `tests/conftest.py` ends it."""
    broker = Broker()
    broker.start()
    return broker


@cache
def shared_guarded_broker() -> GuardedBroker:
    """Return the session's broker that asks who one is and what one may, started at the first call."""
    return GuardedBroker()


def close_shared_brokers() -> None:
    """End those that were started."""
    for shared in (shared_broker, shared_guarded_broker):
        if shared.cache_info().currsize:
            shared().close()


def fresh_prefix() -> str:
    """Return a topic prefix that no other test uses."""
    return f"test{next(_numbers)}"
