"""Rows of the API with likely values, for tests that need some."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from kyc.wire import api

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def workload(**changes: object) -> api.WorkloadRow:
    row = api.WorkloadRow(
        name="train",
        kind="job",
        state="running",
        attempt=2,
        instances=1,
        cost_usd=0.012345,
        saved_usd=0.03,
        interruptions=1,
        last_snapshot_at=AT + timedelta(minutes=5),
        rpo_s=1.25,
        deadline_at=None,
        step=12,
        step_total=60,
        requested_at=AT,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def instance(**changes: object) -> api.InstanceRow:
    row = api.InstanceRow(
        id="i-7kq2x9bd",
        name="i-7kq2x9bd",
        cloud="local",
        region="lab",
        zone="lab-a",
        type="small",
        spot=True,
        state="ready",
        address="127.77.0.2",
        price_usd_per_hour=0.0123,
        workload="train",
        deployment="d-22222222",
        started_at=AT,
        ended_at=None,
        provider_id="p-1",
        on_demand_usd_per_hour=0.04,
        cost_usd=0.001,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def interrupted(**changes: object) -> api.InterruptedRow:
    row = instance(**changes)
    return api.InterruptedRow(
        **{one.name: getattr(row, one.name) for one in fields(row)}, how="evicted by the provider"
    )


def offer(**changes: object) -> api.OfferRow:
    row = api.OfferRow(
        id="local/lab/lab-a/small/spot",
        cloud="local",
        region="lab",
        zone="lab-a",
        type="small",
        spot=True,
        vcpus=1,
        memory_gib=0.5,
        gpu=None,
        gpu_count=0,
        price_usd_per_hour=0.0123,
        on_demand_usd_per_hour=0.04,
        saving=0.6925,
        source="local",
        priced_at=AT,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def event(seq: int, kind: str, subject: str = "train", reason: str = "", **data: object) -> api.EventRow:
    return api.EventRow(seq=seq, at=AT + timedelta(seconds=seq), kind=kind, subject=subject, data=data, reason=reason)


def log(seq: int, text: str) -> api.LogRow:
    return api.LogRow(seq=seq, at=AT + timedelta(seconds=seq), attempt="train.1", text=text)


def plan(**changes: object) -> api.JobPlan:
    row = api.JobPlan(
        name="train",
        spec={"run": "echo"},
        warnings=[],
        offers=[offer()],
        expected_usd_per_hour=0.0123,
        row=workload(state="queued"),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def cost() -> api.CostReport:
    row = api.CostRow(
        name="train",
        spent_usd=0.01,
        on_demand_usd=0.04,
        saved_usd=0.03,
        instance_seconds=120.5,
        per_hour_now_usd=0.0123,
    )
    return api.CostReport(rows=[row], total=replace(row, name="total"))


def service_plan(spec: dict[str, object], **changes: object) -> api.ServicePlan:
    made = api.ServicePlan(
        name="web",
        spec=spec,
        warnings=[],
        offers=[],
        updates=False,
        replicas_per_instance=4,
        least_usd_per_hour=0.0123,
        most_usd_per_hour=0.0369,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def service(
    *, state: str, ready: int = 0, revision: int = 1, of: tuple[int, ...] = (), reason: str = ""
) -> api.ServiceDetail:
    """Return a service with `ready` replicas on an instance; `of` gives their revisions where they differ."""
    row = api.ServiceRow(
        name="web",
        state=state,
        url="http://127.0.0.1:8080",
        revision=revision,
        replicas_ready=ready,
        replicas=2,
        replicas_wanted=2,
        instances_ready=1 if ready else 0,
        instances=1,
        instances_wanted=1,
        requests_per_s=None,
        failed_per_s=None,
        in_flight=None,
        waiting=None,
        p95_ms=None,
        cpu_percent=None,
        requests=None,
        failed=None,
        policy="worth",
        min_replicas=2,
        max_replicas=9,
        interruptions=0,
        cost_usd=0.0,
        saved_usd=0.0,
        requested_at=AT,
        started_at=None,
        ended_at=None,
        reason=reason,
    )
    replicas = [_replica(number, of_revision) for number, of_revision in enumerate(of or (revision,) * ready, start=1)]
    on = api.ServiceInstanceRow(
        instance=instance(), cpu=None, memory=None, silent_s=0.2, suspected=False, replicas=replicas
    )
    return api.ServiceDetail(row=row, spec={}, instances=[on], ended=[], decision=None)


def _replica(number: int, revision: int) -> api.ReplicaRow:
    return api.ReplicaRow(
        id=f"web.r{number}",
        instance="i-7kq2x9bd",
        state="ready",
        revision=revision,
        port=20_000 + number,
        in_edge=True,
        in_flight=None,
        requests=None,
        failed=None,
        cpu_percent=None,
        memory_bytes=None,
        restarts=0,
        created_at=AT,
        started_at=AT,
        ready_at=AT,
        draining_at=None,
        ended_at=None,
        exit_code=None,
        replaces=None,
        reason="",
    )
