"""A Docker engine for the tests: the one that answers, else one of our own with its own folders, socket and bridge."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SYSTEM = "unix:///var/run/docker.sock"
_START_S = 60.0


def _answers(url: str) -> bool:
    if shutil.which("docker") is None:
        return False
    asked = ["docker", "-H", url, "version", "--format", "{{.Server.Version}}"]
    try:
        return subprocess.run(asked, capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def can_be_had() -> bool:
    """Say whether an engine answers, or can be started here."""
    programs = all(shutil.which(name) for name in ("dockerd", "containerd", "docker", "ip"))
    return _answers(os.environ.get("DOCKER_HOST", _SYSTEM)) or (programs and os.geteuid() == 0)


@contextmanager
def engine() -> Iterator[str]:
    """Yield the URL of an engine; one that was started here is ended, with all that it has made."""
    known = os.environ.get("DOCKER_HOST", _SYSTEM)
    if _answers(known):
        yield known
        return
    with tempfile.TemporaryDirectory(prefix="kyc-docker-", ignore_cleanup_errors=True) as folder, _bridge() as bridge:
        with _daemon(Path(folder), bridge) as url:
            yield url
        subprocess.run(["umount", "-l", f"{folder}/data"], capture_output=True, check=False)


@contextmanager
def _bridge() -> Iterator[str]:
    name = f"kyc{os.getpid() % 100_000}"
    third = os.getpid() % 250
    subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", f"10.231.{third}.1/24", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "link", "del", name], check=False)


@contextmanager
def _daemon(folder: Path, bridge: str) -> Iterator[str]:
    url = f"unix://{folder}/sock"
    argv = [
        "dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid",
        "-H", url, "--bridge", bridge, "--iptables=false", "--ip6tables=false", "--ip-masq=false",
    ]  # fmt: skip
    log = (folder / "log").open("wb")
    daemon = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
    try:
        end = time.monotonic() + _START_S
        while not _answers(url):
            if daemon.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"dockerd did not start: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.2)
        yield url
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
        log.close()
