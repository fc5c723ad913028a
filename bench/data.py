"""`make bench-data`: our engine beside a raw producer and the backup tools that are installed, interleaved, in rounds.

KYC_BENCH_MB (1024) sizes the large files, KYC_BENCH_ROUNDS (5) repeats everything; medians and bests are printed.
KYC_BENCH_HUGE=1 adds the memory that a file of 10 GB and 200,000 files take, which needs 11 GB of disk.
"""

from __future__ import annotations

import compileall
import json
import os
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.data_contender import Ours, Run, Tool, empty, tools
from bench.data_figures import Result, Runs, figures, whole_s
from bench.data_huge import huge
from bench.data_streams import folder_stream, kafka_stream, nats_stream
from kyc import snapshot

MIB = 1024 * 1024
LARGE_MB = int(os.environ.get("KYC_BENCH_MB", "1024"))
ROUNDS = int(os.environ.get("KYC_BENCH_ROUNDS", "5"))
SMALL_FILES = 20_000 * LARGE_MB // 1024
OURS_DIFFERS = (
    "encrypted (AES-256-GCM), compressed where it helps; NATS syncs every 2 s, not before it acknowledges; "
    "Kafka (one broker) leaves it to the kernel, the folder is synced at the commit; "
    "the start of Python counts as the tools' own starts do, with its modules compiled as pip compiles them"
)


def main() -> int:
    """Run the bench; the last line printed is its result as JSON."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="kyc-bench-", dir=os.environ.get("TMPDIR")))
        )
        compileall.compile_dir(Path(snapshot.__path__[0]).parent, quiet=1)
        print(f"{LARGE_MB} MiB in 4 files, {SMALL_FILES} small files, {ROUNDS} rounds, in {folder}", flush=True)
        large, small, single = make_files(folder)
        nats = stack.enter_context(nats_stream(folder / "nats"))
        kafka = stack.enter_context(kafka_stream())
        local = folder_stream(folder / "stream")
        there, missing = tools()
        tell_differences(there, missing)
        runs: Runs = defaultdict(list)
        for number in range(ROUNDS):
            print(f"round {number + 1}/{ROUNDS}", flush=True)
            streams = [nats, local] if kafka is None else [nats, local, kafka]
            one_round(runs, streams, there, folder, (large, small))
        result = figures(runs, large_bytes=LARGE_MB * MIB) | deltas(nats, large, single) | weights(nats, small, large)
        if os.environ.get("KYC_BENCH_HUGE") == "1":
            result |= huge(nats, folder)
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


def one_round(runs: Runs, streams: list[Ours], there: list[Tool], folder: Path, roots: tuple[Path, Path]) -> None:
    """Run everything once; who comes first changes from round to round."""
    nats, *others = streams
    steps = [lambda: raw(runs, nats), lambda: ours(runs, nats, folder, roots)]
    steps += [lambda stream=stream: ours(runs, stream, folder, roots[:1]) for stream in others]  # type: ignore[misc]
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


def ours(runs: Runs, stream: Ours, folder: Path, roots: Sequence[Path]) -> None:
    """Snapshot and restore these sets of files."""
    for root in roots:
        place = stream.place()
        record(runs, f"{stream.name} snapshot {root.name}", stream.run("snapshot", root, place))
        copy = folder / "copy"
        record(runs, f"{stream.name} restore {root.name}", stream.run("restore", copy, place))
        empty(copy)
        stream.forget(place)


def theirs(runs: Runs, tool: Tool, folder: Path, roots: tuple[Path, Path]) -> None:
    """Back up and restore both sets of files with a tool."""
    for root in roots:
        record(runs, f"{tool.name} snapshot {root.name}", tool.backup_once(folder / "tool", root))
        record(runs, f"{tool.name} restore {root.name}", tool.restore_once(folder / "tool", folder / "copy"))
        empty(folder / "tool")
        empty(folder / "copy")


def deltas(nats: Ours, large: Path, single: Path) -> Result:
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


def weights(nats: Ours, small: Path, large: Path) -> Result:
    """What an agent weighs that has nothing to do, and one that flushes."""
    figures = {}
    for verb, root in (("idle", small), ("snapshot", large)):
        place = nats.place()
        figures |= nats.run(verb, root, place, KYC_BENCH_AGENT="1").figures or {}
        nats.forget(place)
    return {"agent_idle_rss_mb": figures["rss_mb"], "agent_flush_rss_mb": figures["peak_rss_mb"]}


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
        print(
            f"  {name:24}{statistics.median(map(whole_s, many)):9.2f}{min(run.seconds for run in many):9.2f}{cpu:9.2f}"
        )


if __name__ == "__main__":
    sys.exit(main())
