"""A cut network: the attempt behind it is replaced, and can write nothing more once its replacement has begun."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kyc.adapters.local.cloud import LocalCloud
from kyc.wire.api import AttemptRow, EventRow
from tests.e2e.conftest import Kyc

FILE = """
name: count
run: |
  mkdir -p out
  n=$(cat out/n 2>/dev/null || echo 0)
  while [ $n -lt 400 ]; do
    sleep 0.05; n=$((n+1)); echo $n > out/beside; mv out/beside out/n; echo "$KYC_ATTEMPT step $n"
  done
keep: [out/]
progress: 'step (?P<step>\\d+)'
snapshot_interval: 0.5s
stop_grace: 1s
"""


@pytest.mark.timeout(180)
def test_a_cut_off_attempt_is_fenced(isolated_kyc: Kyc, tmp_path: Path) -> None:
    kyc = isolated_kyc
    (tmp_path / "job.yaml").write_text(FILE)
    name = kyc.client.run_job(tmp_path / "job.yaml").name
    first = kyc.eventually("some work", lambda: attempt_at(kyc, name, 1, step=20))
    instance = kyc.client.instance(first.instance)
    assert instance.provider_id is not None
    cloud = LocalCloud(kyc.home / "local", mode="isolated")
    asyncio.run(cloud.set_link(instance.provider_id, up=False))
    second = kyc.eventually("the replacement's work", lambda: attempt_at(kyc, name, 2, step=40), timeout_s=60)
    assert second.epoch > first.epoch
    row = kyc.eventually("the end", lambda: r if (r := kyc.client.workload(name).row).ended_at else None, timeout_s=60)
    assert row.state == "succeeded"
    assert row.interruptions == 1
    kyc.run("restore", name, "--to", str(tmp_path / "restored"))
    assert (tmp_path / "restored" / "out" / "n").read_text().strip() == "400"
    assert_one_writer_at_a_time(kyc.client.events(limit=10_000, subject=name))


def attempt_at(kyc: Kyc, name: str, number: int, *, step: int) -> AttemptRow | None:
    """Return the attempt once it runs and the job has finished the step."""
    detail = kyc.client.workload(name)
    found = next((a for a in detail.attempts if a.number == number and a.state == "running"), None)
    return found if found is not None and found.started_at and (detail.row.step or 0) >= step else None


def assert_one_writer_at_a_time(events: list[EventRow]) -> None:
    """In the order of the stream, epochs only grow: nobody wrote after a higher epoch had been opened."""
    kinds = {"snapshot.committed", "snapshot.flushed"}
    written = sorted((int(str(e.data["sequence"])), int(str(e.data["epoch"]))) for e in events if e.kind in kinds)
    epochs = [epoch for _, epoch in written]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 2
