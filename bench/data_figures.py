"""What the runs of `make bench-data` say: ratios of medians, beside them ratios of the bests and of CPU seconds."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from bench.data_contender import Run

Runs = dict[str, list[Run]]
Result = dict[str, float | str | None]
Reading = Callable[[Run], float]

# key: (the other's run, ours, whether the whole process counts or the work alone). Above 1 we are faster.
_RATIOS = {
    "snapshot_vs_raw": ("raw_nats_py", "nats snapshot large", False),
    "snapshot_vs_raw_own_client": ("raw", "nats snapshot large", False),
    "snapshot_vs_restic": ("restic snapshot large", "nats snapshot large", True),
    "snapshot_vs_borg": ("borg snapshot large", "nats snapshot large", True),
    "restore_vs_restic": ("restic restore large", "nats restore large", True),
    "small_snapshot_vs_restic": ("restic snapshot small", "nats snapshot small", True),
    "small_restore_vs_restic": ("restic restore small", "nats restore small", True),
    "folder_snapshot_vs_restic": ("restic snapshot large", "folder snapshot large", True),
    "folder_restore_vs_restic": ("restic restore large", "folder restore large", True),
    "kafka_vs_nats": ("nats snapshot large", "kafka snapshot large", False),
    "kafka_restore_vs_nats": ("nats restore large", "kafka restore large", False),
}


def figures(runs: Runs, *, large_bytes: int) -> Result:
    """Return every ratio of the table, null with the reason where a contender is not there, and speeds."""
    result: Result = {}
    for key, (theirs, ours, whole) in _RATIOS.items():
        seconds = whole_s if whole else work_s
        if theirs not in runs or ours not in runs:
            missing = (theirs if theirs not in runs else ours).partition(" ")[0]
            result |= {key: None, f"why_{key}": f"{missing} is not installed here"}
            continue
        result[key] = _ratio(runs[theirs], runs[ours], seconds, statistics.median)
        result[f"{key}_best"] = _ratio(runs[theirs], runs[ours], seconds, min)
        result[f"{key}_cpu"] = _ratio(runs[theirs], runs[ours], cpu_s, statistics.median)
    for what in ("snapshot", "restore"):
        result[f"{what}_mb_s"] = large_bytes / 1e6 / statistics.median(map(work_s, runs[f"nats {what} large"]))
    return result


def whole_s(run: Run) -> float:
    """Return the whole process's seconds."""
    return run.seconds


def work_s(run: Run) -> float:
    """Return the work's own seconds, without the start of a process."""
    return run.work_s or run.seconds


def cpu_s(run: Run) -> float:
    """Return the CPU seconds, the server's too."""
    return run.cpu_s


def _ratio(theirs: list[Run], ours: list[Run], reading: Reading, of: Callable[[list[float]], float]) -> float:
    return of([reading(run) for run in theirs]) / of([reading(run) for run in ours])
