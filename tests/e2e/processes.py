"""Finding and killing the processes of one master's home, and nobody else's."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def master_pid(home: Path) -> int | None:
    """Return the running master's process id."""
    with suppress(OSError, ValueError):
        pid = int(json.loads((home / "master.json").read_text())["pid"])
        return pid if b"kyc.master" in _read(pid, "cmdline") else None
    return None


def stream_pid(home: Path) -> int | None:
    """Return the embedded stream server's process id."""
    return next((pid for pid in _pids() if _names(pid, b"nats-server", str(home))), None)


def agent_pids(home: Path) -> list[int]:
    """Return the process ids of all agents of the local cloud in this home."""
    return [pid for pid in _pids() if _names(pid, b"kyc.agent", "") and str(home) in _folder(pid)]


def engine_pids(home: Path) -> list[int]:
    """Return the process ids of the Terraform runs in this home's workspaces."""
    return [pid for pid in _pids() if str(home / "terraform") in _folder(pid) and b"apply" in _read(pid, "cmdline")]


def kill(pid: int) -> None:
    """Kill -9 a process; one that is gone already is no error."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _names(pid: int, program: bytes, argument: str) -> bool:
    line = _read(pid, "cmdline")
    return program in line and argument.encode() in line


def _folder(pid: int) -> str:
    with suppress(OSError):
        return str(Path(f"/proc/{pid}/cwd").readlink())
    return ""


def _read(pid: int, name: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""
