"""`kyc up` and `kyc down` with the real master, as a person starts and ends it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import need


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty KYC_HOME; what runs in it is ended."""
    need("terraform")
    yield tmp_path / "home"
    kyc(tmp_path / "home", "down", "--all")


def environment(home: Path) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("KYC_")} | {"KYC_HOME": str(home)}


def kyc(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person would; no traceback may ever show."""
    done = subprocess.run(
        [sys.executable, "-m", "kyc.cli.main", *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def answer(home: Path, *arguments: str) -> dict[str, object]:
    done = kyc(home, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def anything_runs(home: Path) -> bool:
    """Say whether anything still runs with a path under the home."""
    below = os.fsencode(home) + b"/"
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            found.append(below in (entry / "cmdline").read_bytes() if entry.name.isdigit() else False)
    return any(found)


def runs(pid: int) -> bool:
    """Say whether the process does anything; one that has ended may stay in the table until its parent looks."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def test_a_masters_life(home: Path) -> None:
    first = answer(home, "up", "--detach", "--port", "0")
    assert first["already_running"] is False
    assert Path(str(first["token_file"])).stat().st_mode & 0o777 == 0o600
    again = answer(home, "up")
    assert (again["already_running"], again["pid"], again["url"]) == (True, first["pid"], first["url"])
    assert kyc(home, "ps", "--json").stdout == "[]\n"
    assert "small" in kyc(home, "offers", "--cpus", "1+").stdout
    assert kyc(home, "show", "nothing").returncode == 3

    port = str(first["url"]).rsplit(":", 1)[1]
    taken = kyc(home.parent / "other", "up", "--detach", "--port", port)
    assert taken.returncode == 1
    assert taken.stderr.count("\n") <= 3
    assert f"port {port}" in taken.stderr
    assert "next: " in taken.stderr

    ended = answer(home, "down")
    assert ended["was_running"] is True
    assert not runs(int(str(first["pid"])))
    assert anything_runs(home)
    assert answer(home, "down", "--all")["was_running"] is True
    assert not anything_runs(home)
    assert answer(home, "down", "--all")["was_running"] is False
    assert kyc(home, "ps").returncode == 5


def test_what_a_killed_master_leaves_is_no_trouble(home: Path) -> None:
    first = answer(home, "up", "--detach", "--port", "0")
    pid = int(str(first["pid"]))
    ended = select.poll()
    handle = os.pidfd_open(pid)
    ended.register(handle, select.POLLIN)
    os.kill(pid, signal.SIGKILL)
    assert ended.poll(10_000)
    os.close(handle)
    gone = kyc(home, "ps")
    assert gone.returncode == 5
    assert "kyc up" in gone.stderr
    second = answer(home, "up", "--detach", "--port", "0")
    assert second["pid"] != first["pid"]


def test_in_the_foreground_ctrl_c_ends_it(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kyc.cli.main", "up", "--port", "0"],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("The master runs at http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "The master has ended." in err
    assert "`kyc down --all` ends them" in err
    assert anything_runs(home)
    assert answer(home, "down", "--all")["was_running"] is True
    assert not anything_runs(home)
    assert not (home / "master.json").exists()


def test_a_home_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = kyc(tmp_path / "file" / "home", "up", "--detach")
    assert done.returncode == 2
    assert "KYC_HOME" in done.stderr
