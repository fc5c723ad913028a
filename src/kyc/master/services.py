"""What the routes call. `wiring` makes the one value of it; tests make others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from kyc.control.alerts import Alerts
from kyc.control.history import History
from kyc.control.launch import LaunchPlan
from kyc.control.move import Headway
from kyc.control.notifications import Notifications
from kyc.control.signal import Signal
from kyc.control.sweep import SweepReport
from kyc.control.traffic import TrafficHistory
from kyc.control.users import Users
from kyc.domain.account import CloudAccount
from kyc.domain.alert import Market
from kyc.domain.deployment import Deployment
from kyc.domain.ids import InstanceId, WorkloadName
from kyc.domain.instance import Instance
from kyc.domain.job import Job
from kyc.domain.launch import LaunchWish
from kyc.domain.offer import Offer
from kyc.domain.service import Service, ServiceSpec
from kyc.domain.snapshot import SnapshotSummary
from kyc.domain.workload import JobSpec
from kyc.master.archives import Archives
from kyc.master.timeline import Timeline
from kyc.master.whatif import WhatIf
from kyc.planning.autoscale import ScaleDecision
from kyc.planning.budget import Meter
from kyc.planning.coverage import Coverage
from kyc.planning.freshness import Freshness
from kyc.planning.market import Ranking
from kyc.planning.offers import OfferQuery, SearchResult
from kyc.planning.refresh import FeedStatus
from kyc.planning.serving import ServiceRecords
from kyc.ports.account import CloudProvider, Verdict
from kyc.ports.catalog import SpotPrice, Taken
from kyc.ports.clock import Clock
from kyc.ports.provisioner import Provisioner
from kyc.ports.store import Store
from kyc.ports.stream import StreamBook
from kyc.snapshot.history import Difference, OnProgress, Verification
from kyc.wire.agent import Pulse
from kyc.wire.api import DoctorRow


class Intents(Protocol):
    """What people and agents ask for, stored as intent (control.intent)."""

    async def submit_job(self, spec: JobSpec, *, user: str = "") -> Job: ...

    async def stop(self, name: WorkloadName) -> Job: ...

    async def rank(self, spec: JobSpec) -> Ranking: ...

    async def terminate(self, instance_id: InstanceId) -> Instance: ...

    async def interrupt(self, instance_id: InstanceId, notice_s: float) -> tuple[Instance, str]: ...

    async def enrol(self, instance_id: InstanceId, token: str, secret: str) -> None: ...

    async def expect(self, instance_id: InstanceId, token: str) -> Instance: ...

    async def authenticate(self, instance_id: InstanceId, secret: str) -> Instance: ...


class Servings(Protocol):
    """What people ask of services (control.serve). `free_port` is the edge's."""

    async def submit(self, spec: ServiceSpec, *, user: str = "") -> Service: ...

    async def offers(self, spec: ServiceSpec) -> list[Offer]: ...

    async def stop(self, name: WorkloadName) -> Service: ...


class ServiceBoard(Protocol):
    """What is known of services now, beyond what is stored (control.services)."""

    @property
    def host(self) -> str: ...

    async def look(self, service: Service) -> ServiceRecords: ...

    def history(self, name: WorkloadName) -> TrafficHistory: ...

    def decision(self, name: WorkloadName) -> ScaleDecision | None: ...


class Budgets(Protocol):
    """Limits on spending, by `day`, `month`, `total` or a live job's name (control.budgets)."""

    async def meters(self) -> Mapping[str, Meter]: ...

    async def set(self, scope: str, limit_usd: Decimal, warn_at: Decimal) -> None: ...

    async def remove(self, scope: str) -> None: ...


class Prices(Protocol):
    """The catalog of offers (control.prices). `ask` returns at once; `pending` names what is still to be asked."""

    async def search(self, query: OfferQuery) -> SearchResult: ...

    async def coverage(self) -> list[Coverage]: ...

    async def history(self, market: Market, since: datetime) -> list[SpotPrice]: ...

    async def feeds(self) -> Sequence[FeedStatus]: ...

    def pending(self) -> frozenset[str]: ...

    async def ask(self, cloud: str | None) -> list[str]: ...

    async def import_table(self, path: Path) -> Taken: ...


