"""The master as a process: one for a KYC_HOME, its files, its end by signal, its death and its return."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.stand import JOB

from kyc import Client
from kyc.master.home import Home, MasterFile

ROOT = Path(__file__).parent.parent.parent


def start(home: Path, *options: str) -> subprocess.Popen[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("KYC_")}
    argv = [sys.executable, "-m", "tests.integration.small_master", "up", *options]
    return subprocess.Popen(
        argv, cwd=ROOT, env=env | {"KYC_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def running(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], MasterFile]]:
    process = start(home, *options)
    try:
        yield process, told_by(home, process)
    finally:
        process.kill()
        process.communicate(timeout=20)


def told_by(home: Path, process: subprocess.Popen[str]) -> MasterFile:
    """Wait for the process's own word; the one of a killed predecessor may still lie there."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        told = Home(path=home).read_master_file()
        if told is not None and told.pid == process.pid:
            return told
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("the master did not start in time")


def refused(home: Path, *options: str) -> tuple[int, str]:
    process = start(home, *options)
    _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors
    return process.returncode, errors


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_killed_master_comes_back_with_all_it_knew_and_ends_when_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        running(home, "--port", "0") as (process, told),
        Client(told.url, (home / "token").read_text().strip()) as client,
    ):
        identity = client.health()
        assert client.run_job(JOB).name == "train"
        (home / "archives" / "x.part").write_bytes(b"half an upload")
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert (home / "master.json").exists()
    token = (home / "token").read_text()

    with running(home, "--port", "0") as (process, told), Client(told.url, token.strip()) as client:
        assert [row.name for row in client.workloads()] == ["train"]
        assert client.health().master_id == identity.master_id
        assert list((home / "archives").iterdir()) == []
        assert (home / "token").read_text() == token
        assert mode(home) == 0o700
        assert {mode(home / name) for name in ("token", "master.db", "master.json", "master.id")} == {0o600}

        code, errors = refused(home, "--port", "0")
        assert code == 1
        assert str(process.pid) in errors
        assert "kyc down" in errors

        other = tmp_path / "other"
        code, errors = refused(other, "--port", told.url.rpartition(":")[2])
        assert code == 1
        assert "is in use" in errors
        assert "--port 0" in errors
        assert not (other / "master.json").exists()

        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not (home / "master.json").exists()
    facts = [json.loads(line) for line in (home / "logs" / "master.log").read_text().splitlines()]
    assert [fact["fact"] for fact in facts if fact["logger"] == "kyc.master.main"] == [
        "master_started",
        "master_started",
        "master_ended",
    ]
    assert token.strip() not in (home / "logs" / "master.log").read_text()


def test_the_end_is_clean_though_clients_hang_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, "--port", "0") as (process, told):
        host, _, port = told.url.removeprefix("http://").rpartition(":")
        idle = socket.create_connection((host, int(port)))
        stream = http.client.HTTPConnection(host, int(port), timeout=20)
        headers = {"Authorization": f"Bearer {(home / 'token').read_text().strip()}"}
        stream.request("GET", "/api/v1/events/stream", headers=headers)
        assert stream.getresponse().readline() == b"retry: 1000\n"
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 10
        idle.close()
        stream.close()
        assert "Traceback" not in (home / "logs" / "master.log").read_text()


def test_an_address_that_is_not_ours_is_a_usage_error(tmp_path: Path) -> None:
    code, errors = refused(tmp_path / "home", "--host", "203.0.113.7", "--port", "0")
    assert code == 2
    assert "203.0.113.7" in errors
    assert "next: Give --host an address of this machine" in errors
