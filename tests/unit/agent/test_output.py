"""Lines in batches, steps as ranges, loads as shares."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from kyc.adapters.fake.clock import FakeClock
from kyc.agent.load import MachineGauge, TreeGauge, disk_share, gauge_for
from kyc.agent.log import FactFormatter
from kyc.agent.output import BATCH_BYTES, Printer, Progress
from kyc.wire.agent import AnyFact, Printed, Progressed

PATTERN = r"epoch (?P<step>\d+)(/(?P<total>\d+))?"


def steps(*lines: str, pattern: str = PATTERN) -> list[tuple[int, int, int | None]]:
    progress = Progress(pattern)
    for line in lines:
        progress.read(line)
    return [(some.first, some.last, some.total) for some in progress.take()]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["epoch 7/20"], [(7, 7, 20)]),
        (["epoch 1", "noise", "epoch 2", "epoch 3"], [(1, 3, None)]),
        (["epoch 10", "epoch 20"], [(10, 20, None)]),  # one that tells every tenth has finished those between
        (["epoch 5", "epoch 6", "epoch 6", "epoch 7"], [(5, 6, None), (6, 7, None)]),  # done twice
        (["epoch 9", "epoch 1", "epoch 2"], [(9, 9, None), (1, 2, None)]),  # begun again
        (["epoch x", ""], []),
    ],
)
def test_steps(lines: list[str], expected: list[tuple[int, int, int | None]]) -> None:
    assert steps(*lines) == expected


def test_a_range_goes_on_after_it_was_told() -> None:
    progress = Progress(PATTERN)
    progress.read("epoch 1")
    progress.take()
    progress.read("epoch 4")
    assert [(some.first, some.last) for some in progress.take()] == [(2, 4)]


@pytest.mark.parametrize("pattern", ["", "(", r"no group \d+"])
def test_a_pattern_that_tells_nothing_is_no_error(pattern: str) -> None:
    assert steps("epoch 1", pattern=pattern) == []


async def test_lines_are_told_in_batches_in_order() -> None:
    clock, facts = FakeClock(), list[AnyFact]()
    printer = Printer("a.1", Progress(PATTERN), tell=facts.append, clock=clock)
    running = asyncio.create_task(printer.run())
    for number in range(1, 4):
        printer.add(f"epoch {number}")
    await clock.advance(0.05)
    assert facts == []
    await clock.advance(0.06)
    assert [fact.text for fact in facts if isinstance(fact, Printed)] == ["epoch 1\nepoch 2\nepoch 3\n"]
    for number in range(4, 8):
        printer.add(f"epoch {number}")
        await clock.advance(0.1)
    await clock.advance(1)
    told = [(fact.first, fact.step) for fact in facts if isinstance(fact, Progressed)]
    assert told[0] == (1, 3)
    assert told[-1][1] == 7
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_much_output_does_not_wait() -> None:
    clock, facts = FakeClock(), list[AnyFact]()
    printer = Printer("a.1", Progress(""), tell=facts.append, clock=clock)
    printer.add("x" * BATCH_BYTES)
    assert len(facts) == 1


@pytest.mark.parametrize("gauge", [MachineGauge(), TreeGauge(vcpus=1, memory_mib=1024)])
def test_gauges_give_shares(gauge: MachineGauge | TreeGauge) -> None:
    assert gauge.cpu(0.0) == 0.0
    sum(range(2_000_000))
    assert 0.0 <= gauge.cpu(0.1) <= 1.0
    assert 0.0 < gauge.memory() <= 1.0


def test_a_tree_counts_what_this_process_used() -> None:
    gauge = TreeGauge(vcpus=1, memory_mib=64)
    gauge.cpu(0.0)
    began = os.times()
    while os.times().user - began.user < 0.2:
        pass
    assert gauge.cpu(1.0) >= 0.15
    assert gauge.memory() == 1.0 or gauge.memory() > 0.1


def test_an_instance_of_the_local_cloud_is_its_own_tree() -> None:
    assert isinstance(gauge_for({"KYC_LOCAL_INSTANCE": "x", "KYC_VCPUS": "0.5", "KYC_MEMORY_MIB": "512"}), TreeGauge)
    assert isinstance(gauge_for({"KYC_LOCAL_INSTANCE": "x", "KYC_VCPUS": "many"}), TreeGauge)
    assert isinstance(gauge_for({}), MachineGauge)


def test_a_disk_has_a_share(tmp_path: Path) -> None:
    assert 0.0 <= disk_share(tmp_path) <= 1.0


def test_a_log_line_holds_its_facts() -> None:
    record = logging.makeLogRecord({"name": "kyc.agent", "msg": "link_up", "levelname": "INFO", "told": 3})
    assert FactFormatter().format(record).endswith("INFO kyc.agent link_up told=3")
