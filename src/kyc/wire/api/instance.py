"""Instances and the deployments they were made in."""

from __future__ import annotations

from dataclasses import dataclass, field
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
class InterruptedRow(InstanceRow):
    """`POST /instances/{id}/interrupt`: the instance, and how its cloud interrupts it, in words for people."""

    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """`POST /deployments`, or `/deployments/plan`: bare instances of one offer (None: the cheapest that fits).

    `spot` null: spot. `network`, `subnet`, `role` and `image` are the provider's names; `on_interruption` is terminate,
    stop or hibernate; `account` is an account's name, empty: the cloud's first.
    """

    offer: str | None = None
    count: int = 1
    cloud: str = ""
    region: str = ""
    zone: str = ""
    type: str = ""
    spot: bool | None = None
    account: str = ""
    disk_gib: int | None = None
    network: str = ""
    subnet: str = ""
    role: str = ""
    image: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    max_price_usd_per_hour: float | None = None
    on_interruption: str = "terminate"
    public_address: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """What Terraform would do with one resource; `shared`: it is made once for all instances of the region."""

    address: str
    action: str
    shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchReport:
    """`POST /deployments/plan`: what a launch would make and cost; `lines` are Terraform's. Nothing is bought."""

    offer: str
    count: int
    account: str
    price_usd_per_hour: float
    total_usd_per_hour: float
    on_demand_usd_per_hour: float
    resources: list[PlannedRow]
    lines: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """`GET /deployments/export`: Terraform's files of everything that exists, by path. User data is left out."""

    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """`POST /sweep`: look in the regions in use, or `everywhere`; `remove`: end at once what nobody knows."""

    everywhere: bool = False
    remove: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanRow:
    """Something that runs or bills under our tags, and that nothing here wants."""

    cloud: str
    region: str
    zone: str
    provider_id: str
    instance: str
    reason: str
    removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReply:
    """What a sweep saw. `silent`: clouds that did not answer, and why; `workspaces`: of Terraform, without a record."""

    seen: int
    orphans: list[OrphanRow]
    silent: dict[str, str]
    workspaces: list[str]


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
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateRequest:
    """`POST /instances/terminate`: several at once."""

    ids: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptRequest:
    """`POST /instances/{id}/interrupt`: seconds of notice; 0 kills without one."""

    notice_s: float = 120
