"""What Prometheus asks for: the state of now as text, made of the store and the newest heartbeats at each request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kyc.domain.instance import Instance
from kyc.wire.agent import Pulse
from kyc.wire.api import WorkloadRow

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_GAUGES = (
    ("rpo_s", "kyc_workload_rpo_seconds", "Age of the oldest change that is in no snapshot yet"),
    ("dirty_bytes", "kyc_workload_dirty_bytes", "Size of the files that changed since the last snapshot"),
    ("flush_estimate_s", "kyc_workload_flush_estimate_seconds", "How long a flush would take now"),
    ("cost_usd", "kyc_workload_cost_usd", "What its instances have cost so far"),
    ("saved_usd", "kyc_workload_saved_usd", "What the same time would have cost more on demand"),
)
_LOADS = (
    ("cpu", "kyc_instance_cpu_ratio", "Share of the processors in use"),
    ("memory", "kyc_instance_memory_ratio", "Share of the memory in use"),
    ("disk", "kyc_instance_disk_ratio", "Share of the disk in use"),
    ("gpu", "kyc_instance_gpu_ratio", "Share of the GPUs in use"),
)


def render(workloads: Sequence[WorkloadRow], instances: Sequence[tuple[Instance, Pulse | None]]) -> bytes:
    """Return the text exposition of these workloads, and of the instances that live with their heartbeats."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Now(workloads, instances))
    return generate_latest(registry)


class _Now(Collector):
    def __init__(self, workloads: Sequence[WorkloadRow], instances: Sequence[tuple[Instance, Pulse | None]]) -> None:
        self._workloads = workloads
        self._instances = instances

    def collect(self) -> Iterable[Metric]:
        """Yield every family."""
        yield from self._of_workloads()
        yield from self._of_instances()

    def _of_workloads(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "kyc_workload_state", "1 for the state it is in", labels=("workload", "kind", "state")
        )
        taken = GaugeMetricFamily(
            "kyc_workload_last_snapshot_timestamp_seconds", "When its newest snapshot was taken", labels=("workload",)
        )
        interrupted = CounterMetricFamily(
            "kyc_workload_interruptions", "How often a provider took its instance away", labels=("workload",)
        )
        for row in self._workloads:
            states.add_metric((row.name, row.kind, row.state), 1)
            interrupted.add_metric((row.name,), row.interruptions)
            if row.last_snapshot_at is not None:
                taken.add_metric((row.name,), row.last_snapshot_at.timestamp())
        yield from (states, taken, interrupted)
        for field, name, text in _GAUGES:
            family = GaugeMetricFamily(name, text, labels=("workload",))
            for row in self._workloads:
                value = getattr(row, field)
                if value is not None:
                    family.add_metric((row.name,), value)
            yield family

    def _of_instances(self) -> Iterator[Metric]:
        counts = Counter((i.offer.cloud, i.offer.purchase.value, i.state.value) for i, _ in self._instances)
        family = GaugeMetricFamily(
            "kyc_instances", "Instances that are not over", labels=("cloud", "purchase", "state")
        )
        for labels, count in sorted(counts.items()):
            family.add_metric(labels, count)
        yield family
        for field, name, text in _LOADS:
            loads = GaugeMetricFamily(name, text, labels=("instance", "workload"))
            for instance, pulse in self._instances:
                share = None if pulse is None else getattr(pulse, field)
                if share is not None:
                    loads.add_metric((instance.id, instance.workload or ""), share)
            yield loads
