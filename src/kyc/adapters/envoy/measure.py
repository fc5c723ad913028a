"""What Envoy counts, as the port's values: pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.ports.edge import EdgeLoad, EdgeService, EndpointLoad

COUNTED = ("downstream_rq_total", "downstream_rq_5xx", "downstream_rq_active")
TIMED = "downstream_rq_time"


def loads(
    services: Sequence[EdgeService],
    stats: Mapping[str, str],
    times: Mapping[str, Any],
    clusters: Mapping[str, Any],
    waiting: Mapping[WorkloadName, int],
) -> dict[WorkloadName, EdgeLoad]:
    """Return each service's load: `stats` by name, `times` the histograms and `clusters` the hosts, as JSON."""
    p95 = _p95s(times)
    hosts = {each["name"]: each.get("host_statuses", []) for each in clusters.get("cluster_statuses", [])}
    found = {each.name: _load(each, stats, p95.get(each.name), hosts.get(each.name, [])) for each in services}
    return {name: replace(load, waiting=waiting.get(name, 0)) for name, load in found.items()}


def _load(
    service: EdgeService, stats: Mapping[str, str], p95_ms: float | None, hosts: Sequence[Mapping[str, Any]]
) -> EdgeLoad:
    begun, failed, in_flight = (int(stats.get(f"http.{service.name}.{what}", "0")) for what in COUNTED)
    at = {(each.endpoint.host, each.endpoint.port): each.endpoint.replica_id for each in service.endpoints}
    known: dict[ReplicaId, EndpointLoad] = {}
    for host in hosts:
        address = host.get("address", {}).get("socket_address", {})
        replica = at.get((address.get("address", ""), address.get("port_value", 0)))
        if replica is not None:
            known[replica] = _endpoint(host)
    return EdgeLoad(
        requests=max(0, begun - in_flight), failed=failed, in_flight=in_flight, p95_ms=p95_ms, endpoints=known
    )


def _endpoint(host: Mapping[str, Any]) -> EndpointLoad:
    counted = {each["name"]: int(each.get("value", 0)) for each in host.get("stats", [])}
    return EndpointLoad(
        requests=counted.get("rq_total", 0), failed=counted.get("rq_error", 0), in_flight=counted.get("rq_active", 0)
    )


def _p95s(times: Mapping[str, Any]) -> dict[str, float]:
    """Return the 95th percentile of the last interval by service, of those that answered something in it."""
    found: dict[str, float] = {}
    for entry in times.get("stats", []):
        histograms = entry.get("histograms", {})
        place = [round(q, 1) for q in histograms.get("supported_quantiles", [])]
        for each in histograms.get("computed_quantiles", []):
            value = each["values"][place.index(95.0)]["interval"]
            if value is not None and not math.isnan(value):
                found[each["name"].removeprefix("http.").removesuffix(f".{TIMED}")] = float(value)
    return found
