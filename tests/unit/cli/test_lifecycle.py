"""Starting and ending the master: what is told when that goes wrong. With a real one: tests/integration."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kyc.cli import up
from kyc.cli.leftover import is_left
from kyc.wire.api import Health
from tests import rows
from tests.scripted_master import ScriptedMaster
from tests.unit.cli.conftest import Kyc


def fake_master(monkeypatch: pytest.MonkeyPatch, script: str) -> list[list[str]]:
    """Have `kyc up` start this Python text in place of the master; return the command lines that it wanted."""
    wanted: list[list[str]] = []
    real = subprocess.Popen

    def start(argv: list[str], **options: object) -> subprocess.Popen[bytes]:
        wanted.append(argv)
        return real([sys.executable, "-c", script], **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(up.subprocess, "Popen", start)  # type: ignore[attr-defined]
    return wanted


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (
            "import sys; sys.exit('error: port 1 is in use\\nnext: choose another')",
            1,
            "error: port 1 is in use\nnext: choose another\n",
        ),
        ("import sys; print('error: bad\\nnext: x', file=sys.stderr); sys.exit(2)", 2, "error: bad\nnext: x\n"),
        ("1/0", 1, "error: the master ended with code 1: ZeroDivisionError: division by zero\nnext: See "),
        ("print('so it goes')", 1, "ended with code 0: so it goes"),
        ("", 1, "it said nothing"),
    ],
)
def test_a_master_that_does_not_start(
    kyc: Kyc, home: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: int, words: str
) -> None:
    wanted = fake_master(monkeypatch, script)
    done = kyc("up", "--detach", "--port", 0, "--public-url", "https://x")
    assert done.code == code
    assert words in done.err
    assert wanted[0][2:] == ["-m", "kyc.master", "up", "--home", str(home), "--port", "0", "--public-url", "https://x"]
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_said_although_the_log_has_no_room_for_it(
    kyc: Kyc, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_master(monkeypatch, "import sys; sys.exit(1)")
    monkeypatch.setattr("kyc.cli.up.shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    done = kyc("up", "--detach")
    assert done.code == 1
    assert f"the disk of KYC_HOME {home} is full" in done.err
    assert "next: Free some space" in done.err


def healthy(master: ScriptedMaster, home: Path, pid: int) -> None:
    master.on("GET", "/health", Health(version="1", master_id="m", started_at=rows.AT, ready=True, pid=pid))
    home.mkdir()
    (home / "master.json").write_text(json.dumps({"url": master.url, "pid": pid, "version": "1"}))


def test_one_that_runs_already(kyc: Kyc, master: ScriptedMaster, home: Path) -> None:
    healthy(master, home, os.getpid())
    done = kyc("up", "--detach")
    assert done.code == 0
    assert "runs already" in done.out
    assert kyc("up", "--json").json["already_running"] is True  # type: ignore[index]


def test_options_beside_a_running_master_have_no_effect(kyc: Kyc, master: ScriptedMaster, home: Path) -> None:
    healthy(master, home, os.getpid())
    assert kyc("up").err == ""
    assert "warning: --port has no effect" in kyc("up", "--port", 8080).err


def test_a_wrong_option_is_told_before_anything_starts(kyc: Kyc, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = fake_master(monkeypatch, "")
    for options in (["--port", 99999], ["--port", "x"], ["--public-url", "x"], ["--local-mode", "x"]):
        done = kyc("up", *options)
        assert (done.code, wanted) == (2, [])
        assert done.err.startswith("error: ")


def test_the_detached_one_is_waited_for(
    kyc: Kyc, master: ScriptedMaster, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import json, os, sys; from pathlib import Path\n"
        f"told = {{'url': {master.url!r}, 'pid': os.getpid(), 'version': '1'}}\n"
        f"Path({str(home)!r}, 'pid').write_text(str(os.getpid()))\n"
        f"Path({str(home)!r}, 'master.json').write_text(json.dumps(told))\n"
        "sys.stdin = None; import signal; signal.pause()"
    )
    fake_master(monkeypatch, script)

    def health(_: object) -> Health:
        return Health(version="1", master_id="m", started_at=rows.AT, ready=True, pid=int((home / "pid").read_text()))

    master.on("GET", "/health", health)
    done = kyc("up", "--detach")
    pid = int((home / "pid").read_text())
    os.kill(pid, 15)
    os.waitpid(pid, 0)
    assert done.code == 0
    assert f"(process {pid})" in done.out
    assert str(home / "token") in done.out


def test_down_without_a_master(kyc: Kyc, home: Path) -> None:
    assert kyc("down").code == 0
    assert kyc("down", "--all", "--json").json["was_running"] is False  # type: ignore[index]
    home.mkdir()
    (home / "master.json").write_text('{"url": "http://127.0.0.1:1", "pid": 999999999}')
    assert kyc("down").code == 0
    assert kyc("down", "--all").code == 0


def test_down_all_starts_a_master_for_what_a_dead_one_left(
    kyc: Kyc, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = fake_master(monkeypatch, "import sys; sys.exit('error: no engine\\nnext: install one')")
    (home / "terraform" / "d-1").mkdir(parents=True)
    assert kyc("down", "--all").code == 0
    (home / "master.db").write_text("")
    assert kyc("down").code == 0
    assert wanted == []
    done = kyc("down", "--all")
    assert done.code == 1
    assert done.err.endswith("error: no engine\nnext: install one\n")
    assert wanted[0][-2:] == ["--port", "0"]


def test_down_elsewhere_asks(kyc: Kyc, master: ScriptedMaster) -> None:
    master.on("POST", "/shutdown", None)
    master.on("GET", "/workloads", [rows.workload(), rows.workload(name="old", state="failed")])
    master.on("GET", "/instances", [rows.instance()])
    done = kyc("down")
    assert "was asked to end" in done.out
    assert (
        "1 workload and 1 instance go on and cost money; `kyc up` takes them up again, `kyc down --all` ends them."
    ) in done.out
    assert master.asked[-1].body == b'{"everything":false}'
    going_on = kyc("down", "--json").json["going_on"]  # type: ignore[index]
    assert going_on == {"workloads": ["train"], "instances": ["i-7kq2x9bd"]}
    master.on("GET", "/workloads", [])
    assert "1 instance goes on and costs money; `kyc up` takes it up again" in kyc("down").out
    master.on("GET", "/instances", [])
    assert len(kyc("down").out.splitlines()) == 1


def test_what_a_dead_master_left_is_found_by_any_of_its_names(home: Path, tmp_path: Path) -> None:
    assert not is_left(home)
    (home / "local").mkdir(parents=True)
    lock = home / "local" / "daemon.lock"
    with lock.open("w") as held:
        assert not is_left(home)
        fcntl.flock(held, fcntl.LOCK_EX)
        assert is_left(home)
    assert not is_left(home)
    (tmp_path / "link").symlink_to(home)
    command = [sys.executable, "-c", "print(flush=True); input()", str(home / "nats" / "server.conf")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_left(tmp_path / "link")
        process.communicate(b"\n")


def test_down_says_that_something_is_left(kyc: Kyc, home: Path) -> None:
    (home / "local").mkdir(parents=True)
    with (home / "local" / "daemon.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "`kyc down --all` ends that" in kyc("down").err


def test_doctor_tells_what_is_missing(kyc: Kyc, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("kyc.adapters.system.doctor._ENGINES", ("no-such-engine",))
    monkeypatch.setattr("kyc.adapters.system.doctor._PACKAGE", "no-such-package")
    monkeypatch.setattr("kyc.adapters.system.doctor._DOCKER_SOCKET", home / "none")
    done = kyc("doctor", "--json")
    checks = {check["name"]: check for check in done.json["checks"]}  # type: ignore[index]
    assert done.code == 1
    assert (checks["python"]["ok"], checks["terraform"]["ok"], checks["terraform"]["needed"]) == (True, False, True)
    assert all(check["ok"] or check["advice"] for check in checks.values())
    assert "install terraform or tofu" in kyc("doctor").out
