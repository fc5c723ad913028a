"""A real agent, from its enrolment to its end: files in a real stream, work in real processes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from kyc.adapters.nats.host import HostOptions
from kyc.adapters.nats.stream import NatsStream, address_of
from kyc.domain.errors import CredentialError
from kyc.domain.ids import WorkloadName
from kyc.domain.job import Job, JobState
from kyc.domain.workload import JobSpec
from kyc.master.views import workload_row
from kyc.wire.agent import Committed, Exited, Printed, Released, Restored, Started, Troubled
from tests.integration.agent_stage import Site, site
from tests.unit.agent.test_enrol import archive_of

COUNT = """
mkdir -p checkpoints
n=$(cat checkpoints/step 2>/dev/null || echo 0)
while [ $n -lt 1000 ]; do
    n=$((n + 1)); echo $n > checkpoints/new; mv checkpoints/new checkpoints/step; echo "epoch $n/1000"; sleep 0.05
done
"""

NAME = WorkloadName("train")
RUNNING = Job(
    name=NAME,
    spec=JobSpec(name=NAME, run=COUNT),
    state=JobState.RUNNING,
    requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    sealed_key="",
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as made:
        yield made


async def start_work(here: Site, **changes: object) -> Started:
    """Bring the connected agent as far as running work."""
    before = here.master.story().count("Started")
    await here.admit()
    await here.master.want(await here.assignment("prepare", **changes))
    await here.master.until(lambda: here.master.story().count("Prepared") > before)
    await here.master.want(await here.assignment("run", **({"epoch": 1} | changes)))
    await here.master.until(lambda: here.master.story().count("Started") > before)
    started = here.master.told(Started)[-1]
    assert isinstance(started, Started)
    return started


async def test_work_moves_from_one_instance_to_another_without_repeating_a_step(here: Site, tmp_path: Path) -> None:
    here.desk.archive = archive_of({"count.sh": COUNT.encode()})
    archive = hashlib.sha256(here.desk.archive).hexdigest()
    async with here.agent(tmp_path / "one"):
        await start_work(here, run="sh count.sh", archive=archive)
        await here.master.until(lambda: "Committed" in here.master.story() and "Progressed" in here.master.story())
        await here.master.want(await here.assignment("release", run="sh count.sh", archive=archive, epoch=1))
        await here.master.until(lambda: "Released" in here.master.story())
    flushed = here.master.told(Committed)[-1]
    assert isinstance(flushed, Committed)
    assert flushed.flushed
    reached = int((tmp_path / "one" / "work" / "train/checkpoints/step").read_text())

    here.desk.bodies.clear()
    here.master.numbers.clear()  # those of another instance
    second = {"run": "sh count.sh", "archive": archive, "attempt": "train.2", "epoch": 2}
    async with here.agent(tmp_path / "two"):
        started = await start_work(here, **second)
        assert started.sequence == flushed.sequence
        await here.master.until(lambda: f"epoch {reached + 1}/1000" in printed(here, "train.2"))
        assert printed(here, "train.2").startswith(f"epoch {reached + 1}/1000\n")
        restored = [fact for fact in here.master.told(Restored) if isinstance(fact, Restored) and fact.done]
        assert restored[-1].files >= 1


async def test_the_end_of_the_work_is_told_with_its_code_and_its_whole_output(here: Site, tmp_path: Path) -> None:
    async with here.agent(tmp_path / "one"):
        await start_work(here, run="mkdir checkpoints; seq 5000; echo x > checkpoints/last; printf end; exit 3")
        await here.master.until(lambda: "Exited" in here.master.story())
    exited = here.master.facts[-1]
    assert isinstance(exited, Exited)
    assert (exited.code, exited.missed) == (3, [])
    assert printed(here, "train.1").split() == [*map(str, range(1, 5001)), "end"]
    assert here.master.story()[-2:] == ["Committed", "Exited"]


async def test_an_absent_master_stops_nothing_and_hears_everything(here: Site, tmp_path: Path) -> None:
    async with here.agent(tmp_path / "one"):
        await start_work(here, run=COUNT)
        await here.master.until(lambda: "epoch 3/" in printed(here, "train.1"))
        await here.door.stop()
        step = tmp_path / "one" / "work" / "train/checkpoints/step"
        reached = int(step.read_text()) + 30
        async with asyncio.timeout(20):
            while int(step.read_text()) < reached:
                await asyncio.sleep(0.05)
        await here.door.start()
        await here.master.until(lambda: f"epoch {reached}/1000\n" in printed(here, "train.1"))
    lines = printed(here, "train.1").splitlines()
    assert lines == [f"epoch {number}/1000" for number in range(1, len(lines) + 1)]


async def test_killing_the_agent_ends_the_work_and_a_new_one_says_so(here: Site, tmp_path: Path) -> None:
    async with here.agent(tmp_path / "one") as agent:
        started = await start_work(here, run=COUNT)
        agent.kill()
        await agent.wait()
        async with asyncio.timeout(5):
            while psutil.pid_exists(started.pid):
                await asyncio.sleep(0.01)
    async with here.agent(tmp_path / "one"):
        await here.master.until(lambda: "Troubled" in here.master.story())
    assert len({body["secret"] for body in here.desk.bodies}) == 1
    assert here.master.story().count("Started") == 1


async def test_names_that_are_not_utf8_hurt_nobody(here: Site, tmp_path: Path) -> None:
    script = """
    n=0; mkdir checkpoints
    while [ $n -lt 1000 ]; do n=$((n + 1)); echo $n > "checkpoints/$(printf 'caf\\351')$n"; sleep 0.2; done
    """
    async with here.agent(tmp_path / "one") as agent:
        await start_work(here, run=script)
        await here.master.until(lambda: len(here.master.told(Committed)) >= 5)
        await here.master.want(await here.assignment("release", run=script, epoch=1))
        await here.master.until(lambda: "Released" in here.master.story())
        await pulses(here, 2)
        assert agent.returncode is None
    flushed = here.master.told(Committed)[-1]
    assert isinstance(flushed, Committed)
    assert flushed.files >= 5


async def test_a_stream_that_is_away_is_told_and_what_is_not_safe_grows_old(here: Site, tmp_path: Path) -> None:
    async with here.agent(tmp_path / "one"):
        await start_work(here, run=COUNT)
        await here.master.until(lambda: "Committed" in here.master.story())
        await here.host.stop()
        await here.master.until(lambda: "Troubled" in here.master.story())
        await here.master.until(lambda: here.master.pulses[-1].dirty_since is not None)
        since = here.master.pulses[-1].dirty_since
        await pulses(here, 3)
        row = workload_row(RUNNING, [], here.master.pulses[-1], now=here.master.pulses[-1].at)
        assert here.master.pulses[-1].dirty_since == since
        assert (row.rpo_s or 0.0) > 1.9
        await here.host.ensure()
        await here.master.until(lambda: len(here.master.told(Troubled)) == 2, within_s=30)
        await here.master.until(lambda: here.master.pulses[-1].dirty_since != since)
    begun, over = (fact for fact in here.master.told(Troubled) if isinstance(fact, Troubled))
    assert "cannot take snapshots" in begun.what
    assert (begun.fatal, begun.over, over.over) == (False, False, True)


async def test_asked_to_end_the_agent_flushes_and_says_so(here: Site, tmp_path: Path) -> None:
    async with here.agent(tmp_path / "one") as agent:
        await start_work(here, run=COUNT)
        agent.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(agent.wait(), 20) == 0
    released = here.master.facts[-1]
    assert isinstance(released, Released)
    assert released.missed == []


async def test_an_idle_agent_is_light(here: Site, tmp_path: Path) -> None:
    """Connected to master and stream, with work that does nothing: memory, and CPU over some seconds."""
    async with here.agent(tmp_path / "one") as agent:
        await start_work(here, run="mkdir checkpoints; echo 1 > checkpoints/step; exec sleep 600")
        await here.master.until(lambda: "Committed" in here.master.story())
        process = psutil.Process(agent.pid)
        await pulses(here, 3)
        before = process.cpu_times()
        await pulses(here, 8)
        after = process.cpu_times()
        cpu = (after.user + after.system - before.user - before.system) / 8
        rss_mib = process.memory_info().rss / 2**20  # as ps and /proc count
        print(f"agent idle: {rss_mib:.1f} MiB RSS, {100 * cpu:.2f} % of a core")
        assert rss_mib < 45
        assert cpu < 0.03  # a loaded test machine; 0.01 is the aim


async def pulses(here: Site, count: int) -> None:
    wanted = len(here.master.pulses) + count
    await here.master.until(lambda: len(here.master.pulses) >= wanted, within_s=30)


async def test_nothing_of_the_agents_is_in_the_works_environment(here: Site, tmp_path: Path) -> None:
    async with here.agent(tmp_path / "one", KYC_EXTRA="secret"):
        await start_work(here, run="env; ls -la ../../agent; exec sleep 600")
        await here.master.until(lambda: "SKYPILOT_TASK_ID=train\n" in printed(here, "train.1"))
    text = printed(here, "train.1")
    assert "KYC_ENROL_TOKEN" not in text
    assert "KYC_EXTRA" not in text
    assert os.stat(tmp_path / "one/agent").st_mode & 0o777 == 0o700  # noqa: PTH116


def printed(here: Site, attempt: str) -> str:
    facts = [fact for fact in here.master.facts if isinstance(fact, Printed) and fact.attempt == attempt]
    return "".join(fact.text for fact in facts)


async def test_a_credential_is_renewed_while_the_work_runs(tmp_path: Path) -> None:
    """The work outlives several credentials of the stream, each of them refused once it has expired."""
    life_s = 6
    async with site(tmp_path, HostOptions(access_lasts=timedelta(seconds=life_s))) as here:
        first = await here.host.access("train")
        async with here.agent(tmp_path / "root"):
            await start_work(here, run=COUNT)
            until = time.monotonic() + 2 * life_s
            while time.monotonic() < until:  # what the master does at half of its life
                await here.master.want(await here.assignment("run", epoch=1, run=COUNT))
                commits = len(here.master.told(Committed))
                await here.master.until(lambda seen=commits: len(here.master.told(Committed)) > seen + 1)
            assert not here.master.told(Troubled)
        with pytest.raises(CredentialError):
            await NatsStream(address_of(first)).open_reader("train")
