"""Thirty faults at drawn moments: whatever is killed, jobs end with the right result, and nothing is lost or left over.

The seed is printed; `KYC_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kyc.wire.api import EventRow
from tests.e2e.conftest import Kyc
from tests.e2e.processes import agent_pids, engine_pids, kill, master_pid, stream_pid

FAULTS = 30
JOBS = 5
STEPS = 150
WORK = """
import fcntl, os, pathlib, sys, time
lock = open(os.environ["LOCK"], "a")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    pathlib.Path(os.environ["LOCK"] + ".violated").write_text("two at once")
    sys.exit(9)
out = pathlib.Path("out")
out.mkdir(exist_ok=True)
numbers = [int(line) for line in (out / "numbers").read_text().split()] if (out / "numbers").exists() else []
steps = int(os.environ["STEPS"])
while len(numbers) < steps:
    time.sleep(0.05)
    numbers.append(len(numbers) ** 2)
    (out / "beside").write_text("\\n".join(map(str, numbers)))
    os.replace(out / "beside", out / "numbers")
    print(f"step {len(numbers)}/{steps}", flush=True)
(out / "sum").write_text(str(sum(numbers)))
"""
FILE = """
name: squares
workdir: .
run: python work.py
keep: [out/]
progress: 'step (?P<step>\\d+)/(?P<total>\\d+)'
stop_grace: 1s
snapshot_interval: 0.5s
envs: {LOCK: "%s", STEPS: "%d"}
"""


@pytest.mark.timeout(900)
def test_jobs_survive_every_fault(kyc: Kyc, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("KYC_SEED") or random.randrange(10**6))
    rng = random.Random(seed)
    with capsys.disabled():
        print(f"\nseed {seed}: KYC_SEED={seed} repeats this run")
    struck: list[str] = []
    for number in range(JOBS):
        run_one(kyc, tmp_path / str(number), rng, struck)
    assert len(struck) >= FAULTS
    with capsys.disabled():
        print(f"{len(struck)} faults: " + ", ".join(f"{struck.count(kind)} {kind}" for kind in sorted(set(struck))))


def run_one(kyc: Kyc, folder: Path, rng: random.Random, struck: list[str]) -> None:
    """Run one job under its share of the faults and check everything that was promised."""
    folder.mkdir()
    lock = folder / "lock"
    (folder / "work.py").write_text(WORK)
    (folder / "job.yaml").write_text(FILE % (lock, STEPS))
    name = kyc.client.run_job(folder / "job.yaml").name
    for _ in range(FAULTS // JOBS):
        time.sleep(rng.uniform(0.1, 2.5))  # the drawn moment
        struck.append(strike(kyc, rng))
    row = kyc.eventually(
        "the job's end", lambda: r if (r := kyc.client.workload(name).row).ended_at else None, timeout_s=150
    )
    assert row.state == "succeeded", row
    kyc.run("restore", name, "--to", str(folder / "restored"))
    assert (folder / "restored" / "out" / "sum").read_text() == str(sum(n**2 for n in range(STEPS)))
    assert not Path(f"{lock}.violated").exists(), "two attempts worked at once"
    kyc.eventually("nothing left over", lambda: True if not left_over(kyc) else None, timeout_s=60)
    assert_nothing_committed_was_lost(kyc.client.events(limit=10_000, subject=name))


def strike(kyc: Kyc, rng: random.Random) -> str:
    """Kill something now; return what it was."""
    kind = rng.choice(["agent", "master", "stream", "terraform"])
    home = kyc.home
    agents = agent_pids(home)
    if kind == "agent" and agents:
        kill(rng.choice(agents))
    elif kind == "stream" and (pid := stream_pid(home)) is not None:
        kill(pid)
    elif kind == "terraform":
        for pid in agents:  # so that there is a run of Terraform to be killed
            kill(pid)
        end = time.monotonic() + 5
        while not (engines := engine_pids(home)) and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
        for pid in engines:
            kill(pid)
    else:
        kind = "master"
        pid = kyc.eventually("the master's process", lambda: master_pid(home))
        kill(pid)
        time.sleep(rng.uniform(0, 1))
        kyc.up()
    return kind


def left_over(kyc: Kyc) -> list[str]:
    """What is not over in the books, or runs in the cloud."""
    return [i.id for i in kyc.client.instances() if i.state not in {"terminated", "failed"}]


def assert_nothing_committed_was_lost(events: Sequence[EventRow]) -> None:
    """Every start goes on from the newest snapshot that was committed before it."""
    newest = 0
    for event in events:
        if event.kind in {"snapshot.committed", "snapshot.flushed"}:
            newest = max(newest, int(str(event.data["sequence"])))
        elif event.kind in {"job.started", "job.resumed"}:
            went_on_from = int(str(event.data["sequence"] or 0))
            assert went_on_from >= newest, f"{event.data['attempt']} went on from {went_on_from}, not from {newest}"
