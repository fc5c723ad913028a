"""`make bench-data`: our engine beside a raw producer and the backup tools that are installed, interleaved, in rounds.

KYC_BENCH_MB (1024) sizes the large files, KYC_BENCH_ROUNDS (5) repeats everything; medians and bests are printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.data_contender import Ours, Run, Tool, tools
from kyc.adapters.nats.host import NatsHost
from kyc.adapters.system.clock import SystemClock
from kyc.domain.snapshot import StreamAccess

MIB = 1024 * 1024
LARGE_MB = int(os.environ.get("KYC_BENCH_MB", "1024"))
ROUNDS = int(os.environ.get("KYC_BENCH_ROUNDS", "5"))
SMALL_FILES = 20_000 * LARGE_MB // 1024
OURS_DIFFERS = (
    "encrypted (AES-256-GCM), compressed where it helps; the server syncs every 2 s, not before it acknowledges"
)

Runs = dict[str, list[Run]]


def main() -> int:
    """Run the bench; the last line printed is its result as JSON."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="kyc-bench-", dir=os.environ.get("TMPDIR")))
        )
        print(f"{LARGE_MB} MiB in 4 files, {SMALL_FILES} small files, {ROUNDS} rounds, in {folder}", flush=True)
        large, small, single = make_files(folder)
        nats = stack.enter_context(nats_stream(folder / "nats"))
        there, missing = tools()
        tell_differences(there, missing)
        runs: Runs = defaultdict(list)
        for number in range(ROUNDS):
            print(f"round {number + 1}/{ROUNDS}", flush=True)
            one_round(runs, nats, there, folder, (large, small))
        result = figures(runs) | deltas(nats, large, single) | weights(nats, small, runs)
        result |= {"kafka_vs_nats": None, "kafka_restore_vs_nats": None}
        result |= {f"why_{name}": "no Kafka in this bench yet" for name in ("kafka_vs_nats", "kafka_restore_vs_nats")}
    print_table(runs)
    print(json.dumps(result))
    return 0


