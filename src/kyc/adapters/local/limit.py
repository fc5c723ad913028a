"""Holds an instance to its CPUs and memory without root: by stopping its processes, by ending the largest.

CPU: a budget that fills at `vcpus` CPU-seconds a second, up to a short burst; an instance that has overdrawn it is
stopped until it is even. Memory: what its processes hold for themselves; beyond the limit the largest is killed, as a
kernel out of memory does.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from kyc.adapters.local.process import TICKS_PER_S, Process, private_bytes, send

_BURST_S = 0.2


class Limiter:
    """The limits of one instance; `look` is called every `TICK_S` while it is busy, more seldom else."""

    def __init__(self, *, vcpus: float, memory_mib: int) -> None:
        self._vcpus = vcpus
        self._is_cpu_limited = vcpus < (os.cpu_count() or 1)
        self._memory_bytes = memory_mib * 1024 * 1024
        self._used: dict[tuple[int, int], int] = {}
        self._credit_s = vcpus * _BURST_S
        self._looked_at: float | None = None
        self.stopped = False

    def look(self, processes: Mapping[int, Process], now: float) -> None:
        """Compare what was used since the last look with what is allowed; stop or continue."""
        used = {(one.pid, one.started): one.cpu for one in processes.values()}
        ticks = sum(cpu - self._used.get(key, cpu if self._looked_at is None else 0) for key, cpu in used.items())
        elapsed_s = now - self._looked_at if self._looked_at is not None else 0.0
        self._used, self._looked_at = used, now
        most = self._vcpus * _BURST_S
        self._credit_s = min(most, self._credit_s + self._vcpus * elapsed_s - ticks / TICKS_PER_S)
        if not self._is_cpu_limited:
            return
        if self._credit_s < 0:
            self.stopped = True
            send(processes, signal.SIGSTOP)
        elif self.stopped:
            self.release(processes)

    def release(self, processes: Mapping[int, Process]) -> None:
        """Let everything run."""
        self.stopped = False
        send(processes, signal.SIGCONT)

    @property
    def is_busy(self) -> bool:
        """Whether it used most of its budget lately, so that it must be looked at often."""
        return self._is_cpu_limited and self._credit_s < self._vcpus * _BURST_S / 2

    def overweight(self, processes: Mapping[int, Process]) -> int | None:
        """Return the process to end because the instance holds more memory than it has, None if all is well."""
        held = {pid: private_bytes(pid) for pid in processes}
        if sum(held.values()) <= self._memory_bytes:
            return None
        return max(held, key=lambda pid: held[pid])
