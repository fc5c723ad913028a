"""Services and replicas as the rows of wire.api: pure, `now` is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

import msgspec

from kyc.control.traffic import Point, TrafficHistory, newest
from kyc.domain.ids import InstanceId, ReplicaId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.offer import Offer
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import Service, ServiceSpec
from kyc.master.views import hidden_envs, instance_row, usd
from kyc.planning.autoscale import ScaleDecision
from kyc.planning.ledger import cost_of, is_billing
from kyc.planning.serving import ServiceRecords, fits_on, per_instance
from kyc.wire.agent import Pulse
from kyc.wire.api import (
    DecisionRow,
    ReplicaRow,
    ServiceInstanceRow,
    ServiceRow,
    TrafficPoint,
    WorkloadRow,
)
from kyc.wire.replica import ReplicaLoad

SUSPECT_S = 5.0
Beat = tuple[Pulse | None, float]  # the newest heartbeat, and how long ago anything was heard


def service_row(seen: ServiceRecords, history: TrafficHistory, host: str, *, now: datetime) -> ServiceRow:
    """Return a service's line."""
    service, point = seen.service, newest(history.points)
    fresh = point if point is not None and not service.is_over else None
    cost = cost_of(list(seen.instances.values()), now=now)
    load = history.load
    return ServiceRow(
        name=service.name,
        state=service.state.value,
        url=url_of(service, host),
        revision=service.revision,
        replicas_ready=sum(replica.state is ReplicaState.READY for replica in seen.replicas),
        replicas=len(seen.replicas),
        replicas_wanted=service.wanted_replicas,
        instances_ready=sum(i.state is InstanceState.READY for i in seen.instances.values()),
        instances=sum(is_billing(instance) for instance in seen.instances.values()),
        instances_wanted=service.wanted_instances,
        requests_per_s=None if fresh is None else fresh.requests_per_s,
        failed_per_s=None if fresh is None else fresh.failed_per_s,
        in_flight=None if load is None else load.in_flight,
        waiting=None if load is None else load.waiting,
        p95_ms=None if load is None else load.p95_ms,
        cpu_percent=None if fresh is None else fresh.cpu_percent,
        requests=None if load is None else load.requests,
        failed=None if load is None else load.failed,
        policy=service.spec.scaling.policy.value,
        min_replicas=service.spec.scaling.min_replicas,
        max_replicas=service.spec.scaling.max_replicas,
        interruptions=interruptions_of(seen.instances.values()),
        cost_usd=usd(cost.spent),
        saved_usd=usd(cost.saved),
        requested_at=service.requested_at,
        started_at=service.started_at,
        ended_at=service.ended_at,
        reason=service.reason,
    )


def url_of(service: Service, host: str) -> str:
    """Return where the service is reached."""
    scheme = "http" if service.spec.tls is None else "https"
    return f"{scheme}://{host}:{service.edge_port}"


def interruptions_of(instances: Iterable[Instance]) -> int:
    """Return how many of the instances were taken away by their provider after they had begun."""
    return sum(i.interrupted_at is not None and i.ready_at is not None for i in instances)


def workload_row_of(service: Service, instances: Sequence[Instance], *, now: datetime) -> WorkloadRow:
    """Return the service as a line of `kyc ps`."""
    cost = cost_of(instances, now=now)
    return WorkloadRow(
        name=service.name,
        kind="service",
        state=service.state.value,
        attempt=0,
        instances=sum(1 for instance in instances if is_billing(instance)),
        cost_usd=usd(cost.spent),
        saved_usd=usd(cost.saved),
        interruptions=interruptions_of(instances),
        last_snapshot_at=None,
        rpo_s=None,
        deadline_at=None,
        requested_at=service.requested_at,
        ended_at=service.ended_at,
        reason=service.reason,
    )


