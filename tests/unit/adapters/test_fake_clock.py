"""The clock that tests move by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from kyc.adapters.fake.clock import START, FakeClock


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep_s(nap)
            woken.append((name, clock.monotonic_s()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("slow", 3))
        tasks.create_task(sleeper("fast", 1, 1, 5))
        await clock.advance(4)
        assert woken == [("fast", 1), ("fast", 2), ("slow", 3)]
        assert clock.now() == START + timedelta(seconds=4)
        await clock.advance(3)
    assert woken[-1] == ("fast", 7)


async def test_the_wall_clock_jumps_alone() -> None:
    clock = FakeClock()
    clock.jump(timedelta(hours=-1))
    assert clock.now() == START - timedelta(hours=1)
    assert clock.monotonic_s() == 0
