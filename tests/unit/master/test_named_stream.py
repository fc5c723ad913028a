"""How long what a named stream granted is handed out again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from kyc.adapters.fake.clock import FakeClock
from kyc.domain.snapshot import StreamAccess
from kyc.master import stream
from kyc.master.stream import NamedStream

DAY_S = timedelta(days=1).total_seconds()


async def narrow(access: StreamAccess, workload: str, *, now: datetime) -> StreamAccess:
    return StreamAccess(url=access.url, workload=workload, token=f"{workload} {now:%d}", lasts_s=7 * DAY_S)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> tuple[NamedStream, FakeClock]:
    monkeypatch.setattr(stream, "narrow", narrow)
    clock = FakeClock()
    return NamedStream("kafka://one", "me:p@ss", clock), clock


async def test_all_who_ask_within_a_day_get_the_same_and_are_told_what_is_left(
    named: tuple[NamedStream, FakeClock],
) -> None:
    host, clock = named
    first = await host.access("train")
    await clock.advance(DAY_S)
    again = await host.access("train")
    assert (again.token, again.lasts_s) == (first.token, 6 * DAY_S)
    assert (await host.access("other")).token != first.token
    await clock.advance(1)
    later = await host.access("train")
    assert later.token != first.token
    assert later.lasts_s == 7 * DAY_S


async def test_what_does_not_expire_is_asked_for_each_time() -> None:
    host = NamedStream("file:///nowhere", clock=FakeClock())
    assert (await host.access("train")).lasts_s is None
    assert not host._granted
