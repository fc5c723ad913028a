"""The agent as a whole: everything it runs beside each other, from its enrolment to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from kyc.agent.archive import MasterArchives
from kyc.agent.backoff import Uniform
from kyc.agent.engine import Engine
from kyc.agent.enrol import enrol, own_secret
from kyc.agent.entrance import Entrances
from kyc.agent.farewell import let_go
from kyc.agent.link import Link, Peer, link_url
from kyc.agent.load import Gauge, Gpu
from kyc.agent.mark import Mark
from kyc.agent.notices import Watch
from kyc.agent.outbox import Outbox
from kyc.agent.pulse import Heart
from kyc.agent.race import first_of
from kyc.agent.replica import House
from kyc.agent.replicas import Replicas
from kyc.agent.settings import EVERYWHERE, Settings
from kyc.agent.shared import SharedFiles
from kyc.agent.supervise import Supervisor
from kyc.agent.world import World
from kyc.ports.clock import Clock
from kyc.ports.notices import NoticeSource
from kyc.ports.runtime import ReplicaRuntime, Runtime
from kyc.wire.agent import Desire
from kyc.wire.replica import ReplicaOrder

log = logging.getLogger(__name__)
LEAVE_WITHIN_S = 20.0  # from SIGTERM to our end, if there is work to stop and to flush
_LAST_WORDS_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an agent is made of; `wiring` chooses them."""

    clock: Clock
    rng: Uniform
    runtime: Runtime
    replica_runtime: Callable[[ReplicaOrder], ReplicaRuntime]
    engine: Engine
    notices: NoticeSource
    gauge: Gauge


async def run(settings: Settings, parts: Parts, leave: asyncio.Event) -> None:
    """Do the master's will until `leave` is set; then stop the work, flush it, tell so, and return."""
    settings.own_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = own_secret(settings.own_folder)
    outbox = Outbox(settings.own_folder / "outbox")
    watch = Watch(parts.notices, tell=outbox.tell, clock=parts.clock)
    base = f"{settings.master_url}/api/v1/agents/{settings.instance_id}"
    world = World(
        settings=settings,
        clock=parts.clock,
        rng=parts.rng,
        runtime=parts.runtime,
        engine=parts.engine,
        archives=MasterArchives(f"{base}/archive", secret, settings.own_folder),
        watch=watch,
        tell=outbox.tell,
    )
    supervisor = Supervisor(world, Mark(settings.own_folder))
    host = _own_host(settings)
    entrances = Entrances(settings.own_folder, host, parts.rng)
    house = House(world=world, files=SharedFiles(world), runtime=parts.replica_runtime, host=host, entrances=entrances)
    replicas = Replicas(house)
    gpu = Gpu()
    heart = Heart(supervisor, replicas, parts.gauge, gpu, root=settings.root, clock=parts.clock)

    def want(desire: Desire) -> None:
        supervisor.want(desire)
        entrances.trust(desire.identity)
        replicas.want(desire)

    link = Link(
        Peer(url=link_url(settings.master_url, settings.instance_id), secret=secret),
        outbox,
        pulse=heart.pulse,
        on_desire=want,
        clock=parts.clock,
        rng=parts.rng,
    )

    async def connect() -> None:
        await enrol(settings, secret, clock=parts.clock, rng=parts.rng)
        await link.run()

    try:
        async with asyncio.TaskGroup() as tasks:
            farewell = let_go(watch, supervisor, outbox)
            loops = (connect(), watch.run(), supervisor.run(), replicas.run(), gpu.run(parts.clock), farewell)
            running = [tasks.create_task(steps) for steps in loops]
            await leave.wait()
            if replicas.works:
                await first_of(ended=replicas.leave(), time=parts.clock.sleep_s(LEAVE_WITHIN_S))
            await _leave(watch, supervisor, outbox, parts.clock)
            for task in running:
                task.cancel()
    finally:
        outbox.close()


async def _leave(watch: Watch, supervisor: Supervisor, outbox: Outbox, clock: Clock) -> None:
    log.info("leaving", extra={"attempt": supervisor.attempt, "works": supervisor.works})
    if supervisor.works:
        watch.leave(within_s=LEAVE_WITHIN_S)
        await first_of(ended=supervisor.wait_for_the_end(), time=clock.sleep_s(LEAVE_WITHIN_S))
    await first_of(heard=outbox.wait_until_heard(), time=clock.sleep_s(_LAST_WORDS_S))


def _own_host(settings: Settings) -> str:
    return "127.0.0.1" if settings.address == EVERYWHERE else settings.address
