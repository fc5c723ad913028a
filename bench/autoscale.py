"""The autoscaler on recorded requests, beside others' autoscalers and the bounds; and how long one planning tick takes.

Prints its progress, and as its last line one flat JSON object. The recordings are not part of the project: they are
looked for in $KYC_TRACES or in ../shared/traces beside it; what is missing is null, with why_<key>.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from kyc.domain.ids import InstanceId, ReplicaId
from kyc.domain.service import ReplicaSize, ScalingRule
from kyc.planning.autoscale import Pace, ServiceView, plan_scale
from kyc.planning.packing import PackInstance, PackReplica, PackRule, Standing, plan_packing
from kyc.simulate.service import Options, run

ROOT = Path(__file__).resolve().parent.parent
BASELINES = {
    "hpa70": "hpa70",
    "hpa50": "hpa50",
    "hpacpu70": "hpacpu70",
    "kpa70": "kpa70",
    "kpa50": "kpa50",
    "kpadelay70": "kpadelay70",
    "skyserve": "skyserve70",
    "skyserve50": "skyserve50",
    "aws70": "aws70",
    "dayahead": "dayahead70",
    "max15_600_80": "max15/600/80",
    "threshold": "threshold",
    "static": "static",
}


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A recording, and what one replica serves of it (requests/s)."""

    key: str
    file: str
    scale: float
    capacity_rps: float


TRACES = (
    Trace(key="conv", file="azure_llm2023_conv_per_second_first.csv", scale=1, capacity_rps=1),
    Trace(key="code", file="azure_llm2023_code_per_second_first.csv", scale=1, capacity_rps=1),
    Trace(key="worldcup", file="worldcup98_per_minute_first.csv", scale=0.04, capacity_rps=5),
)


def traces_folder() -> Path:
    """Return where the recordings should be."""
    base = Path(os.environ.get("KYC_TRACES", ROOT.parent / "shared" / "traces"))
    return base / "requests" if (base / "requests").is_dir() else base


def figures_of_trace(trace: Trace) -> dict[str, object]:
    """Run ours and every other on the trace; null with the reason where it is not there."""
    path = traces_folder() / trace.file
    keys = [f"{trace.key}_over_share", f"{trace.key}_instance_hours"]
    if not path.exists():
        return dict.fromkeys(keys) | {f"why_{key}": f"{path.name} is not in {path.parent}" for key in keys}
    started = time.perf_counter()
    report = run(
        Options(
            requests=path,
            scale=trace.scale,
            capacity_rps=trace.capacity_rps,
            baselines=tuple(BASELINES.values()),
        )
    )
    result: dict[str, object] = {}
    rows = {"": report.outcome.figures} | {f"{name}_": report.baselines[policy] for name, policy in BASELINES.items()}
    for prefix, figures in rows.items():
        result[f"{prefix}{trace.key}_over_share"] = round(figures.over_share, 6)
        result[f"{prefix}{trace.key}_late_share"] = round(figures.late_share, 6)
        result[f"{prefix}{trace.key}_instance_hours"] = round(figures.instance_hours, 4)
        name = prefix.rstrip("_") or "ours"
        print(
            f"  {name:14} over {figures.over_share:8.3%}  late {figures.late_share:8.3%}  "
            f"{figures.instance_hours:8.2f} instance-hours  {figures.replica_hours:8.1f} replica-hours"
        )
    result[f"{trace.key}_replica_hours"] = round(report.outcome.figures.replica_hours, 4)
    result[f"{trace.key}_oracle_hours"] = round(report.oracle_hours, 4)
    result[f"{trace.key}_fluid_hours"] = round(report.fluid_hours, 4)
    result[f"{trace.key}_clairvoyant_hours"] = round(report.clairvoyant_hours, 4)
    print(
        f"  all-knowing: {report.oracle_hours:.2f} hours without loss, {report.clairvoyant_hours:.2f} with ours; "
        f"{time.perf_counter() - started:.0f} s"
    )
    return result


def tick_times_ms(runs: int = 60) -> list[float]:
    """Return how long one whole planning tick takes with 500 replicas on 100 instances, growing and shrinking."""
    rng = np.random.default_rng(7)
    rule = ScalingRule(min_replicas=5, max_replicas=1000)
    pace = Pace(replica_start_s=2, instance_start_s=60)
    pack = PackRule(max_per_instance=5, min_ready=5)
    now = datetime(2024, 1, 1, tzinfo=UTC)
    times = []
    for number in range(runs):
        mean = (300.0, 420.0, 700.0)[number % 3]  # gives back, stays, buys
        demand = rng.poisson(mean, 600).astype(np.float64)
        fleet = _fleet(interrupted=number % 4)
        started = time.perf_counter()
        view = ServiceView(demand=demand, grain=1.0, instances=100, replicas=500, per_instance=5)
        decision = plan_scale(rule, view, pace, now=now)
        plan_packing(fleet, pack, replicas=decision.replicas, instances=decision.instances)
        times.append((time.perf_counter() - started) * 1000)
    return times


def _fleet(*, interrupted: int) -> list[PackInstance]:
    return [
        PackInstance(
            id=InstanceId(f"i-{number}"),
            standing=Standing.GOING if number < interrupted else Standing.READY,
            room=ReplicaSize(cpus=8, memory_mib=16384),
            replicas=tuple(PackReplica(id=ReplicaId(f"web.r{number * 5 + n}"), is_ready=True) for n in range(5)),
        )
        for number in range(100)
    ]


def main(names: Iterable[str]) -> int:
    """Run the traces whose keys are named, all of them without names."""
    wanted = set(names)
    times = tick_times_ms()
    result: dict[str, object] = {
        "plan_tick_500_ms_p50": round(statistics.median(times), 3),
        "plan_tick_500_ms_max": round(max(times), 3),
    }
    print(f"planning tick, 500 replicas on 100 instances: p50 {result['plan_tick_500_ms_p50']} ms")
    for trace in TRACES:
        if not wanted or trace.key in wanted:
            print(f"{trace.key}:", flush=True)
            result |= figures_of_trace(trace)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