class Links(Protocol):
    """Serves one agent's connection until it ends; both functions raise UnreachableError then (control.link)."""

    async def serve(
        self, instance: Instance, receive: Callable[[], Awaitable[str]], send: Callable[[str], Awaitable[None]]
    ) -> None: ...


class Pulses(Protocol):
    """The newest heartbeat of each instance, and for how long there was none (control.pulse)."""

    def newest(self, instance_id: InstanceId) -> Pulse | None: ...

    def silent_s(self, instance_id: InstanceId) -> float: ...


class Snapshots(Protocol):
    """What is in the stream (master.snapshots). `tar` yields the files of a snapshot (None: the newest).

    `on_progress` hears (chunks, of so many). All raise NotFoundError.
    """

    async def list(self, name: WorkloadName) -> list[SnapshotSummary]: ...

    async def diff(self, name: WorkloadName, older: int, newer: int) -> Difference: ...

    async def verify(
        self, name: WorkloadName, sequence: int | None, on_progress: OnProgress, *, everything: bool
    ) -> Sequence[Verification]: ...

    def tar(self, name: WorkloadName, sequence: int | None) -> AsyncIterator[bytes]: ...


class Moves(Protocol):
    """Workloads on their way to another stream (control.move). `ask` raises NotFoundError and ConflictError."""

    @property
    def book(self) -> StreamBook: ...

    @property
    def headway(self) -> Mapping[WorkloadName, Headway]: ...

    @property
    def usual(self) -> str: ...

    def lies_in(self, job: Job) -> str: ...

    async def ask(self, url: str, token: str, names: Sequence[WorkloadName]) -> list[Job]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudStatus:
    """A registered cloud, whether it works, and what is the matter if not."""

    name: str
    ready: bool
    message: str


class Launches(Protocol):
    """Bare instances, bought or only planned (control.launch)."""

    async def launch(self, wish: LaunchWish) -> Deployment: ...

    async def plan(self, wish: LaunchWish) -> LaunchPlan: ...


class Sweeper(Protocol):
    """The search for what runs without being known (control.sweep)."""

    async def sweep(self, *, everywhere: bool, remove: bool) -> SweepReport: ...


class Accounts(Protocol):
    """The accounts of clouds (control.accounts)."""

    providers: Mapping[str, CloudProvider]

    async def add(self, cloud: str, name: str, values: Mapping[str, str]) -> tuple[CloudAccount | None, Verdict]: ...

    async def check(self, cloud: str, name: str) -> Verdict: ...

    async def all(self) -> list[CloudAccount]: ...

    async def remove(self, cloud: str, name: str) -> None: ...


class BundleFile(Protocol):
    """A bundle on the disk."""

    @property
    def path(self) -> Path: ...


class Bundles(Protocol):
    """The agent as instances fetch it; raises NotFoundError for a tag that is not one of them."""

    async def get(self, tag: str) -> BundleFile: ...


class Operations(Protocol):
    """The master as a whole. `shutdown` asks for its end and returns; with `everything`, of all that it runs."""

    async def clouds(self) -> list[CloudStatus]: ...

    async def shutdown(self, *, everything: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which master this is: `master_id` stays with its KYC_HOME, the rest changes with each start."""

    master_id: str
    version: str
    pid: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that the app needs. `tables` holds price files on their way into the catalog.

    `signal` is notified after each write; `closing` is set when the master is to end.
    """

    identity: Identity
    admin_token: str = field(repr=False)
    store: Store
    timeline: Timeline
    clock: Clock
    intents: Intents
    servings: Servings
    board: ServiceBoard
    budgets: Budgets
    links: Links
    pulses: Pulses
    history: History
    snapshots: Snapshots
    moves: Moves
    operations: Operations
    accounts: Accounts
    launches: Launches
    sweeper: Sweeper
    provisioner: Provisioner
    users: Users
    alerts: Alerts
    notifications: Notifications
    archives: Archives
    prices: Prices
    tables: Archives
    bundles: Bundles
    whatif: WhatIf
    doctor: Callable[[], Sequence[DoctorRow]]
    signal: Signal
    closing: asyncio.Event
    freshness: Freshness = field(default_factory=Freshness)
