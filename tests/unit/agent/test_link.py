"""The WebSocket: nothing told is lost, whatever happens to connections and masters."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from kyc.adapters.system.clock import SystemClock
from kyc.agent.link import Link, Peer, link_url
from kyc.agent.outbox import Outbox
from kyc.wire.agent import Desire, Printed, Pulse
from tests.unit.agent.scripted_master import ScriptedMaster, scripted_master
from tests.unit.agent.stage import ASSIGNMENT

AT = datetime(2026, 1, 1, tzinfo=UTC)


class HastyClock(SystemClock):
    """Real time, a hundred times as fast where somebody waits."""

    async def sleep_s(self, seconds: float) -> None:
        await super().sleep_s(seconds / 100)


@pytest.fixture
async def master() -> AsyncIterator[ScriptedMaster]:
    async with scripted_master() as master:
        master.secrets.add("secret")
        yield master


@asynccontextmanager
async def linked(master: ScriptedMaster, outbox: Outbox) -> AsyncIterator[list[Desire]]:
    desires: list[Desire] = []
    link = Link(
        Peer(url=link_url(master.url, "i-test"), secret="secret"),
        outbox,
        pulse=lambda: Pulse(at=AT, cpu=0.5, memory=0.5, disk=0.5),
        on_desire=desires.append,
        clock=HastyClock(),
        rng=random.Random(1),
    )
    task = asyncio.create_task(link.run())
    try:
        yield desires
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        outbox.close()


def line(number: int) -> Printed:
    return Printed(at=AT, attempt="train.1", text=f"{number}\n")


def texts(master: ScriptedMaster) -> list[str]:
    return [fact.text for fact in master.facts if isinstance(fact, Printed)]


async def test_facts_go_out_and_desires_come_in(master: ScriptedMaster, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.tell(line(1))
    async with linked(master, outbox) as desires:
        await master.until(lambda: bool(master.facts and master.pulses))
        await outbox.wait_until_heard()
        await master.want(ASSIGNMENT)
        outbox.tell(line(2))
        await master.until(lambda: len(master.facts) == 2)
        assert [desire.assignment for desire in desires] == [None, ASSIGNMENT]


@pytest.mark.parametrize("seed", range(5))
async def test_nothing_is_lost_or_told_out_of_order_over_cut_connections(
    master: ScriptedMaster, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    cuts = set(rng.sample(range(1, 301), 6))
    master.cut_after = lambda number: number in cuts and not cuts.discard(number)  # type: ignore[func-returns-value]
    outbox = Outbox(tmp_path, segment_bytes=2000)
    async with linked(master, outbox):
        for number in range(1, 301):
            outbox.tell(line(number))
            if rng.random() < 0.2:
                await asyncio.sleep(0)
        await master.until(lambda: len(master.facts) == 300)
        await asyncio.wait_for(outbox.wait_until_heard(), 10)
    assert texts(master) == [f"{number}\n" for number in range(1, 301)]
    assert master.connections >= 7


async def test_what_was_not_acknowledged_is_told_again(master: ScriptedMaster, tmp_path: Path) -> None:
    master.acknowledges = False
    outbox = Outbox(tmp_path)
    async with linked(master, outbox):
        outbox.tell(line(1))
        await master.until(lambda: len(master.facts) == 1)
        assert outbox.acknowledged == 0
        master.acknowledges = True
        await master.cut()
        await asyncio.wait_for(outbox.wait_until_heard(), 10)
    assert master.repeated == 1


async def test_a_master_that_was_away_hears_everything(master: ScriptedMaster, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    async with linked(master, outbox) as desires:
        await master.until(lambda: bool(master.pulses))
        await master.stop()
        for number in range(1, 1001):
            outbox.tell(line(number))
        await master.start()
        await master.until(lambda: len(master.facts) == 1000)
        assert len(desires) == 2  # stated again at the new connection
    assert texts(master) == [f"{number}\n" for number in range(1, 1001)]


async def test_an_older_desire_that_comes_late_is_not_taken(master: ScriptedMaster, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    async with linked(master, outbox) as desires:
        await master.until(lambda: bool(master.pulses))
        await master.want(ASSIGNMENT)
        newest = master._desire
        master._desire = msgspec.structs.replace(newest, revision=0, assignment=None)
        await master.want(None)  # revision 1: older than what was said before
        master._desire = newest
        outbox.tell(line(1))
        await master.until(lambda: len(master.facts) == 1)
        assert desires[-1].assignment == ASSIGNMENT


async def test_a_refused_link_is_tried_again(master: ScriptedMaster, tmp_path: Path) -> None:
    master.refuse_links = True
    outbox = Outbox(tmp_path)
    async with linked(master, outbox):
        await asyncio.sleep(0.05)
        master.refuse_links = False
        await master.until(lambda: bool(master.pulses))


@pytest.mark.parametrize(
    ("master_url", "expected"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/api/v1/agents/i-x/link"),
        ("https://kyc.example", "wss://kyc.example/api/v1/agents/i-x/link"),
    ],
)
def test_the_address_of_the_link(master_url: str, expected: str) -> None:
    assert link_url(master_url, "i-x") == expected
