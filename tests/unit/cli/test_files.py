"""What changed between snapshots, reading them back, and the streams they lie in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from kyc import Client
from kyc.wire import api
from tests.scripted_master import Answer, ScriptedMaster
from tests.unit.cli.conftest import Kyc


def test_what_changed_between_two_snapshots(kyc: Kyc, master: ScriptedMaster) -> None:
    found = api.SnapshotDifference(older=3, newer=5, added=["n"], removed=["r"], changed=["c"])
    master.on("GET", "/workloads/train/snapshots/diff", found)
    assert kyc("snapshots", "train", "--diff", 3, 5).out.splitlines() == [
        "+ n",
        "- r",
        "~ c",
        "1 added, 1 removed, 1 changed from snapshot 3 to 5",
    ]
    assert kyc("snapshots", "train", "--diff", 3, 5, "--json").json["added"] == ["n"]  # type: ignore[index]


def test_verifying_shows_what_is_damaged_and_fails(kyc: Kyc, master: ScriptedMaster) -> None:
    whole = api.VerifiedSnapshot(sequence=1, files=3, chunks=2, stored_bytes=1_500_000, damaged=[])
    report = api.VerificationReport(name="train", ok=True, snapshots=[whole])
    script_events(master, "latest", report)
    assert kyc("verify", "train").out == "snapshot 1: 3 files, 2 chunks, 1.5 MB stored: all whole\n"
    hurt = replace(whole, sequence=2, damaged=[api.DamagedFile(path="a", reason="gone")])
    lost = replace(whole, sequence=3, unreadable="no key")
    script_events(master, "all", replace(report, ok=False, snapshots=[whole, hurt, lost]))
    done = kyc("verify", "train", "--all")
    assert done.code == 1
    assert done.out.splitlines()[1:] == [
        "snapshot 2: a: gone",
        "snapshot 2: 3 files, 2 chunks, 1.5 MB stored: 1 file damaged",
        "snapshot 3 cannot be read: no key",
    ]
    assert kyc("verify", "train", "--all", "--json").json["ok"] is False  # type: ignore[index]
    script_events(master, "9", report, name="nonsense")
    assert kyc("verify", "train", "--snapshot", 9).code == 5


def script_events(master: ScriptedMaster, which: str, report: api.VerificationReport, *, name: str = "result") -> None:
    events = (("progress", api.Progress(done=1, total=2)), (name, report))
    body = "".join(f"event: {kind}\ndata: {msgspec.json.encode(row).decode()}\n\n: alive\n\n" for kind, row in events)
    path = f"/workloads/train/snapshots/{which}/verification"
    master.on("GET", path, Answer(body=body.encode(), content_type="text/event-stream"))


def test_checking_a_stream_by_the_master_or_without_one(
    kyc: Kyc, home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    done = kyc("stream", "check", f"file://{tmp_path}/stream")
    assert done.code == 0
    assert "no master runs here" in done.err
    assert "of two writers the stale one is refused" in done.out
    assert kyc("stream", "check").code == 2
    assert kyc("stream", "check", "ftp://x").code == 2
    (tmp_path / "file").touch()
    done = kyc("stream", "check", f"file://{tmp_path}/file", "--json")
    assert (done.code, done.json["ok"]) == (1, False)  # type: ignore[index]
    assert "is not a folder" in done.out
    master: ScriptedMaster = request.getfixturevalue("master")
    row = api.FindingRow(subject="reach", verdict="bad", text="nobody there", next_step="start it")
    master.on("POST", "/stream/check", api.StreamCheck(url="kafka://there", ok=False, findings=[row]))
    done = kyc("stream", "check", "kafka://there")
    assert (done.code, "reach: start it" in done.err, "nobody there" in done.out) == (1, True, True)


def test_moving_shows_where_it_stands_until_it_is_done(
    kyc: Kyc, master: ScriptedMaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying = api.MigrationRow(
        name="train",
        state="copying",
        source="embedded",
        target="kafka://there",
        copied_bytes=1_000_000,
        total_bytes=2_000_000,
    )
    done = replace(copying, state="stays", source="kafka://there", target="")
    master.on("POST", "/stream/migrate", [copying])
    answers = iter([[copying], [replace(copying, state="switching")], [done]])
    master.on("GET", "/stream/migrations", lambda _: next(answers))
    shown = kyc("stream", "migrate", "kafka://there", "train")
    assert (shown.code, shown.out.splitlines()[1].split()[:3]) == (0, ["train", "stays", "kafka://there"])
    assert shown.out.splitlines()[-1] == "kafka://there has the files of 1 workload now."
    waits = replace(copying, error="nobody answers")
    master.on("GET", "/stream/migrations", [waits])
    shown = kyc("stream", "migrate", "kafka://there")
    assert (shown.code, "train waits: nobody answers" in shown.err) == (1, True)
    assert "has the files" not in shown.out

    def interrupted(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "follow_migrations", interrupted)
    shown = kyc("stream", "migrate", "kafka://there")
    assert (shown.code, "The move goes on" in shown.err) == (130, True)
    shown = kyc("stream", "migrate", "kafka://there", "--detach", "--json")
    assert (shown.code, shown.json[0]["total_bytes"]) == (0, 2_000_000)  # type: ignore[index]
    assert "1.0 MB" in kyc("stream", "list").out
    assert kyc("stream", "list", "--json").json[0]["error"] == "nobody answers"  # type: ignore[index]
    master.on("GET", "/stream/migrations", [])
    assert kyc("stream", "list").out == "No workloads.\n"
