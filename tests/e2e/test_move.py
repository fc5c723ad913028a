"""A job that runs is moved to another stream, and then to a third by a master that is killed on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyc.adapters.nats.host import NatsHost
from kyc.adapters.system.clock import SystemClock
from kyc.domain.errors import NotFoundError
from kyc.wire.api import MigrationRow
from tests.e2e.conftest import Kyc
from tests.e2e.processes import kill, master_pid

FILE = """
name: count
run: |
  mkdir -p out
  head -c 3000000 /dev/urandom > out/data
  n=$(cat out/n 2>/dev/null || echo 0)
  while [ ! -e out/enough ] && [ $n -lt 3000 ]; do
    sleep 0.05; n=$((n+1)); echo $n > out/beside; mv out/beside out/n; echo "step $n"
    [ -e "$GOAL" ] && touch out/enough
  done
keep: [out/]
progress: 'step (?P<step>\\d+)'
snapshot_interval: 0.5s
"""


def lies_in(kyc: Kyc, name: str) -> MigrationRow:
    return next(row for row in kyc.client.migrations() if row.name == name)


@pytest.mark.timeout(240)
def test_a_job_goes_on_from_another_stream(kyc: Kyc, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(FILE)
    goal = tmp_path / "goal"
    name = kyc.client.run_job(tmp_path / "job.yaml", envs={"GOAL": str(goal)}).name

    def step_past(least: int) -> int | None:
        row = kyc.client.workload(name).row
        return row.step if row.state == "running" and (row.step or 0) > least and row.last_snapshot_at else None

    begun = kyc.eventually("some work", lambda: step_past(10), timeout_s=90)
    assert lies_in(kyc, name).source == "embedded"
    second, third = f"file://{tmp_path}/second", f"file://{tmp_path}/third"
    assert "second" in kyc.run("stream", "migrate", second, timeout_s=120).stdout
    row = lies_in(kyc, name)
    assert (row.state, row.source) == ("stays", second)
    moved = kyc.client.events(kinds=["stream.moved"], limit=10)[-1]
    assert (moved.subject, moved.data["skipped"], moved.data["target"]) == (name, [], second)
    went_on = kyc.eventually("work after the move", lambda: step_past(begun + 10), timeout_s=90)
    assert kyc.client.workload(name).row.interruptions == 0

    kyc.run("stream", "migrate", third, name, "--detach")
    pid = master_pid(kyc.home)
    assert pid is not None
    kill(pid)
    kyc.up("--stream", third)
    kyc.eventually(
        "the second move", lambda: row if (row := lies_in(kyc, name)).source == third else None, timeout_s=90
    )
    kyc.eventually("work after it", lambda: step_past(went_on + 10), timeout_s=90)
    goal.touch()
    row = kyc.eventually("the end", lambda: r if (r := kyc.client.workload(name).row).ended_at else None, timeout_s=90)
    assert row.state == "succeeded"
    steps = [event.data["first"] for event in kyc.client.all_events(kinds=["job.progress"], subject=name)]
    assert steps == sorted(set(steps)), "a step was done twice"
    kyc.run("verify", name, "--all")
    with pytest.raises(NotFoundError) as unknown:
        kyc.client.diff_snapshots(name, 1, 999_999)
    assert f"kyc snapshots {name}" in unknown.value.next_step
    kyc.run("restore", name, "--to", str(tmp_path / "restored"))
    assert int((tmp_path / "restored" / "out" / "n").read_text()) == row.step
    kyc.run("down", "--all")
    assert NatsHost(kyc.home / "nats", clock=SystemClock()).pid() is None, "a stream server is left running"
