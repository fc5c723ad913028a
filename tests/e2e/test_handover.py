"""A noticed instance hands its work over alive: most files are at the replacement before the work rests."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyc.wire.api import EventRow
from tests.e2e.conftest import Kyc

LARGE = 20_000_000
FILE = f"""
name: count
run: |
  mkdir -p out
  [ -e out/model ] || {{ head -c {LARGE} /dev/urandom > out/new; mv out/new out/model; }}
  n=$(cat out/n 2>/dev/null || echo 0)
  while [ ! -e "$ENOUGH" ]; do
    n=$((n+1)); echo $n > out/beside; mv out/beside out/n; echo "step $n"; sleep 0.05
  done
keep: [out/]
progress: 'step (?P<step>\\d+)'
snapshot_interval: 0.5s
"""


@pytest.mark.timeout(180)
def test_the_replacement_restores_while_the_old_instance_still_works(kyc: Kyc, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(FILE)
    enough = tmp_path / "enough"
    name = kyc.client.run_job(tmp_path / "job.yaml", envs={"ENOUGH": str(enough)}).name

    def happened(kind: str, attempt: str) -> EventRow | None:
        events = kyc.client.all_events(kinds=[kind], subject=name)
        return next((event for event in events if event.data["attempt"] == attempt), None)

    def whole() -> EventRow | None:
        events = kyc.client.all_events(kinds=["snapshot.committed"], subject=name)
        return next((event for event in events if int(str(event.data["bytes"])) > LARGE), None)

    committed = kyc.eventually("a snapshot with the large file", whole, timeout_s=60)
    assert float(str(committed.data["rpo_s"])) > 0
    assert int(str(committed.data["dirty_bytes"])) >= 0
    kyc.client.interrupt(kyc.client.workload(name).attempts[0].instance, notice_s=60)
    resumed = kyc.eventually("the replacement's work", lambda: happened("job.resumed", f"{name}.2"), timeout_s=90)
    restored, flushed = happened("restore.completed", f"{name}.2"), happened("snapshot.flushed", f"{name}.1")
    assert restored is not None
    assert flushed is not None
    assert restored.seq < flushed.seq, "it was restored only when the old work had ended"
    assert int(str(restored.data["fetched_bytes"])) > LARGE
    assert int(str(resumed.data["final_delta_bytes"])) < 1_000_000
    assert 0 <= float(str(resumed.data["pause_s"])) < 60
    assert resumed.data["sequence"] == flushed.data["sequence"]
    enough.touch()
    row = kyc.eventually("the end", lambda: r if (r := kyc.client.workload(name).row).ended_at else None, timeout_s=60)
    assert (row.state, row.interruptions) == ("succeeded", 1)
    steps = [event.data["first"] for event in kyc.client.all_events(kinds=["job.progress"], subject=name)]
    assert steps == sorted(set(steps)), "a step was done twice"
