"""What others' listing commands take on this machine: `sky gpus list` and `dstack offer`, each in an environment.

They are installed from the package index into environments of their own under .cache, where that can be done. CPU
seconds of the whole command, as `offers_cpu_s` is for ours. SkyPilot needs a catalog that it fetches at first use.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from bench.stage import ROOT

ENVIRONMENTS = ROOT / ".cache" / "peers"
INSTALL_S, RUN_S, RUNS = 420, 60, 3
PEERS = {
    "skypilot": ("skypilot[aws]", ["sky", "show-gpus", "--all"]),
    "dstack": ("dstack", ["dstack", "offer", "--json"]),
}


def listings() -> dict[str, object]:
    """Return each peer's CPU seconds, or null and why."""
    figures: dict[str, object] = {}
    for name, (package, argv) in PEERS.items():
        try:
            figures[f"{name}_list_cpu_s"] = _measure(name, package, argv)
        except (OSError, subprocess.SubprocessError) as error:
            figures[f"{name}_list_cpu_s"] = None
            figures[f"why_{name}_list_cpu_s"] = _why(error)
    return figures


def _measure(name: str, package: str, argv: list[str]) -> float:
    folder = ENVIRONMENTS / name
    ready = folder / ".ready"
    if not ready.exists():
        _run([sys.executable, "-m", "venv", str(folder)], INSTALL_S)
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", package], INSTALL_S)
        ready.touch()
    home = folder / "home"
    home.mkdir(exist_ok=True)
    env = {**os.environ, "HOME": str(home), "DSTACK_DO_NOT_UPDATE_DEFAULT_PROJECT": "1"}
    command = [str(folder / "bin" / argv[0]), *argv[1:]]
    _run(command, RUN_S, env)
    return round(statistics.median(_cpu_of(command, env) for _ in range(RUNS)), 3)


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
