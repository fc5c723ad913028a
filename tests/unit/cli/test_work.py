"""Running, stopping, restoring."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kyc.cli.live import JobStatus
from kyc.wire import api
from kyc.wire.archive import header_of
from tests import rows
from tests.scripted_master import Answer, ScriptedMaster, sse
from tests.unit.cli.conftest import Kyc


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text("name: train\nrun: python train.py\n")
    return path


def script_job(master: ScriptedMaster, end: str, *, exit_code: int = 0, reason: str = "run ended") -> None:
    """Script a job that prints two lines and ends."""
    seen = threading.Event()
    states = iter(["running", end, end])
    printed = [rows.log(1, "epoch 1"), rows.log(2, "epoch 2")]

    def detail(_: object) -> api.WorkloadDetail:
        row = rows.workload(state=next(states), exit_code=exit_code, reason=reason)
        return api.WorkloadDetail(row=row, spec={}, attempts=[])

    def output() -> Iterator[bytes]:
        yield sse(*printed)
        seen.set()

    def events() -> Iterator[bytes]:
        yield sse(
            rows.event(1, "job.queued"),
            rows.event(2, "instance.requested", "i-1", workload="train", deployment="d-1", offer="o"),
            rows.event(3, "deployment.log", "d-1", line="Apply complete!"),
            rows.event(4, "deployment.log", "d-2", line="of another job"),
            rows.event(5, "job.progress", step=1),
        )
        seen.wait(5)
        yield sse(rows.event(6, f"job.{end}", exit_code=exit_code, attempts=1), first=6)

    master.on("POST", "/jobs", lambda _: rows.plan(warnings=["num_nodes: no effect"]))
    master.on("GET", "/events", [])
    master.on("GET", "/workloads/train", detail)
    master.on("GET", "/workloads/train/logs", lambda asked: printed[int(asked.query["after"][0]) :])
    master.on("GET", "/workloads/train/logs/stream", lambda _: Answer(pieces=output()))
    master.on("GET", "/events/stream", lambda _: Answer(pieces=events()))


def test_a_job_is_followed_to_its_end(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    script_job(master, "succeeded")
    done = kyc("run", file)
    assert done.code == 0
    assert done.err == "warning: num_nodes: no effect\n"
    for words in ("Apply complete!", "epoch 2", "train succeeded", "saved $0.0300"):
        assert words in done.out
    assert "of another job" not in done.out
    assert "job.progress" not in done.out


def test_a_failed_job_fails_the_command(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    script_job(master, "failed", exit_code=3)
    done = kyc("run", file)
    assert done.code == 1
    assert "train failed: run ended, exit code 3" in done.out


def test_following_for_programs(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    script_job(master, "succeeded")
    records = kyc("run", file, "--json").records
    assert list(records[0]) == ["plan"]
    assert records[-1]["workload"]["state"] == "succeeded"  # type: ignore[index]
    assert {key for record in records[1:-1] for key in record} == {"event", "log"}


def test_ctrl_c_leaves_the_job_running(master: ScriptedMaster, file: Path) -> None:
    script_job(master, "succeeded")
    gone = threading.Event()

    def events() -> Iterator[bytes]:
        yield sse(rows.event(1, "job.queued"))
        gone.wait(10)

    master.on("GET", "/events/stream", lambda _: Answer(pieces=events()))
    process = subprocess.Popen(
        [sys.executable, "-m", "kyc.cli.main", "run", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "epoch 2" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    gone.set()
    assert process.returncode == 130
    assert "train goes on" in err
    assert "kyc stop train" in err
    assert "Traceback" not in err


def test_a_code_is_told_once(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    script_job(master, "failed", exit_code=9, reason="setup ended with code 9")
    assert "train failed: setup ended with code 9 ·" in kyc("run", file).out


def test_detached(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    master.on("POST", "/jobs", rows.plan())
    assert "kyc logs train -f" in kyc("run", "-d", file).out
    assert kyc("run", "-d", file, "--json").json["row"]["state"] == "queued"  # type: ignore[index]


def test_dry_run_shows_what_would_be(kyc: Kyc, master: ScriptedMaster, file: Path) -> None:
    spec: dict[str, object] = {
        "run": "python train.py\n  --epochs 3\n",
        "any_of": [
            {"vcpus": {"least": 4, "most": None}, "memory_gib": {"least": 16, "most": 16}, "cloud": "local"},
            {"gpu": "A100", "gpu_count": 2, "use_spot": False, "max_price_usd_per_hour": "1.5"},
            {"vcpus": {"least": 2, "most": 3}},
            {"vcpus": {"least": 0, "most": None}},
        ],
        "deadline": "PT21600S",
        "keep": ["a"],
        "envs": {"N": "1"},
        "budget_usd": "12",
    }
    offers = [rows.offer(id=f"o{number}") for number in range(10)]
    master.on("POST", "/jobs", rows.plan(spec=spec, offers=offers, row=None))
    out = kyc("run", file, "--dry-run", "--name", "x").out
    for words in (
        "6 h 0 min",
        "run        python train.py\n             --epochs 3\n",
        "resources  4+ CPUs, 16 GiB of memory, local, spot first or A100:2, on-demand only, at most $1.5/h or "
        "2..3 CPUs, spot first or any machine, spot first\n",
        "N=1",
        "12 USD",
        "*  o0",
        "and 2 more offers",
        "$0.0123 an hour, $0.0400 on demand, on o0",
    ):
        assert words in out
    assert master.paths() == ["POST /jobs"]
    master.on("POST", "/jobs", rows.plan(spec=spec, offers=[], expected_usd_per_hour=None, row=None))
    assert "It would wait" in kyc("run", file, "--dry-run").out
    assert kyc("run", file, "--dry-run", "--json").json["row"] is None  # type: ignore[index]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("run: x\nresorces: {}", 2, "'resources'"),
        ("run: x\nresorces: {}", 2, "wrong.yaml: unknown key"),
        ("setup: x", 2, "run:"),
        ("run: [", 2, "line 1"),
        ("run: [", 2, "wrong.yaml: "),
        ("run: x\nworkdir: none", 2, "workdir"),
        ("run: x\nenvs: {T: }", 2, "envs.T"),
        (None, 3, "no file"),
    ],
)
def test_a_wrong_file_asks_nobody(
    kyc: Kyc, master: ScriptedMaster, tmp_path: Path, content: str | None, code: int, words: str
) -> None:
    path = tmp_path / "wrong.yaml"
    if content is not None:
        path.write_text(content)
    done = kyc("run", "-d", path)
    assert done.code == code
    assert words in done.err
    assert "\nnext: " in done.err
    assert master.asked == []


def test_stop(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("POST", "/workloads/train/stop", rows.workload())
    master.on("GET", "/events", [])
    ended = rows.workload(state="stopped", ended_at=rows.AT)
    master.on("GET", "/workloads/train", api.WorkloadDetail(row=ended, spec={}, attempts=[]))
    assert "train is stopped" in kyc("stop", "train").out
    assert "kyc restore" in kyc("stop", "train").out
    assert "train stops" in kyc("stop", "train", "-d").out
    assert kyc("stop", "train", "--json").json["state"] == "stopped"  # type: ignore[index]
    assert kyc("stop", "other").code == 3
    never = rows.workload(state="stopped", ended_at=rows.AT, last_snapshot_at=None)
    master.on("GET", "/workloads/train", api.WorkloadDetail(row=never, spec={}, attempts=[]))
    out = kyc("stop", "train").out
    assert "It has no snapshot." in out
    assert "restore" not in out


def test_snapshots_and_restore(kyc: Kyc, master: ScriptedMaster, tmp_path: Path) -> None:
    snapshot = api.SnapshotRow(sequence=4, epoch=2, taken_at=rows.AT, files=3, bytes=1_500_000, missed=["a"])
    master.on("GET", "/workloads/train/snapshots", [snapshot])
    assert kyc("snapshots", "train").out.splitlines()[1].split()[:5] == ["4", "2", "3", "1.5", "MB"]
    assert kyc("snapshots", "train", "--json").json[0]["missed"] == ["a"]  # type: ignore[index]
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", pax_headers=header_of(4)) as tar:
        tar.addfile(tarfile.TarInfo("a"))
        link = tarfile.TarInfo("b")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    master.on("GET", "/workloads/train/snapshots/4/files", Answer(body=target.getvalue()))
    done = kyc("restore", "train", "--snapshot", 4, "--to", tmp_path / "out")
    assert done.out == f"1 file, 0 B of snapshot 4, is in {tmp_path / 'out'}\n"
    assert "warning: b is a symbolic link that points outside" in done.err
    assert kyc("restore", "train", "--snapshot", 4, "--to", tmp_path / "out").code == 1
    shown = kyc("restore", "train", "--snapshot", 4, "--to", tmp_path / "two", "--json").json
    assert shown == {
        "name": "train",
        "snapshot": 4,
        "folder": str(tmp_path / "two"),
        "files": 1,
        "bytes": 0,
        "left_out": [],
        "outward": ["b"],
    }
    master.on("GET", "/workloads/train/snapshots", [])
    assert "no snapshot yet" in kyc("snapshots", "train").out


def test_on_a_terminal_a_status_line_stands_below(master: ScriptedMaster, file: Path) -> None:
    script_job(master, "succeeded")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "kyc.cli.main", "run", str(file)],
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color"},
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # a terminal whose other side is closed reads as an error
        while piece := os.read(ours, 65536):
            seen += piece
    os.close(ours)
    assert process.wait(20) == 0
    for words in (b"epoch 2\r\n", b"Apply complete!", b"step 1", b"\x1b[32msucceeded\x1b[0m"):
        assert words in seen


def test_the_status_line_tells_what_is_known() -> None:
    status = JobStatus("train")
    assert status.words == "train queued"
    told = [
        rows.event(1, "job.queued"),
        rows.event(1, "instance.requested", "i-0", workload="train"),
        rows.event(1, "instance.lost", "i-0"),
        rows.event(1, "instance.requested", "i-1", workload="train"),
        rows.event(1, "instance.ready", "i-0"),
        rows.event(1, "instance.ready", "i-1"),
        rows.event(1, "job.started", instance="i-1"),
        rows.event(2, "job.progress", step=3, total=9),
        rows.event(3, "snapshot.committed", sequence=7),
        rows.event(4, "instance.noticed", "i-1"),
        rows.event(5, "job.migrating"),
        rows.event(6, "replacement.requested", instance="i-2"),
        rows.event(6, "instance.requested", "i-2", workload="train"),
        rows.event(7, "job.failed"),
    ]
    assert [status.line(event) for event in told] == [
        "train queued",
        "train waiting for i-0",
        "train queued",
        "train waiting for i-1",
        "train waiting for i-1",
        "train preparing on i-1",
        "train running on i-1",
        "train running on i-1 · step 3/9",
        "train running on i-1 · step 3/9 · snapshot #7",
        "train running on i-1 · step 3/9 · snapshot #7",
        "train migrating · step 3/9 · snapshot #7",
        "train migrating to i-2 · step 3/9 · snapshot #7",
        "train migrating to i-2 · step 3/9 · snapshot #7",
        "train failed · step 3/9 · snapshot #7",
    ]
