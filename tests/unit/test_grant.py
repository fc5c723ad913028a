"""When access to a stream is granted anew."""

from __future__ import annotations

import itertools
from typing import cast

import pytest

from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.stream import FakeStreamHost
from kyc.control.grant import Grants
from kyc.domain.errors import UnreachableError
from kyc.domain.ids import WorkloadName
from kyc.domain.snapshot import StreamAccess
from kyc.ports.cloud import Cloud

TRAIN = WorkloadName("train")


class Tunnel:
    async def reach(self, url: str) -> str:
        return url.replace("memory:", "memory://there")


class Host(FakeStreamHost):
    def __init__(self, lasts_s: float | None) -> None:
        super().__init__()
        self._lasts_s = lasts_s
        self._numbers = itertools.count(1)
        self.away = False

    async def access(self, workload: str) -> StreamAccess:
        if self.away:
            raise UnreachableError("away")
        return StreamAccess(
            url="memory:", workload=workload, token=f"{workload} {next(self._numbers)}", lasts_s=self._lasts_s
        )


def grants(clock: FakeClock, *, lasts_s: float | None) -> Grants:
    return Grants(Host(lasts_s), {"there": cast("Cloud", Tunnel())}, clock)


async def test_it_is_granted_anew_at_half_of_its_life() -> None:
    clock = FakeClock()
    made = grants(clock, lasts_s=100)
    first = await made.of(TRAIN, "there")
    assert (first.url, first.token) == ("memory://there", "train 1")
    await clock.advance(49)
    assert await made.of(TRAIN, "there") == first
    await clock.advance(2)
    second = await made.of(TRAIN, "there")
    assert second.token == "train 2"
    await clock.advance(49)
    assert await made.of(TRAIN, "there") == second
    await clock.advance(2)
    assert (await made.of(TRAIN, "there")).token == "train 3"


async def test_a_renewal_that_fails_leaves_what_is_still_good() -> None:
    clock = FakeClock()
    made = grants(clock, lasts_s=1000)
    first = await made.of(TRAIN, "there")
    host = cast("Host", made.host)
    host.away = True
    await clock.advance(501)
    assert await made.of(TRAIN, "there") == first
    host.away = False
    await clock.advance(59)
    assert await made.of(TRAIN, "there") == first
    await clock.advance(2)
    assert (await made.of(TRAIN, "there")).token == "train 2"


async def test_what_was_never_granted_is_an_error() -> None:
    made = grants(FakeClock(), lasts_s=100)
    cast("Host", made.host).away = True
    with pytest.raises(UnreachableError):
        await made.of(TRAIN, "there")


async def test_what_does_not_expire_is_granted_once() -> None:
    clock = FakeClock()
    made = grants(clock, lasts_s=None)
    first = await made.of(TRAIN, "there")
    await clock.advance(10**6)
    assert await made.of(TRAIN, "there") == first
    assert (await made.of(WorkloadName("other"), "there")).token == "other 2"
