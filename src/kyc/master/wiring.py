"""Where ports meet adapters: everything a master is made of, opened in order and closed in reverse."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from kyc.adapters.ca.authority import Authority
from kyc.adapters.local.catalog import LocalCatalog
from kyc.adapters.local.cloud import MODULE_FILES, MODULE_FOLDER, LocalCloud
from kyc.adapters.nats.host import NatsHost
from kyc.adapters.notify.notifier import AppriseNotifier
from kyc.adapters.offerbook.catalog import OfferBook
from kyc.adapters.offerbook.keeper import BookKeeper
from kyc.adapters.sql.store import SqlStore
from kyc.adapters.system.bundle import Bundles
from kyc.adapters.system.clock import SystemClock
from kyc.adapters.system.doctor import machine_checks
from kyc.adapters.system.keyring import read_or_make_kept_key
from kyc.adapters.system.passwords import Scrypt
from kyc.adapters.system.secrets import Sealer, read_or_make_key
from kyc.adapters.terraform.engine import engine_environment, find_engine
from kyc.adapters.terraform.provisioner import TerraformProvisioner
from kyc.control.accounts import Accounts
from kyc.control.ahead import BundleKeeper
from kyc.control.clouds import LiveClouds
from kyc.control.context import Context
from kyc.control.engine import Engine
from kyc.control.launch import Launches
from kyc.control.move import Moves
from kyc.control.notifications import Notifications
from kyc.control.prices import Prices
from kyc.control.serve import Servings
from kyc.control.signal import Signal
from kyc.control.users import Users
from kyc.domain.errors import KycError
from kyc.domain.snapshot import StreamAccess
from kyc.master.archives import Archives
from kyc.master.boot import BootScripts
from kyc.master.cloud_wiring import make_providers, make_tunnels
from kyc.master.edges import make_edge, port_giver
from kyc.master.home import Home
from kyc.master.main import Start
from kyc.master.pricing import FEED_KINDS
from kyc.master.services import CloudStatus, Services
from kyc.master.settings import Settings
from kyc.master.snapshots import Snapshots
from kyc.master.stream import NamedStream, Streams
from kyc.master.timeline import Timeline
from kyc.master.whatif import WhatIf
from kyc.ports.clock import Clock
from kyc.ports.cloud import Cloud
from kyc.ports.module import CloudModule
from kyc.ports.secrets import Secrets
from kyc.ports.store import Store
from kyc.ports.stream import StreamHost
from kyc.snapshot.maintain import Maintainer
from kyc.streams import check, connect

MOST_TABLE_BYTES = 256 << 20


@asynccontextmanager
async def build(start: Start) -> AsyncIterator[Services]:
    """Open everything, run the loops while the services are in use, and close everything."""
    settings, home = start.settings, start.home
    clock = SystemClock()
    read_key = read_or_make_kept_key if settings.keyring else read_or_make_key
    secrets = Sealer(read_key(home.path / "secret.key"))
    local = LocalCloud(home.path / "local", mode=settings.local_mode)
    store = await SqlStore.open(settings.state_url or f"sqlite:///{home.database}")
    streams = make_streams(settings, home, clock, store, secrets)
    clouds = LiveClouds({local.name: local})
    signal = Signal()
    accounts = Accounts(store, secrets, clock, make_providers(settings, home, store, clock), clouds, signal)
    provisioner = make_provisioner(settings, home, local, accounts)
    context = Context(
        store=store,
        clock=clock,
        rng=random.SystemRandom(),
        clouds=clouds,
        catalogs=[LocalCatalog(clock), OfferBook(home.catalog)],
        provisioner=provisioner,
        stream_host=streams,
        secrets=secrets,
        master_url=settings.public_url or start.url,
        payer=accounts.payer,
        signal=signal,
    )
    archives = Archives(home.path / "archives", limit_bytes=settings.archive_limit_bytes)
    tables = Archives(home.catalog / "incoming", limit_bytes=MOST_TABLE_BYTES)
    for folder in (archives, tables):
        folder.prepare()
    prices = Prices(context, make_keeper(home, clock), background=settings.fetch_prices)
    moves = Moves(context, streams, Maintainer(home.path / "moves", settings.retention), check)
    notifications = Notifications(context, AppriseNotifier())
    bundles = Bundles(home.path / "bundles", settings.agent_tags)
    edge = make_edge(settings.edge, home.path / "edge", clock)
    engine = Engine(
        context,
        BootScripts(secrets, bundles.hashes),
        edge=edge,
        authority=Authority(home.path / "ca", clock=clock),
        prices=prices,
        accounts=accounts,
        moves=moves,
        notifications=notifications,
    )
    operations = Operations(clouds)
    try:
        await local.ensure()
        await accounts.tick()
        await streams.ensure()
        engine.bundles = BundleKeeper(clock, accounts, bundles.hashes)
        engine.tunnels = make_tunnels(settings, home, context, start.url)
        loops = asyncio.create_task(engine.run())
        try:
            yield Services(
                identity=start.identity,
                admin_token=home.admin_token(),
                store=store,
                timeline=Timeline(store, context.signal, clock),
                clock=clock,
                intents=engine.intents,
                servings=Servings(context, port_giver(engine.edge_host)),
                board=engine.services,
                budgets=engine.budgets,
                alerts=engine.alerts,
                notifications=notifications,
                links=engine.links,
                pulses=engine.pulses,
                snapshots=Snapshots(store, streams, secrets, clock, home.path / "tmp"),
                moves=moves,
                history=engine.pulses.history,
                operations=operations,
                accounts=accounts,
                launches=Launches(context),
                sweeper=engine.sweeper,
                provisioner=provisioner,
                users=Users(context, Scrypt(), session_lasts=settings.session_lasts),
                archives=archives,
                prices=prices,
                tables=tables,
                bundles=bundles,
                whatif=WhatIf(home.path / "traces"),
                doctor=lambda: [check() for check in machine_checks(home.path)],
                freshness=settings.freshness,
                signal=context.signal,
                closing=operations.closing,
            )
        finally:
            loops.cancel()
            with suppress(asyncio.CancelledError):
                await loops
            if engine.tunnels is not None:
                await engine.tunnels.tunnels.close()
    finally:
        await store.close()
        if operations.everything:
            await edge.stop()
            await local.stop()
            await streams.stop()


def make_streams(settings: Settings, home: Home, clock: Clock, store: Store, secrets: Secrets) -> Streams:
    """Return the streams, new workloads going where was asked for; raise InvalidInputError for no known URL."""

    def embedded() -> StreamHost:
        return NatsHost(home.path / "nats", clock=clock)

    default = embedded()
    if settings.stream_url is not None:
        connect(StreamAccess(url=settings.stream_url, workload="", token=settings.stream_token))
        default = NamedStream(settings.stream_url, settings.stream_token)
    return Streams(default, embedded, store, secrets, home.path / "streams.json")


def make_provisioner(settings: Settings, home: Home, local: LocalCloud, accounts: Accounts) -> TerraformProvisioner:
    """Return the provisioner with every cloud's module; raise KycError if there is no engine to run it with."""
    module = CloudModule(folder=MODULE_FOLDER, files=MODULE_FILES, variables=local.variables, needs_init=False)
    return TerraformProvisioner(
        engine=find_engine(settings.terraform),
        root=home.path / "terraform",
        modules={local.name: module},
        env=engine_environment(os.environ, plugin_cache=home.path / "plugins"),
        accounts=accounts.module,
    )


def make_keeper(home: Home, clock: Clock) -> BookKeeper:
    """Return what brings prices in, each time in a process of its own."""
    argv = [sys.executable, "-m", "kyc.master.pricing", str(home.catalog)]
    return BookKeeper(home.catalog, argv=argv, env=os.environ, kinds=FEED_KINDS, clock=clock)


@dataclass(slots=True)
class Operations:
    """What concerns the master as a whole."""

    clouds_in_use: Mapping[str, Cloud]
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    everything: bool = False

    async def clouds(self) -> list[CloudStatus]:
        """Ask every cloud whether it works."""
        return [await _status(cloud) for cloud in self.clouds_in_use.values()]

    async def shutdown(self, *, everything: bool) -> None:
        """Ask for the end; `everything`: of the stream server and the local cloud too."""
        self.everything = self.everything or everything
        self.closing.set()


async def _status(cloud: Cloud) -> CloudStatus:
    try:
        listed = await cloud.instances()
    except KycError as error:
        return CloudStatus(name=cloud.name, ready=False, message=str(error))
    running = sum(1 for instance in listed if instance.running)
    return CloudStatus(name=cloud.name, ready=True, message=f"{running} running")
