"""The master as a process: one for a KYC_HOME, its files, its end by signal, its death and its return."""

from __future__ import annotations

import errno
import http.client
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from pathlib import Path

import pytest

from kyc import Client
from kyc.domain.errors import ConflictError, InvalidInputError
from kyc.master.home import Home, MasterFile
from kyc.master.main import Start, main
from kyc.master.server import bind, url_of
from kyc.master.services import Services
from tests.integration.stand import JOB

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


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    """Close the log of a master that ran in this process."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    yield
    for handler in root.handlers:
        if handler not in before:
            handler.close()
    root.handlers = before
    root.setLevel(level)


def never(_start: Start) -> AbstractAsyncContextManager[Services]:
    raise AssertionError("nothing may be opened")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_killed_master_comes_back_with_all_it_knew_and_ends_when_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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

        assert main(["up", "--home", str(home), "--port", "0"], build=never) == 1
        said = capsys.readouterr().err
        assert f"process {process.pid}, {told.url}" in said
        assert "next: Use it, end it with `kyc down`" in said

        with hanging_on(told.url, token.strip()):
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    assert not (home / "master.json").exists()
    log = (home / "logs" / "master.log").read_text()
    facts = [json.loads(line) for line in log.splitlines()]
    own = [fact["fact"] for fact in facts if fact["logger"] == "kyc.master.main"]
    assert own == ["master_started", "master_started", "master_ended"]
    assert token.strip() not in log
    assert "Traceback" not in log


@contextmanager
def hanging_on(url: str, token: str) -> Iterator[None]:
    """Keep an idle connection and a stream open, as a browser does."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with (
        closing(http.client.HTTPConnection(host, int(port), timeout=20)) as stream,
        socket.create_connection((host, int(port))),
    ):
        stream.request("GET", "/api/v1/events/stream", headers={"Authorization": f"Bearer {token}"})
        answer = stream.getresponse()
        assert answer.readline() == b"retry: 1000\n"
        yield
        answer.close()


@pytest.mark.parametrize("written", [0, 1])
def test_a_full_disk_is_said_and_leaves_no_empty_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """The first file written is the port, the second the master's id."""
    room = iter([None] * written)

    def sync(_number: int) -> None:
        if next(room, "none") == "none":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kyc.master.home.os.fsync", sync)
    home = tmp_path / "home"
    assert main(["up", "--home", str(home), "--port", "0"], build=never) == 1
    said = capsys.readouterr().err
    assert f"error: the disk of KYC_HOME {home} is full\nnext: Free some space" in said
    assert "Traceback" not in said
    assert sorted(path.name for path in home.iterdir()) == ["lock", "logs", "port"][: 2 + written]


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConflictError, match=f"port {port} of 127.0.0.1 is in use") as refused:
            bind("127.0.0.1", port)
    assert "--port 0" in refused.value.next_step


def test_an_address_that_is_not_ours_is_said() -> None:
    with pytest.raises(InvalidInputError, match=r"203\.0\.113\.7") as refused:
        bind("203.0.113.7", 0)
    assert "--host" in refused.value.next_step


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_this_machine_reaches_the_master_at_the_loopback(host: str) -> None:
    with bind(host, 0) as listening:
        assert url_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_usage_errors_exit_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--port", "seventy"], build=never) == 2
    assert capsys.readouterr().err.startswith("error: port: 'seventy' is not a number\nnext: ")