def make_files(folder: Path) -> tuple[Path, Path, Path]:
    """Make (a) four large random files, (b) many small ones, (d) one of a quarter of (a)."""
    rng = random.Random(1)
    large, small, single = folder / "large", folder / "small", folder / "single"
    for path in (large, small, single):
        path.mkdir()
    for name, count in (*((large / f"f{number}", LARGE_MB // 4) for number in range(4)), (single / "f", LARGE_MB // 4)):
        with name.open("wb") as file:
            for _ in range(count):
                file.write(os.urandom(MIB))
    for number in range(SMALL_FILES):
        place = small / f"d{number % 40:02}"
        place.mkdir(exist_ok=True)
        (place / f"f{number:05}").write_bytes(rng.randbytes(rng.randrange(4_000, 64_000)))
    return large, small, single


@contextmanager
def nats_stream(folder: Path) -> Iterator[Ours]:
    """Run the embedded server for the bench."""
    host = NatsHost(folder, clock=SystemClock())
    asyncio.run(host.ensure())

    async def access(workload: str) -> StreamAccess:
        stream = await host.stream()
        await stream.create(workload)
        await stream.close()
        return await host.access(workload)

    async def forget(workload: str) -> None:
        stream = await host.stream()
        await stream.delete(workload)
        await stream.close()

    try:
        yield Ours(
            "nats",
            lambda name: asyncio.run(access(name)),
            lambda name: asyncio.run(forget(name)),
            lambda: host.pid() or 0,
        )
    finally:
        asyncio.run(host.stop())


def one_round(runs: Runs, nats: Ours, there: list[Tool], folder: Path, roots: tuple[Path, Path]) -> None:
    """Run everything once; who comes first changes from round to round."""
    steps = [lambda: raw(runs, nats), lambda: ours(runs, nats, folder, roots)]
    steps += [lambda tool=tool: theirs(runs, tool, folder, roots) for tool in there]  # type: ignore[misc]  # bound now
    first = len(runs["raw"]) % len(steps)
    for step in steps[first:] + steps[:first]:
        step()


def raw(runs: Runs, nats: Ours) -> None:
    """Produce as many bytes as the large files have."""
    for verb in ("raw_nats_py", "raw"):
        place = nats.place()
        record(runs, verb, nats.run(verb, Path("/"), place, KYC_BENCH_BYTES=str(LARGE_MB * MIB)))
        nats.forget(place)


def ours(runs: Runs, nats: Ours, folder: Path, roots: tuple[Path, Path]) -> None:
    """Snapshot and restore both sets of files."""
    for kind, root in zip(("large", "small"), roots, strict=True):
        place = nats.place()
        record(runs, f"{nats.name} snapshot {kind}", nats.run("snapshot", root, place))
        copy = folder / "copy"
        record(runs, f"{nats.name} restore {kind}", nats.run("restore", copy, place))
        shutil.rmtree(copy)
        nats.forget(place)


def theirs(runs: Runs, tool: Tool, folder: Path, roots: tuple[Path, Path]) -> None:
    """Back up and restore both sets of files with a tool."""
    for kind, root in zip(("large", "small"), roots, strict=True):
        record(runs, f"{tool.name} snapshot {kind}", tool.backup_once(folder / "tool", root))
        record(runs, f"{tool.name} restore {kind}", tool.restore_once(folder / "tool", folder / "copy"))
        shutil.rmtree(folder / "tool")
        shutil.rmtree(folder / "copy")


def deltas(nats: Ours, large: Path, single: Path) -> dict[str, float]:
    """(c) and (d): what a second snapshot sends."""
    place = nats.place()
    rewritten = nats.run("rewrite", large, place).figures or {}
    nats.forget(place)
    place = nats.place()
    inserted = nats.run("insert", single, place).figures or {}
    nats.forget(place)
    return {
        "delta_ratio": rewritten["sent_bytes"] / rewritten["changed_bytes"],
        "insert_mb": inserted["sent_bytes"] / 1e6,
    }


def weights(nats: Ours, small: Path, runs: Runs) -> dict[str, float]:
    """What an agent weighs that has nothing to do, and one that flushes."""
    place = nats.place()
    idle = nats.run("idle", small, place).figures or {}
    nats.forget(place)
    flushing = [run.figures["peak_rss_mb"] for run in runs["nats snapshot large"] if run.figures]
    return {"agent_idle_rss_mb": idle["rss_mb"], "agent_flush_rss_mb": statistics.median(flushing)}


def figures(runs: Runs) -> dict[str, float | str | None]:
    """Return the ratios of the medians: above 1 we are faster. Whole processes, but for the raw producer's."""
    result: dict[str, float | str | None] = {}
    raw_s, work_s = work_of(runs["raw_nats_py"]), work_of(runs["nats snapshot large"])
    result["snapshot_vs_raw"] = raw_s / work_s
    result["snapshot_vs_raw_own_client"] = work_of(runs["raw"]) / work_s
    result["snapshot_mb_s"] = LARGE_MB * MIB / 1e6 / work_s
    result["restore_mb_s"] = LARGE_MB * MIB / 1e6 / work_of(runs["nats restore large"])
    wanted = (
        ("snapshot_vs_restic", "restic", "snapshot large"),
        ("snapshot_vs_borg", "borg", "snapshot large"),
        ("restore_vs_restic", "restic", "restore large"),
        ("small_snapshot_vs_restic", "restic", "snapshot small"),
        ("small_restore_vs_restic", "restic", "restore small"),
    )
    for key, tool, what in wanted:
        if f"{tool} {what}" in runs:
            result[key] = whole_of(runs[f"{tool} {what}"]) / whole_of(runs[f"nats {what}"])
        else:
            result |= {key: None, f"why_{key}": f"{tool} is not installed here"}
    return result


def whole_of(runs: list[Run]) -> float:
    """Return the median of the whole processes' seconds."""
    return statistics.median(run.seconds for run in runs)


def work_of(runs: list[Run]) -> float:
    """Return the median of the work's own seconds."""
    return statistics.median(run.work_s or run.seconds for run in runs)


def record(runs: Runs, name: str, run: Run) -> None:
    """Keep a run and say so."""
    runs[name].append(run)
    print(f"  {name:24} {run.seconds:7.2f} s  cpu {run.cpu_s:6.2f} s", flush=True)


def tell_differences(there: list[Tool], missing: list[str]) -> None:
    """Say what is not equal between those that are compared."""
    print(f"  ours: {OURS_DIFFERS}; CPU includes the server's")
    for tool in there:
        print(f"  {tool.name}: {tool.differs}")
    if missing:
        print(f"  not installed here, so left out: {', '.join(missing)}")


def print_table(runs: Runs) -> None:
    """Print medians and bests."""
    print(f"{'':26}{'median s':>9}{'best s':>9}{'cpu s':>9}")
    for name, many in runs.items():
        cpu = statistics.median(run.cpu_s for run in many)
        print(f"  {name:24}{whole_of(many):9.2f}{min(run.seconds for run in many):9.2f}{cpu:9.2f}")


if __name__ == "__main__":
    sys.exit(main())
