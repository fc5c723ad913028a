"""Which replicas get requests: pure, from what is known of replicas and instances to endpoints, each change with why.

An endpoint drains the moment its replica or instance starts to go, so that requests in flight end before it does; it
leaves the edge when nothing can answer there any more. The last endpoint of a service is not given up for a mere
suspicion (a master that hears of nobody has lost its own network), and at a notice it serves on until its successor
is ready or it has to drain to be done by the deadline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean

from kyc.domain.ids import InstanceId, ReplicaId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import Notice
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import Endpoint, EndpointState

_SERVING = frozenset({InstanceState.READY, InstanceState.NOTICED, InstanceState.DRAINING})
_MOST_WEIGHT = 100
_UP, _DRAINING = EndpointState.UP, EndpointState.DRAINING


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An endpoint, whether it gets new requests (None: it is not in the edge), and why."""

    endpoint: Endpoint
    state: EndpointState | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChange:
    """An endpoint that came, went, drains, moved or weighs something else."""

    replica_id: ReplicaId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRule:
    """When an instance that says nothing is suspected, and how long requests in flight get to end before a deadline."""

    suspect: timedelta = timedelta(seconds=5)
    drain_grace: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The routes that are UP or DRAINING, in the order of their replicas' ids, and what differs from those before."""

    routes: tuple[Route, ...]
    changes: tuple[RouteChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is known of the instances: `silent` for how long each one's agent has said nothing, `weights` by instance
    (1 where not given).
    """

    instances: Mapping[InstanceId, Instance]
    silent: Mapping[InstanceId, timedelta] = field(default_factory=dict)
    weights: Mapping[InstanceId, int] = field(default_factory=dict)


def plan_routes(
    replicas: Iterable[Replica], fleet: Fleet, *, before: Sequence[Route] = (), rule: RoutingRule, now: datetime
) -> Routes:
    """Return who gets requests now. `replicas` are those of one service, `before` what this returned last."""
    replicas = sorted(replicas, key=_by_number)
    judged = [route for replica in replicas if (route := _judge(replica, fleet, rule)) is not None]
    routes = [route for route in judged if route.state is not None]
    if not any(route.state is _UP for route in routes):
        ready = {replica.id for replica in replicas if replica.state is ReplicaState.READY}
        routes = [_held(route, fleet, rule, now) if route.endpoint.replica_id in ready else route for route in routes]
    return Routes(routes=tuple(routes), changes=tuple(_changes(before, routes, judged)))


def weights_by_cpu(samples: Mapping[InstanceId, Sequence[float]], *, last: int = 5) -> dict[InstanceId, int]:
    """Return weights from 1 to 100 that send requests where the mean of the `last` CPU samples (0 to 1) is least.

    The Auto Cloud Scaler sent every request to the single least loaded machine; shares by what each has left load the
    same machine first without swamping it between two samples. No samples count as idle, as there.
    """
    means = {name: fmean(list(found)[-last:]) if found else 0.0 for name, found in samples.items()}
    return {name: max(1, round(_MOST_WEIGHT * (1 - min(mean, 1.0)))) for name, mean in means.items()}


def _judge(replica: Replica, fleet: Fleet, rule: RoutingRule) -> Route | None:
    """Return what the replica gets by itself, None while it has never been reachable."""
    instance = fleet.instances.get(replica.instance_id)
    endpoint = _endpoint(replica, instance, fleet)
    if instance is None or endpoint is None:
        return None
    state, reason = _by_replica(replica)
    if state is _UP:
        state, reason = _by_instance(instance, fleet.silent.get(instance.id, timedelta(0)), rule)
    elif state is _DRAINING and instance.state not in _SERVING:
        state, reason = None, f"its instance {instance.id} is {instance.state}"
    return Route(endpoint=endpoint, state=state, reason=reason)


def _by_replica(replica: Replica) -> tuple[EndpointState | None, str]:
    match replica.state:
        case ReplicaState.READY:
            return _UP, "it is ready"
        case ReplicaState.DRAINING:
            return _DRAINING, f"it drains: {replica.reason}" if replica.reason else "it drains"
        case _:
            why = f": {replica.reason}" if replica.reason else ""
            return None, f"it is {replica.state}{why}"


def _by_instance(instance: Instance, silent: timedelta, rule: RoutingRule) -> tuple[EndpointState | None, str]:
    if instance.state not in _SERVING:
        return None, f"its instance {instance.id} is {instance.state}"
    if instance.state is not InstanceState.READY:
        return _DRAINING, f"its instance {instance.id} is {instance.state}{_until(instance.notice)}"
    if silent > rule.suspect:
        return _DRAINING, f"its instance {instance.id} has said nothing for {silent.total_seconds():.1f} s"
    return _UP, "it is ready"


def _held(route: Route, fleet: Fleet, rule: RoutingRule, now: datetime) -> Route:
    """Return the route of a service that has no other: it serves on where that is safe."""
    instance = fleet.instances[route.endpoint.instance_id]
    if instance.state is InstanceState.READY:
        return Route(endpoint=route.endpoint, state=_UP, reason=f"{route.reason}, but no other one is heard of")
    deadline = instance.notice.deadline_at if instance.notice else None
    if deadline is None or now >= deadline - rule.drain_grace:
        return route
    return Route(endpoint=route.endpoint, state=_UP, reason=f"{route.reason}, and no other one is ready yet")


def _changes(before: Sequence[Route], after: Sequence[Route], judged: Sequence[Route]) -> Iterable[RouteChange]:
    old = {route.endpoint.replica_id: route for route in before}
    why = {route.endpoint.replica_id: route.reason for route in judged}
    for route in after:
        known = old.pop(route.endpoint.replica_id, None)
        if known is None or known.state is not route.state:
            yield RouteChange(replica_id=route.endpoint.replica_id, reason=route.reason)
        elif known.endpoint != route.endpoint:
            yield RouteChange(replica_id=route.endpoint.replica_id, reason=_difference(known.endpoint, route.endpoint))
    for gone in old:
        yield RouteChange(replica_id=gone, reason=why.get(gone, "it is gone"))


def _difference(old: Endpoint, new: Endpoint) -> str:
    if (old.host, old.port) != (new.host, new.port):
        return f"it moved from {old.host}:{old.port} to {new.host}:{new.port}"
    return f"its weight went from {old.weight} to {new.weight}"


def _endpoint(replica: Replica, instance: Instance | None, fleet: Fleet) -> Endpoint | None:
    if instance is None or not instance.address or not replica.port:
        return None
    return Endpoint(
        replica_id=replica.id,
        instance_id=instance.id,
        host=instance.address,
        port=replica.port,
        zone=instance.offer.zone,
        weight=fleet.weights.get(instance.id, 1),
    )


def _until(notice: Notice | None) -> str:
    return f" until {notice.deadline_at:%H:%M:%S}" if notice and notice.deadline_at else ""


def _by_number(replica: Replica) -> tuple[int, str]:
    return len(replica.id), replica.id
