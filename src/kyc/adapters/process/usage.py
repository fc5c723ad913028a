"""What a process and all below it use, read from /proc. Of what has ended, only its parents' own counts remember."""

from __future__ import annotations

import os
from pathlib import Path

from kyc.ports.runtime import Usage

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def usage_below(pid: int) -> Usage | None:
    """Return the CPU time of the process tree, with that of children it has waited for, and its resident memory."""
    known = [fields for each in _tree(pid) if (fields := _stat(each)) is not None]
    if not known:
        return None
    ticks = sum(int(number) for fields in known for number in fields[11:15])  # own and waited-for, user and system
    return Usage(cpu_s=ticks / _TICKS_PER_S, memory_bytes=sum(int(fields[21]) for fields in known) * _PAGE_BYTES)


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:  # grows while it is walked
        try:
            for task in (_PROC / str(pid) / "task").iterdir():
                found.extend(int(word) for word in (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _stat(pid: int) -> list[str] | None:
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
