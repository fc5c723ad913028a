"""The edge beside the same proxies configured by hand and beside SkyServe's balancer; changes and kills under load.

Proxies run on one core, wrk and the backends (nginx, one worker) on another, contenders in turn in each round. Prints
its progress, and as its last line one flat JSON object; what could not be measured here is null, with why_<key>.
`*_vs_*` are medians of the rounds' ratios of requests/s; `*_per_core` the same of requests per CPU second of the proxy,
which says more where other programs run beside. Rounds are short, so that the two of a ratio
run within seconds of each other. KYC_BENCH_ROUNDS and KYC_BENCH_SECONDS (whole ones, for wrk) set the length.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from bench import edge_contender as contender
from bench.edge_contender import Contender, UnavailableError
from bench.edge_drain import Tally, cores, drain, p50, shifts
from bench.edge_load import Shot, cpu_s, nginx, pin, program, start_wrk, wrk_result
from bench.edge_port import free_port

ROUNDS = int(os.environ.get("KYC_BENCH_ROUNDS", "15"))
SECONDS = float(os.environ.get("KYC_BENCH_SECONDS", "1"))
PROXY_CORE, LOAD_CORE = 0, 1
PAIRS = (("envoy", "bare_envoy", "bare"), ("haproxy", "bare_haproxy", "bare"))
BESIDE_SKYSERVE = ("haproxy", "envoy", "fallback")
Shots = dict[tuple[str, str], list[Shot]]
Figures = dict[str, object]


async def speed(folder: Path, out: Figures) -> None:
    """Measure all contenders in turn."""
    missing = [name for name in ("wrk", "nginx", "taskset") if program(name) is None]
    if missing or cores() < 2:
        why = f"needs {', '.join(missing)}" if missing else "needs two cores"
        for key in [f"{name}_vs_bare_1k" for name in ("envoy", "haproxy")] + [
            f"{n}_vs_skyserve" for n in BESIDE_SKYSERVE
        ]:
            out |= {key: None, f"why_{key}": why}
        return
    shots: Shots = defaultdict(list)
    with nginx(folder / "nginx", core=LOAD_CORE) as backends:
        async with AsyncExitStack() as stack:
            running = [each for each in await _contenders(stack, folder, backends, out) if each is not None]
            for each in running:
                pin(each.pid, PROXY_CORE)
            for number in range(ROUNDS):
                for size in ("1k", "64k"):
                    for each in running if number % 2 else reversed(running):
                        if size == "64k" and each.name in {"skyserve", "fallback"}:
                            continue
                        shots[each.name, size].append(await _shot(each, size))
                print(f"round {number + 1} of {ROUNDS}: {_line(shots)}", flush=True)
    _ratios(shots, out)


async def _contenders(
    stack: AsyncExitStack, folder: Path, backends: Sequence[int], out: Figures
) -> list[Contender | None]:
    async def our(kind: str, name: str) -> Contender | None:
        try:
            found = await stack.enter_async_context(contender.ours(kind, folder / name, backends))
        except UnavailableError as error:
            return _absent(name, error, out)
        return replace(found, name=name)

    async def others(name: str, command: Callable[[Path, Sequence[int], int], list[str]]) -> Contender | None:
        port = free_port()
        try:
            argv = command(folder, backends, port)
            return await stack.enter_async_context(contender.running(name, argv, port))
        except (UnavailableError, TimeoutError) as error:
            return _absent(name, error, out)

    return [
        await our("envoy", "envoy"),
        await others("bare_envoy", contender.bare_envoy),
        await our("haproxy", "haproxy"),
        await others("bare_haproxy", contender.bare_haproxy),
        await our("python", "fallback"),
        await others("skyserve", contender.skyserve),
    ]


def _absent(name: str, error: Exception, out: Figures) -> None:
    out |= {f"{name}_rps_1k": None, f"why_{name}_rps_1k": str(error)}


async def _shot(each: Contender, size: str) -> Shot:
    before = cpu_s(each.pid)
    wrk = start_wrk(f"http://127.0.0.1:{each.port}/{size}", seconds=SECONDS, core=LOAD_CORE)
    shot = await asyncio.to_thread(wrk_result, wrk)
    return replace(shot, cpu_s=cpu_s(each.pid) - before)


def _line(shots: Shots) -> str:
    return ", ".join(f"{name} {size} {found[-1].rps:,.0f}" for (name, size), found in shots.items())


def _ratios(shots: Shots, out: Figures) -> None:
    for ours, bare, word in PAIRS:
        for size in ("1k", "64k"):
            key = f"{ours}_vs_{word}_{size}"
            mine, theirs = shots.get((ours, size)), shots.get((bare, size))
            out[key] = _ratio(mine, theirs, lambda shot: shot.rps)
            out[f"{key}_p99"] = _ratio(mine, theirs, lambda shot: shot.p99_ms)
            out[f"{key}_per_core"] = _ratio(mine, theirs, lambda shot: shot.requests / max(shot.cpu_s, 0.01))
            if out[key] is None:
                out[f"why_{key}"] = f"no {ours} or {bare} here"
    for ours in BESIDE_SKYSERVE:
        key = f"{ours}_vs_skyserve"
        mine, theirs = shots.get((ours, "1k")), shots.get(("skyserve", "1k"))
        out[key] = _ratio(mine, theirs, lambda shot: shot.rps)
        out[f"{key}_per_core"] = _ratio(mine, theirs, lambda shot: shot.requests / max(shot.cpu_s, 0.01))
        if out[key] is None:
            out[f"why_{key}"] = out.get("why_skyserve_rps_1k", f"no {ours} here")
    for (name, size), found in shots.items():
        out[f"{name}_rps_{size}"] = round(statistics.median(shot.rps for shot in found))
        out[f"{name}_p99_ms_{size}"] = round(statistics.median(shot.p99_ms for shot in found), 2)
        out[f"{name}_cpu_s_{size}"] = round(sum(shot.cpu_s for shot in found), 2)
    out["speed_failed"] = sum(shot.failed for found in shots.values() for shot in found)


def _ratio(mine: list[Shot] | None, theirs: list[Shot] | None, of: Callable[[Shot], float]) -> float | None:
    if not mine or not theirs:
        return None
    pairs = [(of(one), of(other)) for one, other in zip(mine, theirs, strict=True)]
    ratios = [one / other for one, other in pairs if other > 0]
    return round(statistics.median(ratios), 3) if ratios else None


async def changes(folder: Path, out: Figures) -> None:
    """Measure how fast a change of all endpoints is in force, and whether any request fails."""
    few, many = await shifts("envoy", folder / "s100", endpoints=100, times=40), []
    many = await shifts("envoy", folder / "s5000", endpoints=5000, times=9)
    out |= {"shift_ms_p50": p50(few), "shift_ms_max": round(max(few), 1), "shift_5000_ms_p50": p50(many)}
    print(
        f"shift: {out['shift_ms_p50']} ms, at most {out['shift_ms_max']}; 5,000: {out['shift_5000_ms_p50']}", flush=True
    )
    totals = Tally()
    for kind in ("envoy", "haproxy"):
        if kind == "haproxy" and program("haproxy") is None:
            out |= {"drain_failed_haproxy": None, "why_drain_failed_haproxy": "HAProxy is not installed"}
            continue
        if program("wrk") is None:
            out |= {"drain_failed": None, "why_drain_failed": "needs wrk"}
            return
        took = await shifts(kind, folder / f"h100-{kind}", endpoints=100, times=20) if kind == "haproxy" else few
        found = await drain(kind, folder / f"drain-{kind}", cycles=12, requests=27_000, kills=3)
        out |= {f"drain_failed_{kind}": found.failed, f"kill_failed_{kind}": found.kill_failed}
        out |= {f"shift_ms_p50_{kind}": p50(took), f"shift_ms_max_{kind}": round(max(took), 1)}
        print(
            f"{kind}: {found.requests:,} requests, {found.failed} failed {found.why[:3]}, {found.kill_failed} by kills",
            flush=True,
        )
        totals.requests += found.requests
        totals.failed += found.failed
        totals.cycles += found.cycles
        totals.kill_failed += found.kill_failed
        totals.kill_requests += found.kill_requests
    out |= {"drain_requests": totals.requests, "drain_failed": totals.failed, "drain_cycles": totals.cycles}
    out |= {"kill_failed": totals.kill_failed, "kill_requests": totals.kill_requests}


def main() -> int:
    """Measure everything; 0 unless it could not run."""
    out: Figures = {"bench": "edge", "rounds": ROUNDS, "seconds": SECONDS, "cores": cores()}
    folder = Path(tempfile.mkdtemp(prefix="kyc-edge-"))
    folder.chmod(0o755)  # for nginx
    try:
        asyncio.run(speed(folder, out))
        asyncio.run(changes(folder, out))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
