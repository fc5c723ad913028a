"""wrk, nginx behind it, and what a process used: the measuring side of the edge's bench."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.edge_port import free_port

SBIN = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"
_TICKS = os.sysconf("SC_CLK_TCK")
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One run of wrk, and what the proxy used in it."""

    rps: float
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    cpu_s: float = 0


def program(name: str) -> str | None:
    """Return where it is, installed by apt where we may; None if it cannot be had."""
    found = shutil.which(name) or shutil.which(name, path=SBIN)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        package = {"nginx": "nginx-light"}.get(name, name)
        argv = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
        subprocess.run(argv, capture_output=True, check=False, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
        found = shutil.which(name) or shutil.which(name, path=SBIN)
    return found


def start_wrk(url: str, *, seconds: float, connections: int = 32, core: int | None = None) -> subprocess.Popen[str]:
    """Start wrk; `wrk_result` waits for it."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    argv = [*pinned, "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s", "--latency", url]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)


def wrk_result(process: subprocess.Popen[str]) -> Shot:
    """Return what wrk measured."""
    said = process.communicate()[0]
    errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    failed = sum(map(int, errors.groups())) if errors else 0
    total = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if total is None or rate is None:
        raise RuntimeError(f"wrk said: {said}")
    return Shot(
        rps=float(rate[1]),
        requests=int(total[1]),
        failed=failed + (int(other[1]) if other else 0),
        p50_ms=_latency(said, 50),
        p99_ms=_latency(said, 99),
    )


def _latency(said: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", said)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")


def family(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def pin(pid: int, core: int) -> None:
    """Keep the process, its threads and its children on one core."""
    for one in family(pid):
        for task in Path(f"/proc/{one}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that the process and its living children have used."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


@contextmanager
def nginx(folder: Path, *, core: int, copies: int = 4) -> Iterator[list[int]]:
    """Serve `/1k` and `/64k` on so many ports from one worker on one core."""
    ports = [free_port() for _ in range(copies)]
    files = folder / "files"
    files.mkdir(parents=True)
    (files / "1k").write_bytes(b"x" * 1000)
    (files / "64k").write_bytes(b"x" * 65536)
    folder.chmod(0o755)
    files.chmod(0o755)
    listens = " ".join(f"listen 127.0.0.1:{port} backlog=4096;" for port in ports)
    config = folder / "nginx.conf"
    config.write_text(
        f"""worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600s; sendfile on; tcp_nopush on;
open_file_cache max=10; server {{ {listens} root {files}; }} }}
"""
    )
    binary = program("nginx")
    assert binary is not None
    argv = ["taskset", "-c", str(core), binary, "-c", str(config), "-p", str(folder)]
    process = subprocess.Popen(argv, start_new_session=True)
    try:
        yield ports
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
