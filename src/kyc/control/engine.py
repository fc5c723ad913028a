"""All loops of a master, started and ended together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from kyc.control.accounts import Accounts
from kyc.control.ahead import BundleKeeper
from kyc.control.alerts import Alerts
from kyc.control.budgets import Budgets
from kyc.control.context import Context
from kyc.control.deadlines import Deadlines
from kyc.control.fleet import Fleet, UserData
from kyc.control.ground import GroundKeeper
from kyc.control.intent import Intents
from kyc.control.jobs import Jobs
from kyc.control.link import Links
from kyc.control.loop import run_loop
from kyc.control.move import Moves
from kyc.control.notifications import Notifications
from kyc.control.observe import Observer
from kyc.control.places import Places
from kyc.control.prices import Prices
from kyc.control.pulse import Pulses
from kyc.control.repricing import Repricing
from kyc.control.retention import Retention
from kyc.control.routing import Routing
from kyc.control.scaling import Scaling
from kyc.control.services import Services
from kyc.control.signal import Signal
from kyc.control.stream import StreamKeeper
from kyc.control.sweep import Sweeper
from kyc.control.traffic import Traffic
from kyc.control.tunnels import TunnelKeeper
from kyc.planning.liveness import Patience
from kyc.ports.authority import Authority
from kyc.ports.edge import Edge

BUDGETS_PERIOD_S = 5  # well below what a budget keeps back for its end (planning.budget.ENDING_TAKES)
GROUNDS_PERIOD_S = 10
ACCOUNTS_PERIOD_S = 15  # only what another master of the same database took in comes this way
BUNDLES_PERIOD_S = 15
RETENTION_PERIOD_S = 10  # of looking which workload is due
ALERTS_PERIOD_S = 5
NOTIFICATIONS_PERIOD_S = 1
REPRICING_PERIOD_S = 15  # catalogs change by the minute at most; a change counts from its own time


@dataclass(slots=True)
class Engine:
    """What a master does by itself. `run` goes on until it is cancelled; nothing is lost then, see the loops."""

    context: Context
    user_data: UserData
    edge: Edge
    edge_host: str = "127.0.0.1"
    authority: Authority | None = None
    prices: Prices | None = None
    accounts: Accounts | None = None
    notifications: Notifications | None = None
    bundles: BundleKeeper | None = None
    tunnels: TunnelKeeper | None = None
    moves: Moves | None = None
    patience: Patience = field(default_factory=Patience)
    pulses: Pulses = field(init=False)
    links: Links = field(init=False)
    intents: Intents = field(init=False)
    budgets: Budgets = field(init=False)
    sweeper: Sweeper = field(init=False)
    services: Services = field(init=False)
    alerts: Alerts = field(init=False)

    def __post_init__(self) -> None:
        self.pulses = Pulses(self.context.clock)
        self.intents = Intents(self.context)
        self.budgets = Budgets(self.context)
        self.sweeper = Sweeper(self.context)
        routing = Routing(self.context, self.pulses, self.edge, self.edge_host, self.authority)
        self.links = Links(self.context, self.pulses, routing, self.authority)
        traffic = Traffic(self.context.clock, self.pulses, self.edge)
        self.services = Services(
            self.context,
            traffic,
            routing,
            Scaling(self.context, traffic),
        )
        self.alerts = Alerts(self.context)

    async def run(self) -> None:
        """Run every loop: jobs and fleet at each change, observation every second and at each doubt."""
        signal, doubt = self.context.signal, self.context.doubt
        observer = Observer(self.context, self.pulses, self.patience, self.sweeper)
        keeper = StreamKeeper(self.context)
        async with Fleet(self.context, self.user_data) as fleet, asyncio.TaskGroup() as loops:
            loops.create_task(run_loop("stream", keeper.tick, signal=doubt, period_s=1))
            loops.create_task(run_loop("deadlines", Deadlines(self.context).tick, signal=signal, period_s=1))
            loops.create_task(run_loop("places", Places(self.context).tick, signal=signal, period_s=1))
            loops.create_task(run_loop("jobs", Jobs(self.context).tick, signal=signal, period_s=1))
            routing = self.services.routing
            loops.create_task(run_loop("hurry", routing.hurry, signal=routing.hurried, period_s=1))
            loops.create_task(run_loop("routing", routing.tick, signal=signal, period_s=0.5))
            loops.create_task(run_loop("services", self.services.tick, signal=signal, period_s=0.5))
            loops.create_task(run_loop("fleet", fleet.tick, signal=signal, period_s=1))
            repricing = Repricing(self.context)
            loops.create_task(run_loop("repricing", repricing.tick, signal=Signal(), period_s=REPRICING_PERIOD_S))
            if self.notifications is not None:
                tick, due = self.notifications.tick, NOTIFICATIONS_PERIOD_S
                loops.create_task(run_loop("notifications", tick, signal=Signal(), period_s=due))
            if self.bundles is not None:
                loops.create_task(run_loop("bundles", self.bundles.tick, signal=Signal(), period_s=BUNDLES_PERIOD_S))
            if self.tunnels is not None:
                loops.create_task(run_loop("tunnels", self.tunnels.tick, signal=signal, period_s=1))
            loops.create_task(run_loop("alerts", self.alerts.tick, signal=Signal(), period_s=ALERTS_PERIOD_S))
            loops.create_task(run_loop("budgets", self.budgets.tick, signal=Signal(), period_s=BUDGETS_PERIOD_S))
            loops.create_task(run_loop("observe", observer.tick, signal=doubt, period_s=1))
            if self.accounts is not None:
                grounds = GroundKeeper(self.context, self.accounts.grounds)
                loops.create_task(run_loop("grounds", grounds.tick, signal=Signal(), period_s=GROUNDS_PERIOD_S))
                loops.create_task(run_loop("accounts", self.accounts.tick, signal=Signal(), period_s=ACCOUNTS_PERIOD_S))
            if self.moves is not None:
                freeing = Retention(self.context, self.moves.maintenance)
                loops.create_task(run_loop("moves", self.moves.tick, signal=signal, period_s=1))
                loops.create_task(run_loop("retention", freeing.tick, signal=Signal(), period_s=RETENTION_PERIOD_S))
            if self.prices is not None:
                loops.create_task(run_loop("prices", self.prices.tick, signal=self.prices.signal, period_s=60))
