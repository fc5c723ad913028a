"""How long one control tick and one update of the edge take with 500 replicas on 100 instances."""

from __future__ import annotations

import asyncio
import random
import socket
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from kyc.adapters.fake.catalog import FakeCatalog, fake_offer
from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.cloud import FakeCloud
from kyc.adapters.fake.provisioner import FakeProvisioner
from kyc.adapters.sql.database import sqlite_url
from kyc.adapters.sql.store import SqlStore
from kyc.adapters.system.clock import SystemClock
from kyc.adapters.system.secrets import KeyFile
from kyc.control.context import Context
from kyc.control.pulse import Pulses
from kyc.control.routing import Routing
from kyc.control.scaling import Scaling
from kyc.control.services import Services
from kyc.control.traffic import Traffic
from kyc.domain.ids import DeploymentId, InstanceId, ReplicaId, WorkloadName, replica_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import ReplicaSize, ScalingRule, Service, ServiceSpec, ServiceState, SignalKind, Target
from kyc.master.edges import make_edge
from kyc.wire.agent import Pulse
from kyc.wire.replica import ReplicaLoad

INSTANCES, EACH = 100, 5
TICKS, UPDATES = 20, 10
NAME = WorkloadName("big")


async def measure_size() -> dict[str, object]:
    """Return the medians and maxima in milliseconds, on the real store and the real edge."""
    with tempfile.TemporaryDirectory(prefix="kyc-size-") as folder:
        clock = SystemClock()
        store = await SqlStore.open(sqlite_url(Path(folder) / "master.db"))
        edge = make_edge("auto", Path(folder) / "edge", clock)
        cloud_clock = FakeClock()
        cloud = FakeCloud(cloud_clock)
        context = Context(
            store=store,
            clock=clock,
            rng=random.Random(7),
            clouds={"fake": cloud},
            catalogs=[FakeCatalog([fake_offer(instance_type="large")])],
            provisioner=FakeProvisioner(cloud_clock, {"fake": cloud}),
            stream_host=None,  # type: ignore[arg-type]  # services have no stream
            secrets=KeyFile(Path(folder) / "key"),
            master_url="http://master",
        )
        pulses = Pulses(clock)
        traffic = Traffic(clock, pulses, edge)
        routing = Routing(context, pulses, edge)
        services = Services(context, traffic, routing, Scaling(context, traffic))
        try:
            await _fill(store, pulses)
            await routing.tick()
            ticks = [await _tick_ms(services, pulses) for _ in range(TICKS)]
            cpu_s = time.process_time()
            for _ in range(TICKS):
                await _tick_ms(services, pulses)
            tick_cpu_ms = (time.process_time() - cpu_s) * 1000 / TICKS
            updates = [await _update_ms(routing, pulses, number) for number in range(UPDATES)]
        finally:
            await edge.stop()
            await store.close()
        return {
            "size_replicas": INSTANCES * EACH,
            "tick_ms_p50": round(median(ticks), 1),
            "tick_ms_max": round(max(ticks), 1),
            "tick_cpu_ms": round(tick_cpu_ms, 1),
            "edge_update_ms_p50": round(median(updates), 1),
            "edge_update_ms_max": round(max(updates), 1),
        }


async def _fill(store: SqlStore, pulses: Pulses) -> None:
    now = datetime.now(UTC)
    rule = ScalingRule(
        min_replicas=INSTANCES * EACH,
        max_replicas=INSTANCES * EACH,
        targets=(Target(kind=SignalKind.REQUESTS, per_replica=100),),
    )
    spec = ServiceSpec(name=NAME, run="serve", port=0, scaling=rule, size=ReplicaSize(cpus=0.1), max_per_instance=EACH)
    service = Service(
        name=NAME,
        spec=spec,
        state=ServiceState.RUNNING,
        requested_at=now,
        edge_port=_port(),
        replicas=INSTANCES * EACH,
        wanted_replicas=INSTANCES * EACH,
        wanted_instances=INSTANCES,
    )
    instances = [
        Instance(
            id=InstanceId(f"i-{number}"),
            deployment_id=DeploymentId(f"d-{number}"),
            offer=fake_offer(),
            state=InstanceState.READY,
            requested_at=now,
            ready_at=now,
            name=f"big-{number}",
            workload=NAME,
            address=f"127.77.0.{number + 1}",
        )
        for number in range(INSTANCES)
    ]
    replicas = [
        Replica(
            id=replica_id(NAME, number + 1),
            workload=NAME,
            instance_id=InstanceId(f"i-{number // EACH}"),
            state=ReplicaState.READY,
            created_at=now,
            started_at=now,
            ready_at=now,
            port=20_000 + number,
        )
        for number in range(INSTANCES * EACH)
    ]
    await store.save(service, *instances, *replicas)
    _beat(pulses)


def _beat(pulses: Pulses, *, silent: int | None = None) -> None:
    for number in range(INSTANCES):
        if number == silent:
            continue
        mine = [ReplicaId(replica_id(NAME, number * EACH + 1 + each)) for each in range(EACH)]
        loads = [ReplicaLoad(replica=name, cpus=0.05, memory_bytes=1 << 24) for name in mine]
        pulse = Pulse(at=datetime.now(UTC), cpu=0.3, memory=0.2, disk=0.1, replicas=loads)
        pulses.heard(InstanceId(f"i-{number}"), pulse)


async def _tick_ms(services: Services, pulses: Pulses) -> float:
    _beat(pulses)
    begun = time.perf_counter()
    await services.tick()
    return (time.perf_counter() - begun) * 1000


async def _update_ms(routing: Routing, pulses: Pulses, number: int) -> float:
    """Take one replica out of the edge, as when it has just died."""
    _beat(pulses)
    begun = time.perf_counter()
    down = asyncio.ensure_future(routing.down(replica_id(NAME, number * EACH + 1)))
    await asyncio.sleep(0)
    await routing.hurry()
    took_ms = (time.perf_counter() - begun) * 1000
    await down
    return took_ms


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found