def instance_rows(
    seen: ServiceRecords,
    history: TrafficHistory,
    beats: Mapping[InstanceId, tuple[Pulse | None, float]],
    *,
    now: datetime,
) -> list[ServiceInstanceRow]:
    """Return each instance that is not over with its replicas; by the newest heartbeats."""
    rows = []
    for instance in seen.instances.values():
        if instance.is_over:
            continue
        pulse, silent_s = beats.get(instance.id, (None, 0.0))
        heard = pulse if pulse is not None and silent_s <= SUSPECT_S else None
        loads = {} if heard is None else {ReplicaId(load.replica): load for load in heard.replicas}
        rows.append(
            ServiceInstanceRow(
                instance=instance_row(instance, now=now),
                cpu=None if heard is None else heard.cpu,
                memory=None if heard is None else heard.memory,
                silent_s=round(silent_s, 1),
                suspected=instance.state is InstanceState.READY and silent_s > SUSPECT_S,
                replicas=[replica_row(r, history, loads.get(r.id), seen) for r in seen.on(instance.id)],
            )
        )
    return rows


def replica_row(
    replica: Replica, history: TrafficHistory, load: ReplicaLoad | None, seen: ServiceRecords
) -> ReplicaRow:
    """Return a replica's line."""
    known = history.load is not None and replica.id in history.load.endpoints
    endpoint = history.endpoint(replica.id)
    return ReplicaRow(
        id=replica.id,
        instance=replica.instance_id,
        state=replica.state.value,
        revision=replica.revision,
        port=replica.port,
        in_edge=known and replica.state is ReplicaState.READY,
        in_flight=endpoint.in_flight if known else None,
        requests=endpoint.requests if known else None,
        failed=endpoint.failed if known else None,
        cpu_percent=None if load is None else _percent(load.cpus, seen.service.spec, seen, replica),
        memory_bytes=None if load is None else load.memory_bytes,
        restarts=replica.restarts,
        created_at=replica.created_at,
        started_at=replica.started_at,
        ready_at=replica.ready_at,
        draining_at=replica.draining_at,
        ended_at=replica.ended_at,
        exit_code=replica.exit_code,
        replaces=replica.replaces,
        reason=replica.reason,
    )


def _percent(cpus: float, spec: ServiceSpec, seen: ServiceRecords, replica: Replica) -> float | None:
    instance = seen.instances.get(replica.instance_id)
    if instance is None:
        return None
    most = spec.size.cpus or instance.offer.vcpus / max(1, fits_on(spec, instance.offer))
    return round(100 * cpus / most, 2) if most > 0 else None


def decision_row(decision: ScaleDecision | None) -> DecisionRow | None:
    """Return the last decision with its numbers."""
    return None if decision is None else DecisionRow(reason=decision.reason, numbers=decision.numbers)


def point_row(point: Point) -> TrafficPoint:
    """Return a second's line."""
    return TrafficPoint(
        at=point.at,
        requests_per_s=point.requests_per_s,
        failed_per_s=point.failed_per_s,
        in_flight=point.in_flight,
        waiting=point.waiting,
        p95_ms=point.p95_ms,
        cpu_percent=point.cpu_percent,
        demand=point.demand,
        replicas_ready=point.replicas_ready,
        replicas=point.replicas,
        instances=point.instances,
    )


def service_spec_view(spec: ServiceSpec) -> dict[str, object]:
    """Return the spec as JSON values; the value of a variable whose name tells of a secret is hidden."""
    shown = replace(spec, envs=hidden_envs(spec.envs))
    return cast("dict[str, object]", msgspec.to_builtins(shown, str_keys=True))


def price_span(spec: ServiceSpec, best: Offer | None) -> tuple[int | None, float | None, float | None]:
    """Return how many replicas share an instance of the offer, and an hour's price for the fewest and the most."""
    if best is None:
        return None, None, None
    each = per_instance(spec, (), best)
    price = float(best.price_usd_per_hour)
    least, most = (-(-count // each) * price for count in (spec.scaling.min_replicas, spec.scaling.max_replicas))
    if spec.scaling.max_instances is not None:
        most = min(most, spec.scaling.max_instances * price)
    return each, round(least, 6), round(most, 6)
