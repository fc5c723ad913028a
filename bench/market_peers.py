"""What others' listing commands take on this machine: `sky gpus list` and `dstack offer`, each in an environment.

They are installed from the package index into environments of their own under .cache, where that can be done. CPU
seconds of the whole command, as `offers_cpu_s` is for ours. SkyPilot reads the AWS rows of our price table, written as
its own catalog; its client asks an API server that it starts itself, whose CPU seconds stand beside. dstack asks a
server whose back ends need a cloud account: without one it is null, with what the command said.
"""

from __future__ import annotations

import csv
import gzip
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.real_catalog import MISSING, real_table

from bench.stage import ROOT

ENVIRONMENTS = ROOT / ".cache" / "peers"
INSTALL_S, RUN_S, RUNS = 420, 60, 3
SKYPILOT_CATALOG = Path(".sky", "catalogs", "v8", "aws")
SKYPILOT_COLUMNS = (
    *("InstanceType", "AcceleratorName", "AcceleratorCount", "vCPUs", "MemoryGiB", "GpuInfo"),
    *("Price", "SpotPrice", "Region", "AvailabilityZone", "Arch"),
)
FIGURES = ("skypilot_list_cpu_s", "dstack_list_cpu_s")


def listings() -> dict[str, object]:
    """Return each peer's CPU seconds, or null and why."""
    figures: dict[str, object] = {}
    for name, measure in zip(FIGURES, (_skypilot, _dstack), strict=True):
        try:
            figures |= measure()
        except (OSError, subprocess.SubprocessError) as error:
            figures |= {name: None, f"why_{name}": _why(error)}
    return figures


def _skypilot() -> dict[str, object]:
    table = real_table()
    if table is None:
        return {"skypilot_list_cpu_s": None, "why_skypilot_list_cpu_s": MISSING}
    environment = _environment("skypilot", "skypilot[aws]")
    env = _environ(environment)
    rows = _write_catalog(table, Path(env["HOME"]) / SKYPILOT_CATALOG)
    sky = str(environment / "bin" / "sky")
    listing = [sky, "gpus", "list", "--all", "--infra", "aws"]
    try:
        _run(listing, RUN_S, env)  # starts its server
        taken = [_cpu_of(listing, env) for _ in range(RUNS)]
    finally:
        _run([sky, "api", "stop"], RUN_S, env)
    return {"skypilot_list_cpu_s": round(statistics.median(taken), 3), "skypilot_list_rows": rows}


def _dstack() -> dict[str, object]:
    environment = _environment("dstack", "dstack")
    listing = [str(environment / "bin" / "dstack"), "offer", "--json"]
    env = _environ(environment)
    return {"dstack_list_cpu_s": round(statistics.median(_cpu_of(listing, env) for _ in range(RUNS)), 3)}


def _environment(name: str, package: str) -> Path:
    """Return the environment that has the package; made where there is none yet."""
    folder = ENVIRONMENTS / name
    ready = folder / ".ready"
    if not ready.exists():
        _run([sys.executable, "-m", "venv", str(folder)], INSTALL_S)
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", package], INSTALL_S)
        ready.touch()
    return folder


def _environ(environment: Path) -> dict[str, str]:
    """Return the variables with which the command knows nothing of whoever runs the bench."""
    home = environment / "home"
    home.mkdir(exist_ok=True)
    return {
        **os.environ,
        "HOME": str(home),
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _write_catalog(table: Path, folder: Path) -> int:
    """Write the AWS rows of our table as SkyPilot's catalog, which it takes for one that a person has changed."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    with gzip.open(table, "rt", newline="") as source, (folder / "vms.csv").open("w", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(SKYPILOT_COLUMNS)
        for row in csv.DictReader(source):
            if row["cloud"] == "aws":
                rows.writerow(_as_skypilot(row))
                written += 1
    return written


def _as_skypilot(row: Mapping[str, str]) -> tuple[str, ...]:
    gpu = row["gpu_name"] if float(row["gpu_count"] or 0) > 0 else ""
    memory = f"{{'Gpus': [{{'MemoryInfo': {{'SizeInMiB': {float(row['gpu_memory_gib'] or 0) * 1024:.0f}}}}}]}}"
    return (
        *(row["instance_type"], gpu, row["gpu_count"] if gpu else "", row["vcpus"], row["memory_gib"]),
        *(memory if gpu else "", row["on_demand_usd_h"], row["spot_usd_h"], row["region"], row["zone"], row["arch"]),
    )


def _cpu_of(command: list[str], env: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(command, RUN_S, env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _run(argv: list[str], timeout_s: float, env: dict[str, str] | None = None) -> None:
    subprocess.run(argv, check=True, capture_output=True, text=True, timeout=timeout_s, env=env)


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        last = (error.stderr or error.stdout or "").strip().splitlines()[-1:] or ["no message"]
        return f"{Path(error.cmd[0]).name} ended with {error.returncode}: {last[0][:200]}"
    return f"{type(error).__name__}: {str(error)[:200]}"
