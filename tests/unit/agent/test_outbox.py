"""Facts are numbered once, kept until acknowledged, and read back in order, over kills and full disks."""

from __future__ import annotations

import asyncio
import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.agent.outbox import Outbox, OutboxReader
from kyc.wire.agent import Fact, Prepared, Printed, read_from_agent

AT = datetime(2026, 1, 1, tzinfo=UTC)


def printed(text: str) -> Printed:
    return Printed(at=AT, attempt="a.1", text=text)


async def read_all(outbox: Outbox, reader: OutboxReader | None = None) -> list[Fact]:
    """Return all that a reader has to say now."""
    reader = reader or OutboxReader(outbox)
    found: list[Fact] = []
    while not found or found[-1].number < outbox.last:
        for text in await reader.next(max_bytes=200):
            fact = read_from_agent(text)
            assert isinstance(fact, Fact)
            found.append(fact)
    return found


def texts(facts: list[Fact]) -> list[str]:
    return [fact.fact.text for fact in facts if isinstance(fact.fact, Printed)]


async def test_facts_come_back_in_order_with_their_numbers(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, segment_bytes=300)
    for number in range(1, 21):
        outbox.tell(printed(f"line {number} \u2028 ü\n"))
    facts = await read_all(outbox)
    assert [fact.number for fact in facts] == list(range(1, 21))
    assert texts(facts) == [f"line {number} \u2028 ü\n" for number in range(1, 21)]
    outbox.close()


async def test_acknowledged_facts_are_not_told_again_and_their_files_go(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, segment_bytes=300)
    for number in range(1, 21):
        outbox.tell(printed(f"{number}\n"))
    before = len(list(tmp_path.iterdir()))
    outbox.acknowledge(15)
    assert [fact.number for fact in await read_all(outbox)] == [16, 17, 18, 19, 20]
    assert len(list(tmp_path.iterdir())) < before
    outbox.acknowledge(3)  # an old one
    outbox.acknowledge(99)  # nothing of ours
    assert outbox.acknowledged == 15
    outbox.close()


async def test_a_reader_waits_for_news_and_goes_on(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    reader = OutboxReader(outbox)
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    outbox.tell(Prepared(at=AT, attempt="a.1"))
    assert len(await waiting) == 1
    outbox.tell(Prepared(at=AT, attempt="a.2"))
    assert len(await reader.next()) == 1
    outbox.close()


async def test_a_killed_agent_begun_again_tells_what_the_killed_one_knew(tmp_path: Path) -> None:
    killed = Outbox(tmp_path)
    killed.tell(printed("one\n"))
    killed.tell(printed("two\n"))
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'{"type":"fact","number":3,"fact":{"fa')  # cut short by the kill
    again = Outbox(tmp_path)
    again.tell(printed("three\n"))
    facts = await read_all(again)
    assert texts(facts) == ["one\n", "two\n", "three\n"]
    assert [fact.number for fact in facts][:2] == [1, 2]
    assert facts[2].number > 3  # no number is ever used twice
    again.acknowledge(again.last)
    await again.wait_until_heard()
    killed.close()
    again.close()
    third = Outbox(tmp_path)
    assert third.last == facts[2].number
    third.close()


async def test_output_beyond_the_bound_is_dropped_and_said_so_but_no_other_fact(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, limit_bytes=2000, segment_bytes=500)
    for _ in range(50):
        outbox.tell(printed("x" * 99 + "\n"))
    outbox.tell(Prepared(at=AT, attempt="a.1"))
    facts = await read_all(outbox)
    assert isinstance(facts[-1].fact, Prepared)
    kept = len(texts(facts))
    assert kept < 20
    outbox.acknowledge(outbox.last)
    outbox.tell(printed("back\n"))
    (last,) = texts(await read_all(outbox))
    assert last == (
        f"[kyc: {100 * (50 - kept)} bytes of output were dropped here, since too much waited to be sent]\nback\n"
    )
    outbox.close()


async def test_on_a_full_disk_facts_stay_in_memory_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(tmp_path, memory_limit_bytes=1000)
    reader = OutboxReader(outbox)
    outbox.tell(printed("on disk\n"))
    write = os.write

    def full(file: int, data: bytes) -> int:
        write(file, data[:5])
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        outbox.tell(printed("in memory\n"))
        outbox.tell(Prepared(at=AT, attempt="a.1"))
    outbox.tell(printed("still in memory\n"))
    facts = await read_all(outbox, reader)
    assert [fact.number for fact in facts] == [1, 2, 3, 4]
    outbox.acknowledge(4)
    outbox.tell(printed("on disk again\n"))
    assert texts(await read_all(outbox, reader)) == ["on disk again\n"]
    outbox.close()
    again = Outbox(tmp_path)
    assert texts(await read_all(again)) == ["on disk\n", "on disk again\n"] or again.last == 5
    again.close()


class Correspondence:
    """An agent that is killed, connections that end, and a master that stores in order and counts each fact once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = 0
        self.told: list[str] = []
        self.stored: list[str] = []
        self.begin()

    def begin(self) -> None:
        self.outbox = Outbox(self._folder, segment_bytes=400)
        self.reconnect()

    def reconnect(self) -> None:
        self._reader = OutboxReader(self.outbox)
        self._read = self.outbox.acknowledged

    def kill(self) -> None:
        self.outbox.close()
        self.begin()

    def tell(self) -> None:
        self.told.append(f"{len(self.told)}" + "x" * (37 * len(self.told) % 120) + "\n")
        self.outbox.tell(printed(self.told[-1]))

    async def send(self) -> None:
        if self._read < self.outbox.last:
            for text in await asyncio.wait_for(self._reader.next(max_bytes=300), 5):
                fact = read_from_agent(text)
                assert isinstance(fact, Fact)
                self._read = fact.number
                if fact.number > self._mark:
                    self._mark = fact.number
                    self.stored += texts([fact])

    def acknowledge(self) -> None:
        self.outbox.acknowledge(self._mark)


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["tell", "tell", "tell", "send", "send", "acknowledge", "reconnect", "kill"]), max_size=60)
)
async def test_nothing_is_lost_whatever_happens(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    letters = Correspondence(tmp_path_factory.mktemp("outbox"))
    for step in [*steps, "reconnect", *["send"] * len(steps)]:
        done = getattr(letters, step)()
        if done is not None:
            await done
    assert letters.stored == letters.told
    letters.outbox.close()
