"""What people do with snapshots, by the commands, on files that a job really made: list, compare, verify, restore."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Kyc, living
from tests.needs import need

FILE = """
name: make
run: |
  mkdir -p out
  head -c 600000 /dev/urandom > out/first; echo 1 > out/n
  touch "$GOAL.1"; until [ -e "$GOAL.2" ]; do sleep 0.05; done
  head -c 600000 /dev/urandom > out/second; rm out/first; echo 2 > out/n
keep: [out/]
snapshot_interval: 0.2s
"""


@pytest.fixture
def kyc(tmp_path: Path) -> Iterator[Kyc]:
    need("terraform")
    with living(tmp_path / "home", "--stream", f"file://{tmp_path}/stream") as made:
        yield made


@pytest.mark.timeout(180)
def test_snapshots_are_compared_verified_and_restored(kyc: Kyc, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(FILE)
    goal = tmp_path / "goal"
    name = kyc.client.run_job(tmp_path / "job.yaml", envs={"GOAL": str(goal)}).name

    def with_first() -> int | None:
        rows = kyc.client.snapshots(name) if (tmp_path / "goal.1").exists() else []
        return next((row.sequence for row in rows if row.files == 2), None)

    first = kyc.eventually("a snapshot of the first files", with_first, timeout_s=60)
    chunks = tmp_path / "stream" / name / "chunks"
    before = set(chunks.rglob("*"))
    (tmp_path / "goal.2").touch()
    row = kyc.eventually("the end", lambda: r if (r := kyc.client.workload(name).row).ended_at else None, timeout_s=60)
    assert row.state == "succeeded"
    last = kyc.client.snapshots(name)[0].sequence
    shown = kyc.run("snapshots", name, "--diff", str(first), str(last)).stdout.splitlines()
    assert shown[:3] == ["+ out/second", "- out/first", "~ out/n"]
    assert json.loads(kyc.run("verify", name, "--all", "--json").stdout)["ok"] is True

    for chunk in set(chunks.rglob("*")) - before:
        if chunk.is_file() and chunk.stat().st_size > 50_000:
            spoil(chunk)
    done = kyc.run("verify", name, "--json", check=False)
    (found,) = json.loads(done.stdout)["snapshots"]
    assert (done.returncode, found["sequence"]) == (1, last)
    assert [one["path"] for one in found["damaged"]] == ["out/second"]
    back = tmp_path / "back"
    refused = kyc.run("restore", name, "--snapshot", str(last), "--to", str(back), check=False)
    assert refused.returncode == 1
    assert not back.exists()
    kyc.run("restore", name, "--snapshot", str(first), "--to", str(back))
    assert (back / "out" / "n").read_text() == "1\n"
    assert {path.name for path in (back / "out").iterdir()} == {"first", "n"}


def spoil(chunk: Path) -> None:
    """Change its last byte, as a bad disk would."""
    data = chunk.read_bytes()
    chunk.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
