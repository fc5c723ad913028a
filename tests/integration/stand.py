"""A master without a cloud: the real app and the real intents over a store and a cloud in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
from fastapi import FastAPI

from kyc.adapters.fake.catalog import FakeCatalog, fake_offer
from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.cloud import FakeCloud
from kyc.adapters.fake.edge import FakeEdge
from kyc.adapters.fake.keeper import FakeKeeper
from kyc.adapters.fake.notifier import FakeNotifier
from kyc.adapters.fake.provider import FakeProvider
from kyc.adapters.fake.provisioner import FakeProvisioner
from kyc.adapters.fake.store import FakeStore
from kyc.adapters.system.bundle import Bundles, own_tag
from kyc.adapters.system.clock import SystemClock
from kyc.adapters.system.passwords import Scrypt
from kyc.control.accounts import Accounts
from kyc.control.alerts import Alerts
from kyc.control.budgets import Budgets
from kyc.control.clouds import LiveClouds
from kyc.control.context import Context
from kyc.control.intent import Intents
from kyc.control.launch import Launches
from kyc.control.link import Links
from kyc.control.move import Moves
from kyc.control.notifications import Notifications
from kyc.control.prices import Prices
from kyc.control.pulse import Pulses
from kyc.control.routing import Routing
from kyc.control.scaling import Scaling
from kyc.control.serve import Servings
from kyc.control.services import Services as ServiceLoops
from kyc.control.signal import Signal
from kyc.control.sweep import Sweeper
from kyc.control.traffic import Traffic
from kyc.control.users import Users
from kyc.domain.errors import NotFoundError, UnreachableError
from kyc.domain.finding import Finding, Verdict
from kyc.domain.ids import WorkloadName
from kyc.domain.offer import Purchase
from kyc.domain.snapshot import SnapshotSummary, StreamAccess
from kyc.master.app import create_app
from kyc.master.archives import Archives
from kyc.master.server import bind, serve, url_of
from kyc.master.services import CloudStatus, Identity, Services
from kyc.master.timeline import Timeline
from kyc.master.whatif import WhatIf
from kyc.ports.maintenance import Copied, Freed, OnCopied, Place
from kyc.ports.store import Store
from kyc.ports.stream import Stream
from kyc.snapshot.history import Difference, OnProgress, Verification
from kyc.wire.api import DoctorRow, Problem
from tests.simulation.world import SimSecrets, SimStreamHost

TOKEN = "the-administrators-token"
STARTED = datetime(2025, 3, 1, 12, tzinfo=UTC)
JOB = "name: train\nrun: python train.py\n"


class FakeSnapshots:
    """Two snapshots of every workload, each with the same tar; the tar of the second breaks off."""

    def __init__(self) -> None:
        self.taken = [
            SnapshotSummary(sequence=number, epoch=1, taken_at=STARTED, files=2, bytes=10, missed=("a",))
            for number in (1, 2)
        ]
        self.blocks = [b"tar", b"ball"]

    async def diff(self, name: WorkloadName, older: int, newer: int) -> Difference:
        return Difference(added=("new",), removed=(), changed=("od\udcffd",))

    async def verify(
        self, name: WorkloadName, sequence: int | None, on_progress: OnProgress, *, everything: bool
    ) -> Sequence[Verification]:
        if sequence == 9:
            raise NotFoundError(f"{name} has no snapshot 9", next_step="`kyc snapshots` lists them.")
        on_progress(1, 2)
        await asyncio.sleep(0.3)  # so long that the progress is told
        whole = Verification(sequence=1, files=2, chunks=2, stored_bytes=10)
        return [whole, replace(whole, sequence=2, damaged=(("a", "gone"),))] if everything else [whole]

    async def list(self, name: WorkloadName) -> list[SnapshotSummary]:
        return self.taken

    async def tar(self, name: WorkloadName, sequence: int | None) -> AsyncIterator[bytes]:
        if sequence not in {None, 1, 2}:
            raise NotFoundError(f"{name} has no snapshot {sequence}", next_step="`kyc snapshots` lists them.")
        for block in self.blocks:
            await asyncio.sleep(0)
            yield block
        if sequence == 2:
            raise UnreachableError("the stream went away")


class FakeBook:
    """Streams of which only the names are told; nobody opens one here."""

    def identity_of(self, url: str) -> str:
        return url

    def look_up(self, url: str, token: str) -> StreamAccess:
        return StreamAccess(url=url, workload="", token=token)

    def remember(self, url: str, token: str) -> None:
        return

    async def at(self, identity: str) -> Stream:
        raise NotFoundError(f"{identity} is not known")


class FakeMaintenance:
    """Never asked here: no loop runs."""

    async def copy(self, source: Place, target: Place, *, name: str, epoch: int, on_copied: OnCopied) -> Copied:
        raise NotImplementedError

    async def sift(self, target: Place, *, name: str) -> list[str]:
        raise NotImplementedError

    async def free(self, place: Place, *, now: datetime) -> Freed:
        raise NotImplementedError


async def check_nothing(access: StreamAccess) -> list[Finding]:
    """Find a stream good, unless its URL says otherwise."""
    bad = access.url.endswith("bad")
    return [Finding(subject="reach", verdict=Verdict.BAD if bad else Verdict.GOOD, text="looked at")]


class FakeOperations:
    """One cloud that works; an end that is only noted."""

    def __init__(self, closing: asyncio.Event) -> None:
        self._closing = closing
        self.asked: list[bool] = []

    async def clouds(self) -> list[CloudStatus]:
        return [CloudStatus(name="fake", ready=True, message="all is well")]

    async def shutdown(self, *, everything: bool) -> None:
        self.asked.append(everything)
        self._closing.set()


@dataclass
class Stand:
    """The parts of one such master, open to tests."""

    store: Store
    context: Context
    services: Services
    cloud: FakeCloud
    catalog: FakeCatalog
    snapshots: FakeSnapshots
    operations: FakeOperations
    pulses: Pulses
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {TOKEN}"})


def make_stand(folder: Path, *, store: Store | None = None, limit_bytes: int = 1 << 20) -> Stand:
    """Return a stand whose archives lie in the folder."""
    closing, signal = asyncio.Event(), Signal()
    cloud_clock = FakeClock()
    cloud, catalog = FakeCloud(cloud_clock), FakeCatalog(_offers())
    used = store or FakeStore()
    clouds = LiveClouds({"fake": cloud})
    context = Context(
        store=used,
        clock=SystemClock(),
        rng=random.Random(7),
        clouds=clouds,
        catalogs=[catalog],
        provisioner=FakeProvisioner(cloud_clock, {"fake": cloud}),
        stream_host=SimStreamHost(),  # type: ignore[arg-type]  # nobody opens a stream here
        secrets=SimSecrets(),
        master_url="http://master",
        signal=signal,
    )
    pulses = Pulses(context.clock)
    snapshots, operations = FakeSnapshots(), FakeOperations(closing)
    archives = Archives(folder / "archives", limit_bytes=limit_bytes)
    archives.prepare()
    tables = Archives(folder / "tables", limit_bytes=limit_bytes)
    tables.prepare()
    prices = Prices(context, FakeKeeper())
    edge = FakeEdge()
    traffic = Traffic(context.clock, pulses, edge)
    board = ServiceLoops(context, traffic, Routing(context, pulses, edge), Scaling(context, traffic))
    services = Services(
        identity=Identity(master_id="m1", version="0.1.0", pid=1, started_at=STARTED),
        admin_token=TOKEN,
        store=used,
        timeline=Timeline(used, signal, context.clock),
        clock=context.clock,
        intents=Intents(context),
        servings=Servings(context, lambda wanted: wanted or 18_080),
        board=board,
        budgets=Budgets(context),
        links=Links(context, pulses),
        pulses=pulses,
        history=pulses.history,
        snapshots=snapshots,
        moves=Moves(context, FakeBook(), FakeMaintenance(), check_nothing),
        operations=operations,
        accounts=Accounts(
            used, context.secrets, context.clock, {"paid": FakeProvider(cloud_clock, name="paid")}, clouds, signal
        ),
        alerts=Alerts(context),
        notifications=Notifications(context, FakeNotifier()),
        users=Users(context, Scrypt(log_n=4)),
        launches=Launches(context),
        sweeper=Sweeper(context),
        provisioner=context.provisioner,
        archives=archives,
        prices=prices,
        tables=tables,
        bundles=Bundles(folder / "bundles", (own_tag(),)),
        whatif=WhatIf(folder / "traces"),
        doctor=lambda: [DoctorRow(name="fake", ok=False, found="none", advice="get one", needed=True)],
        signal=signal,
        closing=closing,
    )
    return Stand(used, context, services, cloud, catalog, snapshots, operations, pulses)


@asynccontextmanager
async def in_process(stand: Stand, *, with_token: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """Call the app without a network; a defect comes back as its problem, as a server would send it."""
    transport = httpx.ASGITransport(_app(stand.services), raise_app_exceptions=False)
    headers = stand.headers if with_token else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://kyc/api/v1", headers=headers) as client:
        yield client


@asynccontextmanager
async def listening(stand: Stand) -> AsyncIterator[str]:
    """Serve the app at a free port of this machine; yield its URL; end it as SIGTERM would."""
    with bind("127.0.0.1", 0) as socket:
        serving = asyncio.create_task(
            serve(_app(stand.services), socket, closing=stand.services.closing, changed=stand.services.signal)
        )
        try:
            yield url_of(socket)
        finally:
            stand.services.closing.set()
            await asyncio.wait_for(serving, 20)


def told(response: httpx.Response, status: int) -> Problem:
    """Check that the answer is a problem with this status, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(response.content, type=Problem)
    assert problem.status == status
    assert problem.detail
    assert "Traceback" not in response.text
    return problem


def read(response: httpx.Response, kind: object, status: int = 200):
    """Check the status and return the answer, decoded as strictly as the SDK does."""
    assert response.status_code == status, response.text
    return msgspec.json.decode(response.content, type=kind)


_made: list[FastAPI] = []


def _app(services: Services) -> FastAPI:
    # Made once: its routes take a while, and all that differs from test to test are the services.
    if not _made:
        _made.append(create_app(services))
    _made[0].state.services = services
    return _made[0]


def _offers():
    return [
        fake_offer(price="0.03"),
        fake_offer(zone="fake-b", price="0.02"),
        fake_offer(instance_type="large", price="0.09"),
        fake_offer(purchase=Purchase.ON_DEMAND, price="0.10"),
    ]
