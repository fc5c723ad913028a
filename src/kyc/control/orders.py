"""What each instance's agent is to run for services: computed once for all of them whenever something changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from kyc.control.context import Context
from kyc.domain.ids import InstanceId, WorkloadName
from kyc.domain.replica import Replica
from kyc.domain.service import ServiceSpec
from kyc.wire.replica import MetricOrder, ProbeOrder, ReplicaOrder

Orders = Mapping[InstanceId, list[ReplicaOrder]]


@dataclass(slots=True)
class OrderBook:
    """Reads the store once for every change, however many agents ask."""

    context: Context
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _read_at: tuple[int, float] = (-1, 0.0)
    _orders: Orders = field(default_factory=dict)

    async def of(self, instance_id: InstanceId, *, stale_s: float) -> list[ReplicaOrder]:
        """Return the instance's replicas as of the newest change, or as of `stale_s` ago at most."""
        async with self._lock:
            mark, now_s = self.context.signal.mark, self.context.clock.monotonic_s()
            if self._read_at[0] != mark or now_s - self._read_at[1] >= stale_s:
                self._orders = await self._read()
                self._read_at = (mark, now_s)
        return self._orders.get(instance_id, [])

    async def _read(self) -> Orders:
        store = self.context.store
        replicas = await store.replicas(live_only=True)
        specs: dict[WorkloadName, ServiceSpec] = {}
        if replicas:
            specs = {service.name: service.spec for service in await store.services()}
        found: dict[InstanceId, list[ReplicaOrder]] = {}
        for replica in replicas:
            if replica.workload in specs:
                found.setdefault(replica.instance_id, []).append(order_of(replica, specs[replica.workload]))
        return found


def order_of(replica: Replica, spec: ServiceSpec) -> ReplicaOrder:
    """Return the order for one replica. It is told to stop once nothing of it is in flight any more."""
    probe = spec.probe
    return ReplicaOrder(
        replica=replica.id,
        workload=spec.name,
        phase="run" if replica.drained_at is None else "stop",
        files=f"{spec.name}@{replica.revision}",
        run=spec.run,
        setup=spec.setup,
        envs=spec.envs,
        archive=spec.workdir,
        image=spec.image,
        port=spec.port,
        cpus=spec.size.cpus,
        memory_mib=spec.size.memory_mib,
        gpus=spec.size.gpus,
        probe=ProbeOrder(
            path=probe.path,
            initial_delay_s=probe.initial_delay.total_seconds(),
            timeout_s=probe.timeout.total_seconds(),
            fail_after_s=probe.fail_after.total_seconds(),
        ),
        stop_grace_s=spec.stop_grace.total_seconds(),
        metric=_metric(spec),
    )


def _metric(spec: ServiceSpec) -> MetricOrder | None:
    metrics = [target.metric for target in spec.scaling.targets if target.metric is not None]
    return MetricOrder(path=metrics[0].path, name=metrics[0].name) if metrics else None
