"""What only a directory can be asked before anything relies on it: is it there, on what, and is there room."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

from kyc.adapters.directory.files import Disk
from kyc.domain.errors import KycError
from kyc.domain.finding import Finding, Verdict

_ROOM_BYTES = 1 << 30
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MOUNTS = Path("/proc/self/mountinfo")


async def check_directory(root: Path) -> list[Finding]:
    """Look at the directory; what fails is a finding."""
    disk = Disk(root, timeout_s=10)
    try:
        return await disk.do(partial(_look, root))
    except KycError as error:
        return [Finding(subject="reach", verdict=Verdict.BAD, text=str(error), next_step=error.next_step)]
    finally:
        disk.close()


def _look(root: Path) -> list[Finding]:
    if root.exists() and not root.is_dir():
        step = "Name a folder, or a place where one can be made."
        return [Finding(subject="reach", verdict=Verdict.BAD, text=f"{root} is not a folder", next_step=step)]
    root.mkdir(parents=True, exist_ok=True)
    kind = _file_system(root)
    findings = [Finding(subject="reach", verdict=Verdict.GOOD, text=f"{root} is there, on {kind}")]
    if kind in _IN_MEMORY:
        text = f"{kind} lies in memory: a restart of the machine loses everything"
        findings.append(Finding(subject="storage", verdict=Verdict.WARNING, text=text, next_step="Use a real disk."))
    left = shutil.disk_usage(root).free
    text = f"{left / 1e6:,.0f} MB are free"
    if left < _ROOM_BYTES:
        step = "Make room, or use another disk."
        findings.append(Finding(subject="space", verdict=Verdict.WARNING, text=text, next_step=step))
    else:
        findings.append(Finding(subject="space", verdict=Verdict.GOOD, text=text))
    return findings


def _file_system(root: Path) -> str:
    """Return the kind of file system, as the kernel names it; proc(5) describes the lines."""
    device = root.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in _MOUNTS.read_text().splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2] == wanted:
            return after.split()[0]
    return "a file system"
