"""What Envoy counts, as the port's values: pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kyc.domain.ids import ReplicaId, WorkloadName
from kyc.domain.service import Endpoint
from kyc.ports.edge import EdgeLoad, EdgeService, EndpointLoad

_COUNTED = ("downstream_rq_total", "downstream_rq_5xx", "downstream_rq_active")
_QUEUED = "upstream_rq_pending_active"
TIMED = "downstream_rq_time"


def counted(services: Sequence[EdgeService]) -> list[str]:
    """Return the names of the statistics that `loads` reads."""
    asked = [f"http.{each.name}.{what}" for each in services for what in _COUNTED]
    return asked + [f"cluster.{each.name}.{_QUEUED}" for each in services]


def loads(
    services: Sequence[EdgeService],
    stats: Mapping[str, str],
    times: Mapping[str, Any],
    clusters: str,
    waiting: Mapping[WorkloadName, int],
) -> dict[WorkloadName, EdgeLoad]:
    """Return each service's load: `stats` by name, `times` the histograms as JSON, `clusters` the hosts as text.

    The text of the hosts costs Envoy a third of what their JSON does, and us as little.
    """
    p95 = _p95s(times)
    hosts = _hosts(clusters)
    found = {each.name: _load(each, stats, p95.get(each.name), hosts) for each in services}
    queued = {name: int(stats.get(f"cluster.{name}.{_QUEUED}", "0")) for name in found}
    return {name: replace(load, waiting=waiting.get(name, 0) + queued[name]) for name, load in found.items()}


def _load(
    service: EdgeService, stats: Mapping[str, str], p95_ms: float | None, hosts: Mapping[str, Mapping[str, int]]
) -> EdgeLoad:
    begun, failed, in_flight = (int(stats.get(f"http.{service.name}.{what}", "0")) for what in _COUNTED)
    known: dict[ReplicaId, EndpointLoad] = {}
    for each in service.endpoints:
        counted = hosts.get(f"{service.name}::{_address(each.endpoint)}")
        if counted is not None:
            known[each.endpoint.replica_id] = _endpoint(counted)
    return EdgeLoad(
        requests=max(0, begun - in_flight), failed=failed, in_flight=in_flight, p95_ms=p95_ms, endpoints=known
    )


def _hosts(clusters: str) -> dict[str, dict[str, int]]:
    """Return what is counted of requests by `cluster::address`."""
    found: dict[str, dict[str, int]] = {}
    for line in clusters.splitlines():
        if "::rq_" in line:
            host, what, value = line.rsplit("::", 2)
            found.setdefault(host, {})[what] = int(value)
    return found


def _address(at: Endpoint) -> str:
    host = f"[{at.host}]" if ":" in at.host else at.host
    return f"{host}:{at.port}"


def _endpoint(counted: Mapping[str, int]) -> EndpointLoad:
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
