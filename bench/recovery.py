"""`make bench-recovery`: twenty interruptions of one long job, half of them without notice, and what things weigh."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.stage import DIGITS, StageError, all_events, stage, wait_for, working_instance
from bench.timeline import Recovery, recoveries
from kyc import Client
from kyc.domain.errors import KycError

INTERRUPTIONS = 20
NOTICE_S = 30
SETTLE_STEPS = 3  # epochs that a new attempt must finish before its instance is interrupted in turn


def main() -> int:
    """Run the bench; the last line printed is its result as JSON."""
    try:
        with stage() as (client, home):
            idle = weigh_idle(client, home)
            found = interrupt_many(client)
            result = figures(found) | idle | weigh_commands(home)
            result["steps_repeated_after_notice"] = sum(r.steps_repeated for r in found if r.noticed)
    except (StageError, KycError) as error:
        print(f"the bench could not run: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


def interrupt_many(client: Client) -> list[Recovery]:
    """Interrupt one job again and again, each time after its replacement has done some work."""
    envs = {"EPOCHS": "100000", "PAUSE_MS": "4"}
    name = client.run_job(DIGITS / "job.yaml", envs=envs).name
    instance, step = "", 0
    for number in range(INTERRUPTIONS):
        notice_s = NOTICE_S if number % 2 == 0 else 0
        instance, step = next_victim(client, name, instance, step)
        print(f"{number + 1}/{INTERRUPTIONS}: {instance} at epoch {step}, notice {notice_s} s", flush=True)
        client.interrupt(instance, notice_s=notice_s)
    next_victim(client, name, instance, step)
    client.stop(name)
    client.wait(name, timeout_s=60)
    return recoveries(all_events(client))


def next_victim(client: Client, name: str, last: str, step: int) -> tuple[str, int]:
    """Wait until the job works beyond `step` on another instance than the last; return that and the step it is at."""

    def look() -> tuple[str, int] | None:
        row = client.workload(name).row
        instance = working_instance(client, name)
        far = row.step is not None and row.step >= step + SETTLE_STEPS
        moved = instance is not None and instance.id != last
        return (instance.id, row.step) if instance is not None and moved and far and row.step is not None else None

    return wait_for(f"{name} to get beyond epoch {step + SETTLE_STEPS}", look, timeout_s=60)


def figures(found: Iterable[Recovery]) -> dict[str, float | None]:
    """Return the medians and the worst of the recovery times, in seconds."""
    found = list(found)
    series = {
        "notice_to_replacement_requested_s": [r.to_replacement_requested_s for r in found if r.noticed],
        "notice_to_resumed_s": [r.to_resumed_s for r in found if r.noticed],
        "kill_to_resumed_s": [r.to_resumed_s for r in found if not r.noticed],
    }
    result: dict[str, float | None] = {}
    for key, values in series.items():
        known = [value for value in values if value is not None]
        whole = len(known) == len(values) and known
        result[f"{key}_p50"] = round(statistics.median(known), 3) if whole else None
        result[f"{key}_max"] = max(known) if whole else None
    return result


def weigh_idle(client: Client, home: Path) -> dict[str, float]:
    """Return the resident memory of an idle master and of an idle agent, in MB."""
    client.launch(count=1)
    instance = wait_for(
        "an idle instance", lambda: next((i for i in client.instances() if i.state == "ready"), None), timeout_s=30
    )
    agent = wait_for("the agent's process", lambda: agent_pid(instance.id), timeout_s=10)
    weights = {
        "master_idle_rss_mb": rss_mb(json.loads((home / "master.json").read_text())["pid"]),
        "agent_idle_rss_mb": rss_mb(agent),
    }
    client.terminate(instance.id)
    return weights


def agent_pid(instance_id: str) -> int | None:
    """Return the pid of the instance's agent process, found by its command line and environment."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or is somebody else's
        if b"kyc.agent" in command and f"KYC_INSTANCE_ID={instance_id}".encode() in environment:
            return int(entry.name)
    return None


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB (1e6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)


def weigh_commands(home: Path) -> dict[str, float]:
    """Return the CPU seconds of `kyc --help` and `kyc ps`, medians of five."""
    return {"cli_help_cpu_s": cpu_s(home, "--help"), "cli_ps_cpu_s": cpu_s(home, "ps")}


def cpu_s(home: Path, *arguments: str) -> float:
    """Return the median CPU time (user and system) of five runs of the command."""
    command = [sys.executable, "-m", "kyc.cli.main", *arguments]
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=os.environ | {"KYC_HOME": str(home)}, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return round(statistics.median(times), 3)


if __name__ == "__main__":
    sys.exit(main())
