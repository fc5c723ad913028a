"""Instances and the deployments they were made in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """One line of `kyc instances`. `type` is the cloud's instance type."""

    id: str
    name: str
    cloud: str
    region: str
    zone: str
    type: str
    spot: bool
    state: str
    address: str | None
    price_usd_per_hour: float
    workload: str | None
    deployment: str
    started_at: datetime | None
    ended_at: datetime | None
    provider_id: str | None
    on_demand_usd_per_hour: float = 0
    cost_usd: float = 0
    notice_deadline_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """`POST /deployments`: bare instances of one offer (None: the cheapest)."""

    offer: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """A deployment and its instances."""

    id: str
    offer: str
    state: str
    instances: list[str]
    requested_at: datetime
    reason: str
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateRequest:
    """`POST /instances/terminate`: several at once."""

    ids: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptRequest:
    """`POST /instances/{id}/interrupt`: seconds of notice; 0 kills without one."""

    notice_s: float = 120
