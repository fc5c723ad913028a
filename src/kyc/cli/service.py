"""One service with its instances and replicas, for `kyc show`."""

from __future__ import annotations

from kyc.cli.output import Cell, Output, state_cell
from kyc.cli.words import NONE, ago, moment, now, size, usd
from kyc.wire.api import ReplicaRow, ServiceDetail, ServiceInstanceRow, ServiceRow

_COLUMNS = ("INSTANCE", "REPLICA", "STATE", ">CPU", ">MEMORY", ">IN FLIGHT", ">REQUESTS", ">RESTARTS", "SINCE", "REASON")  # fmt: skip  # noqa: E501
_SHOWN_ENDED = 5


def show_service(out: Output, detail: ServiceDetail) -> None:
    """Print the service's facts, then what runs where."""
    row = detail.row
    out.facts(
        {
            "name": Cell(row.name, "bold"),
            "kind": "service",
            "state": state_cell(row.state),
            "reason": row.reason,
            "address": Cell(row.url, "bold"),
            "revision": str(row.revision),
            "replicas": f"{row.replicas_ready} ready of {row.replicas} ({row.replicas_wanted} wanted, "
            f"{row.min_replicas} to {row.max_replicas})",
            "instances": f"{row.instances_ready} ready of {row.instances} ({row.instances_wanted} wanted)",
            "load": _load(row),
            "numbers": "" if detail.decision is None else detail.decision.reason,
            "interruptions": str(row.interruptions),
            "cost": f"{usd(row.cost_usd)}, {usd(row.saved_usd)} saved against on-demand",
            "requested": moment(row.requested_at),
            "ended": moment(row.ended_at) if row.ended_at else "",
            "run": " ".join(str(detail.spec.get("run", "")).split()),
        }
    )
    lines = [line for instance in detail.instances for line in _instance(instance)]
    lines += [_replica("-", replica) for replica in detail.ended[:_SHOWN_ENDED]]
    if lines:
        out.line()
        out.table(_COLUMNS, lines)


def _load(row: ServiceRow) -> str:
    if row.requests_per_s is None:
        return "unknown"
    p95 = "" if row.p95_ms is None else f", 95 % within {row.p95_ms:.0f} ms"
    waiting = f", {row.waiting} waiting" if row.waiting else ""
    failed = f", {row.failed} failed so far" if row.failed else ""
    return f"{row.requests_per_s:.1f} requests/s, {row.in_flight} in flight{waiting}{p95}{failed}"


def _instance(row: ServiceInstanceRow) -> list[list[Cell | str]]:
    suspected = f"no heartbeat for {row.silent_s:.0f} s" if row.suspected else row.instance.reason
    head: list[Cell | str] = [
        Cell(row.instance.id, "bold"),
        row.instance.type,
        state_cell("suspected" if row.suspected else row.instance.state),
        NONE if row.cpu is None else f"{row.cpu:.0%}",
        NONE if row.memory is None else f"{row.memory:.0%}",
        "",
        "",
        "",
        ago(row.instance.started_at, now=now()),
        suspected,
    ]
    return [head, *(_replica("", replica) for replica in row.replicas)]


def _replica(place: str, row: ReplicaRow) -> list[Cell | str]:
    since = row.ended_at or row.draining_at or row.ready_at or row.started_at or row.created_at
    return [
        place,
        row.id,
        state_cell(row.state),
        NONE if row.cpu_percent is None else f"{row.cpu_percent:.0f}%",
        NONE if row.memory_bytes is None else size(row.memory_bytes),
        NONE if row.in_flight is None else str(row.in_flight),
        NONE if row.requests is None else str(row.requests),
        str(row.restarts),
        ago(since, now=now()),
        row.reason,
    ]
