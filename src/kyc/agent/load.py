"""How busy the instance is: shares from 0 to 1, read from /proc once a second.

On a machine of its own an instance is the machine. An instance of the local cloud shares one with others: there only
the agent's own process tree counts, against the CPUs and the memory that its shape has. A process that begins and ends
between two looks is missed; memory counts pages shared by several processes once for each.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kyc.ports.clock import Clock

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MIB = 1024 * 1024
GPU_EVERY_S = 30.0  # nvidia-smi takes a tenth of a second of CPU
_GPU_TIMEOUT_S = 10.0


class Gauge(Protocol):
    """CPU and memory in use, as shares; `now_s` is a monotonic time. The first CPU share is 0."""

    def cpu(self, now_s: float) -> float: ...

    def memory(self) -> float: ...


class MachineGauge:
    """The whole machine."""

    def __init__(self) -> None:
        self._idle = self._total = 0

    def cpu(self, now_s: float) -> float:
        """Return the share of all CPUs' time since the last call that was not idle."""
        times = [int(word) for word in _first_line(_PROC / "stat").split()[1:9]]
        idle, total = times[3] + times[4], sum(times)
        spent, idled = total - self._total, idle - self._idle
        first = self._total == 0
        self._idle, self._total = idle, total
        return 0.0 if first or spent <= 0 else _share(spent - idled, spent)

    def memory(self) -> float:
        """Return the share of the memory that is not available to new programs."""
        known = meminfo()
        return _share(known["MemTotal"] - known["MemAvailable"], known["MemTotal"])


@dataclass(frozen=True, slots=True)
class _Usage:
    ticks: int
    resident_bytes: int


class TreeGauge:
    """This process and everything below it, against a shape of so many CPUs and so much memory."""

    def __init__(self, *, vcpus: float, memory_mib: float) -> None:
        self._vcpus = vcpus
        self._memory_bytes = memory_mib * _MIB
        self._ticks: dict[int, int] = {}
        self._looked_s: float | None = None
        self._usage: dict[int, _Usage] = {}

    def cpu(self, now_s: float) -> float:
        """Return the CPU time of the tree since the last call as a share of what the shape allows."""
        self._usage = {pid: usage for pid in _tree(os.getpid()) if (usage := _usage(pid)) is not None}
        ticks = {pid: usage.ticks for pid, usage in self._usage.items()}
        before_s, self._looked_s = self._looked_s, now_s
        spent = sum(count - self._ticks.get(pid, 0) for pid, count in ticks.items())
        self._ticks = ticks
        if before_s is None or now_s <= before_s:
            return 0.0
        return _share(spent / _TICKS_PER_S, (now_s - before_s) * self._vcpus)

    def memory(self) -> float:
        """Return the resident memory of the tree, as of the last look at its CPU time, as a share of the shape's."""
        return _share(sum(usage.resident_bytes for usage in self._usage.values()), self._memory_bytes)


class Gpu:
    """The busiest GPU, if nvidia-smi is there; asked seldom, since asking is dear, and apart from the heartbeat."""

    def __init__(self) -> None:
        self._program = shutil.which("nvidia-smi")
        self.share: float | None = None  # the newest answer, None without a GPU

    async def run(self, clock: Clock) -> None:
        """Ask every half minute until cancelled; return at once where there is nothing to ask."""
        while self._program is not None:
            self.share = await self._ask(self._program)
            await clock.sleep_s(GPU_EVERY_S)

    async def _ask(self, program: str) -> float | None:
        query = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")
        try:
            asked = await asyncio.create_subprocess_exec(
                program, *query, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError:
            return None
        try:
            async with asyncio.timeout(_GPU_TIMEOUT_S):
                answer, _ = await asked.communicate()
        except TimeoutError:
            asked.kill()
            await asked.wait()
            return None
        percents = [int(word) for word in answer.split() if word.isdigit()]
        return max(percents) / 100 if percents else None


def gauge_for(env: Mapping[str, str]) -> Gauge:
    """Return the gauge for this instance: of the tree if the local cloud says that the machine is shared."""
    if "KYC_LOCAL_INSTANCE" not in env:
        return MachineGauge()
    return TreeGauge(
        vcpus=_positive(env.get("KYC_VCPUS")) or os.cpu_count() or 1,
        memory_mib=_positive(env.get("KYC_MEMORY_MIB")) or meminfo()["MemTotal"] / _MIB,
    )


def disk_share(folder: Path) -> float:
    """Return how full the folder's file system is, for those who are not root."""
    state = os.statvfs(folder)
    used = state.f_blocks - state.f_bfree
    return _share(used, used + state.f_bavail)


def meminfo() -> dict[str, int]:
    """Return the kernel's figures about memory, in bytes."""
    pairs = (line.split(":", 1) for line in (_PROC / "meminfo").read_text().splitlines())
    return {name: int(rest.split()[0]) * 1024 for name, rest in pairs}


def _tree(root: int) -> list[int]:
    """Return the process and its descendants; just the process where the kernel does not list children."""
    found = [root]
    for pid in found:  # grows while it is walked
        try:
            for task in (_PROC / str(pid) / "task").iterdir():
                found.extend(int(word) for word in (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _usage(pid: int) -> _Usage | None:
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return _Usage(ticks=int(fields[11]) + int(fields[12]), resident_bytes=int(fields[21]) * _PAGE_BYTES)


def _first_line(path: Path) -> str:
    with path.open() as file:
        return file.readline()


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value > 0 else None
