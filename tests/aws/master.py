"""A master in this process over the real Terraform and the stand-in for AWS: buys, watches, sweeps and gives back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from kyc.adapters.fake.catalog import FakeCatalog
from kyc.adapters.fake.store import FakeStore
from kyc.adapters.system.clock import SystemClock
from kyc.control.context import Context
from kyc.control.fleet import Fleet
from kyc.control.intent import Intents
from kyc.control.jobs import Jobs
from kyc.control.loop import run_loop
from kyc.control.observe import Observer
from kyc.control.places import Places
from kyc.control.pulse import Pulses
from kyc.control.sweep import Sweeper
from kyc.domain.deployment import Deployment
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId
from kyc.domain.instance import BILLED, Instance, InstanceState
from kyc.domain.offer import Offer
from tests.aws.stand import Stand
from tests.simulation.world import SimSecrets, SimStreamHost

GRACE = timedelta(seconds=1)
WITHIN_S = 240.0  # for what takes seconds on a machine that is not busy


async def _user_data(_deployment: Deployment, instance_id: InstanceId, _master_url: str) -> str:
    return f"#!/bin/sh\n# {instance_id}\n"


@dataclass
class SmallMaster:
    """The parts of one life of a master; `store` and the stand outlive it."""

    stand: Stand
    store: FakeStore
    catalog: FakeCatalog
    context: Context = field(init=False)
    intents: Intents = field(init=False)

    def __post_init__(self) -> None:
        self.stand.opened.cloud.look_every_s = 0.5  # type: ignore[misc]  # the stand-in bears it
        self.context = Context(
            store=self.store,
            clock=SystemClock(),
            rng=random.SystemRandom(),
            clouds={self.stand.opened.cloud.name: self.stand.opened.cloud},
            catalogs=[self.catalog],
            provisioner=self.stand.provisioner,
            stream_host=SimStreamHost(),  # type: ignore[arg-type]  # only what control uses
            secrets=SimSecrets(),
            master_url="http://127.0.0.1:1",
            payer=lambda cloud: f"{cloud}:default",
        )
        self.intents = Intents(self.context)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SmallMaster]:
        """Run the loops."""
        context = self.context
        observer = Observer(context, Pulses(context.clock), sweeper=Sweeper(context, grace=GRACE))
        async with Fleet(context, _user_data) as fleet:
            ticks = {
                "places": Places(context).tick,
                "jobs": Jobs(context).tick,
                "fleet": fleet.tick,
                "observe": observer.tick,
            }
            loops = [
                asyncio.create_task(run_loop(name, tick, signal=context.signal, period_s=0.5))
                for name, tick in ticks.items()
            ]
            try:
                yield self
            finally:
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)

    async def until(self, is_so: Callable[[list[Instance]], object]) -> list[Instance]:
        """Return all instances once the condition holds for them."""
        async with asyncio.timeout(WITHIN_S):
            while not is_so(found := await self.store.instances()):
                await asyncio.sleep(0.1)
        return found

    async def events(self, *kinds: EventKind) -> list[Event]:
        """Return what the timeline has of these kinds."""
        return [one for one in await self.store.events_after(0, limit=100_000) if one.kind in kinds]

    async def agrees(self) -> bool:
        """Say whether what runs at AWS is what the inventory says runs there, to the id."""
        inventory = {one.provider_id for one in await self.store.instances() if one.state in BILLED}
        return set(self.stand.aws.running()) == inventory

    async def settled(self) -> None:
        """Wait until the two agree."""
        async with asyncio.timeout(WITHIN_S):
            while not await self.agrees():
                await asyncio.sleep(0.1)


def in_state(found: Iterable[Instance], *states: InstanceState) -> list[Instance]:
    """Return those in one of the states."""
    return [one for one in found if one.state in states]


def small_master(stand: Stand, offers: Iterable[Offer], store: FakeStore | None = None) -> SmallMaster:
    """Return a master that may buy these offers."""
    return SmallMaster(stand, store or FakeStore(), FakeCatalog(offers))
