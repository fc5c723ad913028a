"""What is measured: our engine on a stream, and the backup tools that people have, each from nothing every time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from kyc.agent.lean import LEAN
from kyc.domain.snapshot import StreamAccess

_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured run of one thing. `seconds` is the whole process; `work_s` the work alone, where it can be told."""

    seconds: float
    cpu_s: float
    work_s: float | None = None
    figures: Mapping[str, float] | None = None


class Ours:
    """Our engine, in a process of its own, on a stream that `access` and `forget` give workloads of."""

    def __init__(
        self,
        name: str,
        access: Callable[[str], StreamAccess],
        forget: Callable[[str], None],
        server_pid: Callable[[], int | None],
    ) -> None:
        self.name = name
        self._access = access
        self._forget = forget
        self._server_pid = server_pid

    def place(self) -> StreamAccess:
        """Make a fresh workload."""
        return self._access(f"bench{next(_numbers)}")

    def forget(self, access: StreamAccess) -> None:
        """Remove a workload."""
        self._forget(access.workload)

    def run(self, verb: str, root: Path, access: StreamAccess, **env: str) -> Run:
        """Do one verb of the worker."""
        before = cpu_of(self._server_pid())
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "bench.data_worker", verb, str(root)],
            input=json.dumps(asdict(access)),
            capture_output=True,
            text=True,
            env=os.environ | LEAN | env,
            check=False,
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{self.name} {verb} failed: {done.stderr[-2000:]}")
        figures = json.loads(done.stdout)
        cpu_s = figures["cpu_s"] + cpu_of(self._server_pid()) - before
        return Run(seconds=seconds, cpu_s=cpu_s, work_s=figures.get("seconds"), figures=figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A backup tool: how a fresh repository is made, filled from a folder, and brought back into another."""

    name: str
    differs: str
    make: Callable[[Path], list[str]]
    backup: Callable[[Path, Path], list[str]]
    restore: Callable[[Path, Path], list[str]]

    def backup_once(self, folder: Path, root: Path) -> Run:
        """Fill a fresh repository."""
        folder.mkdir()
        made = self.make(folder)
        if made:
            timed(made, folder, folder)
        return timed(self.backup(folder, root), folder, folder)

    def restore_once(self, folder: Path, to: Path) -> Run:
        """Bring the newest back into an empty folder."""
        to.mkdir()
        return timed(self.restore(folder, to), folder, to)


def tools() -> tuple[list[Tool], list[str]]:
    """Return the tools that are installed, and the names of those that are not."""
    known = [
        Tool(
            name="restic",
            differs="encrypted (AES-256-CTR), compressed, fsyncs its repository; derives a key at its start",
            make=lambda folder: ["restic", "-q", "-r", f"{folder}/repo", "init"],
            backup=lambda folder, root: ["restic", "-q", "-r", f"{folder}/repo", "backup", str(root)],
            restore=lambda folder, to: [
                "restic",
                "-q",
                "-r",
                f"{folder}/repo",
                "restore",
                "latest",
                "--target",
                str(to),
            ],
        ),
        Tool(
            name="borg",
            differs="encrypted (AES-256-CTR), lz4, fsyncs its repository",
            make=lambda folder: ["borg", "init", "-e", "repokey-blake2", f"{folder}/repo"],
            backup=lambda folder, root: ["borg", "create", f"{folder}/repo::one", str(root)],
            restore=lambda folder, to: ["borg", "extract", f"{folder}/repo::one"],
        ),
        Tool(
            name="rclone",
            differs="copies whole files; not encrypted, no versions, no fsync",
            make=lambda folder: [],
            backup=lambda folder, root: ["rclone", "copy", str(root), f"{folder}/repo"],
            restore=lambda folder, to: ["rclone", "copy", f"{folder}/repo", str(to)],
        ),
        Tool(
            name="rsync",
            differs="copies files; not encrypted, no versions, no fsync",
            make=lambda folder: [],
            backup=lambda folder, root: ["rsync", "-a", f"{root}/", f"{folder}/repo"],
            restore=lambda folder, to: ["rsync", "-a", f"{folder}/repo/", str(to)],
        ),
    ]
    there = [tool for tool in known if shutil.which(tool.name)]
    return there, [tool.name for tool in known if tool not in there]


def timed(argv: list[str], home: Path, cwd: Path) -> Run:
    """Run a tool; raise RuntimeError with what it said if it fails."""
    env = os.environ | {
        "HOME": str(home),
        "RESTIC_PASSWORD": "bench",
        "BORG_PASSPHRASE": "bench",
        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
    }
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise RuntimeError(f"{argv[0]} failed: {done.stderr[-2000:]}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds=seconds, cpu_s=used)


def empty(folder: Path) -> None:
    """Put a folder out of the way with its files cut to nothing; removed they are when all has been measured.

    For a minute after a file was deleted ext4 passes its inode over, and who creates files then pays for the search,
    up to ten times their cost: whoever came after a deletion would be the slower one.
    """
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o600)
            os.truncate(path, 0)
    folder.rename(folder.with_name(f"{folder.name}-{time.monotonic_ns()}"))


def cpu_of(pid: int | None) -> float:
    """Return the CPU seconds that a process has used; 0 if there is none."""
    if pid is None:
        return 0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
