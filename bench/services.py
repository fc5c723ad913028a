"""`make bench-services`: no request fails while replicas are drained, replaced, killed; how fast it follows; size.

On the real control loops: a master, its local cloud and its edge for the first three, and simulated agents on a real
store for the size. The last line is JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.service_load import Load
from bench.service_size import measure_size
from bench.stage import StageError, all_events, stage
from kyc import Client
from kyc.domain.errors import KycError
from kyc.wire.api import ServiceDetail

APP = Path(__file__).with_name("service_app.py")
LEAST_CYCLES, LEAST_REQUESTS, LONGEST_S = 22, 52_000, 420.0
REPLICAS = 4


def service_text(revision: int, *, least: int = REPLICAS, most: int = REPLICAS, target: str = "") -> str:
    """Return the service's file; another revision is the same but for a variable."""
    return f"""
name: bench
envs: {{REVISION: "{revision}"}}
service:
  replica: {{cpus: 0.4}}
  drain: 20s
  replica_policy: {{min_replicas: {least}, max_replicas: {most}, max_replicas_per_instance: 2{target}}}
resources: {{cloud: local}}
run: exec {sys.executable} -S -E {APP}
"""


def main() -> int:
    """Run the measurements; the last line printed is the result as JSON."""
    try:
        result = asyncio.run(measure())
    except (StageError, KycError) as error:
        print(f"the measurement could not run: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


async def measure() -> dict[str, object]:
    """Return all figures."""
    with stage() as (client, _):
        url = await start(client, service_text(1))
        drained = await drain_and_replace(client, url)
        killed = await kill_replicas(client, url)
        await asyncio.to_thread(client.stop, "bench")
        await asyncio.to_thread(client.wait, "bench", timeout_s=90)
        stepped = await step(client, each=6)
        bought = await step(client, each=1)
    grown = {f"{name}_by_instances": value for name, value in bought.items()}
    return {**drained, **killed, **stepped, **grown, **await measure_size()}


async def start(client: Client, text: str) -> str:
    """Serve; return the address once all replicas are ready."""
    plan = await asyncio.to_thread(client.serve, text)
    assert plan.row is not None
    await until(client, "all replicas", lambda detail: detail.row.replicas_ready >= max(1, plan.row.min_replicas))
    return plan.row.url


async def drain_and_replace(client: Client, url: str) -> dict[str, object]:
    """Replace replicas, by updates and by interruptions in turn, under fast and slow requests and WebSockets."""
    load = Load(url)
    before = drains(client)
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(fast=12, slow=6, sockets=4))
        revision = 1
        while time.monotonic() - begun < LONGEST_S:
            if drains(client) - before >= LEAST_CYCLES and load.requests >= LEAST_REQUESTS:
                break
            revision += 1
            if revision % 3 == 0:
                await interrupt(client)
            else:
                await asyncio.to_thread(client.serve, service_text(revision))
            await until(client, "calm", is_calm)
            print(f"{time.monotonic() - begun:4.0f} s: {load.requests} requests, {load.websockets} WebSockets, "
                  f"{drains(client) - before} replicas replaced, {len(load.failures)} failed", flush=True)  # fmt: skip
        load.stop.set()
    for failure in load.failures[:10]:
        print("failed:", failure)
    return {
        "requests": load.requests,
        "websockets": load.websockets,
        "failed": len(load.failures),
        "cycles": drains(client) - before,
        "drain_ms_max": max(notice_delays(client), default=None),
    }


async def kill_replicas(client: Client, url: str) -> dict[str, object]:
    """Kill a replica's process by SIGKILL now and then, under safe requests."""
    load = Load(url, pause_s=0.005)
    kills = 0
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(fast=8, slow=0, sockets=0))
        for _ in range(4):
            await asyncio.sleep(1)
            kills += kill_one()
            await asyncio.sleep(0.5)
            await until(client, "calm", is_calm)
        load.stop.set()
    for failure in load.failures[:10]:
        print("failed:", failure)
    return {"killed": kills, "kill_requests": load.requests, "kill_failed": len(load.failures)}


def kill_one() -> int:
    """Kill one process that serves; return 1 if there was one."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].decode() == sys.executable and str(APP).encode() in words:
                os.kill(int(folder.name), signal.SIGKILL)
                return 1
    return 0


async def step(client: Client, *, each: int) -> dict[str, object]:
    """Let the load go from 1x to 5x of a replica's target at once; return how long capacity took to meet it.

    `each` replicas share an instance: with 1, all that comes needs an instance that has to be bought first.
    """
    text = service_text(1, least=1, most=12, target=", target_concurrency: 4, fill_instances: false")
    text = text.replace("cpus: 0.4", "cpus: 0.15").replace(
        "max_replicas_per_instance: 2", f"max_replicas_per_instance: {each}"
    )
    url = await start(client, text)
    load = Load(url)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(fast=0, slow=4, sockets=0))
        await asyncio.sleep(8)
        group.create_task(load.run(fast=0, slow=16, sockets=0))
        at = time.monotonic()
        crossed = await _when(client, lambda detail: detail.row.replicas_wanted >= 5)
        met = await _when(client, lambda detail: detail.row.replicas_ready >= 5)
        load.stop.set()
    for failure in load.failures[:10]:
        print("failed in the step:", failure)
    await asyncio.to_thread(client.stop, "bench")
    await asyncio.to_thread(client.wait, "bench", timeout_s=90)
    known = crossed is not None and met is not None
    return {
        "step_decided_s": None if crossed is None else round(crossed - at, 2),
        "step_to_capacity_s": round(met - crossed, 2) if known else None,
        "step_failed": len(load.failures),
    }


async def _when(client: Client, holds: Callable[[ServiceDetail], bool]) -> float | None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if holds(await asyncio.to_thread(client.service, "bench")):
            return time.monotonic()
        await asyncio.sleep(0.05)
    return None


async def interrupt(client: Client) -> None:
    """Have one of the instances interrupted, with a short notice."""
    detail = await asyncio.to_thread(client.service, "bench")
    victim = next(row.instance.id for row in detail.instances if row.instance.state == "ready")
    await asyncio.to_thread(client.interrupt, victim, notice_s=25)
    await asyncio.sleep(1.5)


def is_calm(detail: ServiceDetail) -> bool:
    """Say whether every replica is ready and of the newest revision."""
    replicas = [replica for row in detail.instances for replica in row.replicas]
    settled = all(r.state == "ready" and r.revision == detail.row.revision for r in replicas)
    return settled and len(replicas) == REPLICAS


async def until(client: Client, what: str, holds: Callable[[ServiceDetail], bool]) -> None:
    """Wait until it holds; raise StageError after a minute and a half."""
    end = time.monotonic() + 90
    while not holds(await asyncio.to_thread(client.service, "bench")):
        if time.monotonic() > end:
            raise StageError(f"waited in vain for {what}")
        await asyncio.sleep(0.2)


def drains(client: Client) -> int:
    """Return how many replicas were drained so far."""
    return sum(event.kind == "replica.draining" for event in all_events(client))


def notice_delays(client: Client) -> list[float]:
    """Return how long after each notice the instance's endpoints had left the edge, in milliseconds."""
    found = [event.data.get("after_notice_ms") for event in all_events(client)]
    return [float(ms) for each in found if isinstance(each, dict) for ms in each.values()]


if __name__ == "__main__":
    sys.exit(main())
