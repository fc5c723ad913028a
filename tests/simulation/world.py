"""A world in memory: the real control loops, fake ports, and agents that behave as the real one does on the wire."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from kyc.adapters.fake.catalog import FakeCatalog, fake_offer
from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.cloud import FakeCloud, FakeMachine
from kyc.adapters.fake.edge import FakeEdge
from kyc.adapters.fake.provisioner import FakeProvisioner
from kyc.adapters.fake.store import FakeStore
from kyc.control.budgets import Budgets
from kyc.control.context import Context
from kyc.control.deadlines import Deadlines
from kyc.control.fleet import Fleet
from kyc.control.intent import Intents
from kyc.control.jobs import Jobs
from kyc.control.link import Links
from kyc.control.loop import Tick, run_loop
from kyc.control.observe import Observer
from kyc.control.places import Places
from kyc.control.pulse import Pulses
from kyc.control.repricing import Repricing
from kyc.control.routing import Routing
from kyc.control.scaling import Scaling
from kyc.control.serve import Servings
from kyc.control.services import Services
from kyc.control.sweep import Sweeper
from kyc.control.traffic import Traffic
from kyc.domain.deployment import Deployment
from kyc.domain.errors import StaleWriteError, UnreachableError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Job
from kyc.domain.offer import Offer, Purchase
from kyc.domain.snapshot import StreamAccess
from kyc.domain.workload import JobSpec
from kyc.wire import agent as wire
from tests.simulation.replicas import SimReplicas, SimTraffic

TICK_S = 0.5
ZONES = ("fake-a", "fake-b", "fake-c")


async def _user_data(_deployment: Deployment, instance_id: InstanceId, _master_url: str) -> str:
    return f"#!/bin/sh\n# {instance_id}\n"


class Log:
    """The stream as the agents see it: what is committed, and by whom it may be written."""

    def __init__(self) -> None:
        self.epoch: dict[str, int] = defaultdict(int)
        self.steps: dict[str, int] = defaultdict(int)

    def open(self, workload: str, epoch: int) -> bool:
        """Open the epoch; False if it or a higher one is open already."""
        if epoch <= self.epoch[workload]:
            return False
        self.epoch[workload] = epoch
        return True


class SimStreamHost:
    """Hands out access, unless it is `away`; the log itself is the world's."""

    identity = "fake://"
    away = False

    def __init__(self) -> None:
        self.down = False

    async def ensure(self) -> bool:
        return False

    async def stream(self, workload: str = "") -> SimStreamHost:
        return self

    async def create(self, workload: str) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise UnreachableError("the stream does not answer", next_step="Look at its server.")

    async def open_writer(self, workload: str, epoch: int) -> SimStreamHost:
        return self

    async def close(self) -> None:
        return

    async def access(self, workload: str) -> StreamAccess:
        if self.away:
            raise UnreachableError("away")
        return StreamAccess(url="fake://", workload=workload)

    async def stop(self) -> None:
        return


class SimSecrets:
    """Seals by wrapping: the real one has its own tests."""

    def seal(self, plain: bytes, *, purpose: str) -> str:
        return purpose + ":" + plain.hex()

    def open(self, sealed: str, *, purpose: str) -> bytes:
        return bytes.fromhex(sealed.removeprefix(purpose + ":"))

    def derive(self, *, purpose: str) -> str:
        return "token of " + purpose


class SimAgent:
    """One agent: a step of work a second, a commit every two, prepared one second after it was asked to prepare."""

    def __init__(self, world: World, instance_id: InstanceId) -> None:
        self.world = world
        self.instance_id = instance_id
        self.linked = False
        self.cut = False
        self.assignment: wire.Assignment | None = None
        self.working_epoch = 0
        self.step = 0
        self.deadline_s: float | None = None
        self._asked_s = 0.0
        self._prepared: str | None = None
        self._over: set[str] = set()
        self._number = 0
        self._outbox: list[wire.Fact] = []
        self._inbox: asyncio.Queue[str] = asyncio.Queue()
        self._serving: asyncio.Task[None] | None = None
        self.replicas = SimReplicas(world.clock, self.tell, world.broken, figure=world.traffic.backlog_each)

    # --- the wire ---

    async def connect(self) -> None:
        """Open the connection if it is closed and nothing is in the way."""
        if self.cut or (self._serving is not None and not self._serving.done()):
            return
        instance = await self.world.store.instance(self.instance_id)
        if instance is None or instance.is_over or self.world.master is None:
            return
        self._inbox = asyncio.Queue()
        for fact in self._outbox:
            self._inbox.put_nowait(wire.frame(fact))
        self._serving = asyncio.create_task(self.world.master.links.serve(instance, self._receive, self._send))

    async def disconnect(self) -> None:
        """Close the connection, as a cut network or a death does."""
        if self._serving is not None:
            self._serving.cancel()
            with suppress(asyncio.CancelledError):
                await self._serving
            self._serving = None

    async def _receive(self) -> str:
        text = await self._inbox.get()
        if text == "":
            raise UnreachableError("closed")
        return text

    async def _send(self, text: str) -> None:
        if self.cut:
            raise UnreachableError("cut")
        message = wire.read_from_master(text)
        if isinstance(message, wire.Ack):
            self._outbox = [fact for fact in self._outbox if fact.number > message.upto]
            return
        self.replicas.want(message.replicas)
        if message.assignment != self.assignment:
            self._asked_s = self.world.clock.monotonic_s()
        self.assignment = message.assignment

    def tell(self, fact: wire.AnyFact) -> None:
        """Say a fact now, and again after every reconnection until it is acknowledged."""
        self._number += 1
        message = wire.Fact(number=self._number, fact=fact)
        self._outbox.append(message)
        self._inbox.put_nowait(wire.frame(message))

    # --- the work ---

    async def live(self) -> None:
        """Do what half a second allows."""
        await self.connect()
        now = self.world.clock.now()
        self.replicas.live()
        loads = self.replicas.loads(lambda _: 0.1)
        self._inbox.put_nowait(wire.frame(wire.Pulse(at=now, cpu=0.5, memory=0.1, disk=0.1, replicas=loads)))
        wanted = self.assignment
        if wanted is None or wanted.attempt in self._over:
            self.working_epoch = 0
            return
        {"prepare": self._prepare, "run": self._run, "release": self._release}[wanted.phase](wanted)
        if self.working_epoch and self.deadline_s is not None and self.world.clock.monotonic_s() > self.deadline_s - 1:
            self._release(wanted)

    def _prepare(self, wanted: wire.Assignment) -> None:
        if self._prepared != wanted.attempt and self.world.clock.monotonic_s() - self._asked_s >= 1:
            self._prepared = wanted.attempt
            self.tell(wire.Prepared(at=self.world.clock.now(), attempt=wanted.attempt))

    def _run(self, wanted: wire.Assignment) -> None:
        now, log = self.world.clock.now(), self.world.log
        if not self.working_epoch:
            if not log.open(wanted.workload, wanted.epoch):
                self._fenced(wanted)
                return
            self.working_epoch, self.step = wanted.epoch, log.steps[wanted.workload]
            sequence = self.step or None
            self.tell(wire.Started(at=now, attempt=wanted.attempt, epoch=wanted.epoch, pid=1, sequence=sequence))
            return
        self.step += 1
        self.world.work_done.append((wanted.workload, wanted.epoch, self.step))
        if self.world.prints_steps and self.step % 2 == 0:
            total, first = self.world.steps_of_work, self.step - 1
            self.tell(wire.Progressed(at=now, attempt=wanted.attempt, first=first, step=self.step, total=total))
        if self.step % 4 == 0 and not self._commit(wanted, flushed=False):
            return
        if self.step >= self.world.steps_of_work and self._commit(wanted, flushed=True):
            self._end(wanted)
            self.tell(wire.Exited(at=now, attempt=wanted.attempt, stage="run", code=0))

    def _release(self, wanted: wire.Assignment) -> None:
        if self.working_epoch and not self._commit(wanted, flushed=True):
            return
        self._end(wanted)
        self.tell(wire.Released(at=self.world.clock.now(), attempt=wanted.attempt))

    def _commit(self, wanted: wire.Assignment, *, flushed: bool) -> bool:
        log = self.world.log
        if self.cut and not flushed:
            return True  # not reachable: it goes on and tries again
        if self.cut or log.epoch[wanted.workload] != self.working_epoch:
            self._fenced(wanted)
            return False
        assert self.step >= log.steps[wanted.workload], "a commit went back in time"
        log.steps[wanted.workload] = self.step
        fact = wire.Committed(
            at=self.world.clock.now(),
            attempt=wanted.attempt,
            epoch=self.working_epoch,
            sequence=self.step,
            files=1,
            bytes=1,
            sent_bytes=1,
            took_s=0,
            flushed=flushed,
        )
        self.tell(fact)
        return True

    def _fenced(self, wanted: wire.Assignment) -> None:
        self._end(wanted)
        self.tell(wire.Fenced(at=self.world.clock.now(), attempt=wanted.attempt, epoch=self.working_epoch))

    def _end(self, wanted: wire.Assignment) -> None:
        self._over.add(wanted.attempt)
        self.working_epoch = 0


class Master:
    """One life of the master: control objects over the world's ports."""

    def __init__(self, world: World) -> None:
        self.context = Context(
            store=world.store,
            clock=world.clock,
            rng=world.rng,
            clouds={"fake": world.cloud},
            catalogs=[world.catalog],
            provisioner=world.provisioner,
            stream_host=world.stream,  # type: ignore[arg-type]  # only what control uses
            secrets=SimSecrets(),
            master_url="http://master",
        )
        self.pulses = Pulses(world.clock)
        self.intents = Intents(self.context)
        self.places = Places(self.context)
        self.jobs = Jobs(self.context)
        self.fleet = Fleet(self.context, _user_data)
        self.observer = Observer(self.context, self.pulses, sweeper=Sweeper(self.context))
        self.repricing = Repricing(self.context)
        self.budgets = Budgets(self.context)
        self.deadlines = Deadlines(self.context)
        traffic = Traffic(world.clock, self.pulses, world.edge)
        self.routing = Routing(self.context, self.pulses, world.edge)
        self.links = Links(self.context, self.pulses, self.routing)
        self.services = Services(self.context, traffic, self.routing, Scaling(self.context, traffic))
        self.servings = Servings(self.context, lambda wanted: wanted or 8080)

    def ticks(self) -> list[Tick]:
        """Every loop's tick, in the order of a change's way through them."""
        before = (self.observer, self.repricing, self.budgets, self.deadlines, self.places, self.jobs)
        loops = (*before, self.routing, self.services, self.routing, self.fleet)
        return [loop.tick for loop in loops]

    async def tick(self) -> None:
        """Run every loop once; what cannot be done now is for the next tick."""
        for tick in self.ticks():
            with suppress(UnreachableError, StaleWriteError):
                await tick()
        self.context.signal.notify()


class World:
    """Everything there is, on one fake clock."""

    def __init__(self, *, seed: int = 1, steps_of_work: int = 20, zones: Iterable[str] = ZONES) -> None:
        self.rng = random.Random(seed)
        self.clock = FakeClock(turns=20)
        self.store = FakeStore()
        self.cloud = FakeCloud(self.clock)
        self.catalog = FakeCatalog(offers(zones))
        self.provisioner = FakeProvisioner(self.clock, {"fake": self.cloud}, delay_s=0.4)
        self.log = Log()
        self.stream = SimStreamHost()
        self.steps_of_work = steps_of_work
        self.prints_steps = False
        self.work_done: list[tuple[str, int, int]] = []
        self.agents: dict[InstanceId, SimAgent] = {}
        self.edge = FakeEdge()
        self.traffic = SimTraffic(self.edge)
        self.boot_s = 1.0  # from a launch to its agent
        self.broken: set[str] = set()  # folders (`web@2`) of revisions whose replicas never come up
        self.master: Master | None = None
        self._hurry: asyncio.Task[None]
        self.cloud.on_launch.append(self._boot)
        self.cloud.on_notice.append(self._notice)
        self.cloud.on_end.append(self._die)
        self._dead: list[SimAgent] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Master]:
        """Start a master; at the end it is stopped."""
        await self.start_master()
        try:
            assert self.master is not None
            yield self.master
        finally:
            await self.kill_master()
            for agent in self.agents.values():
                await agent.disconnect()

    async def start_master(self) -> None:
        """Begin a new life of the master on what is stored."""
        self.master = Master(self)
        await self.master.fleet.__aenter__()
        routing = self.master.routing
        self._hurry = asyncio.create_task(run_loop("hurry", routing.hurry, signal=routing.hurried, period_s=3600))

    async def kill_master(self) -> None:
        """End the master's life at once: connections drop, runs of Terraform are cut off."""
        if self.master is None:
            return
        master, self.master = self.master, None
        self._hurry.cancel()
        await asyncio.wait([self._hurry])
        await master.fleet.__aexit__(None, None, None)
        for agent in self.agents.values():
            await agent.disconnect()

    async def run_for(self, seconds: float) -> None:
        """Let the world live."""
        for _ in range(round(seconds / TICK_S)):
            for agent in list(self.agents.values()):
                await agent.live()
            while self._dead:
                await self._dead.pop().disconnect()
            self.traffic.flow(TICK_S, self.answering())
            if self.master is not None:
                await self.master.tick()
            await self.clock.advance(TICK_S)
            self.check()

    async def run_until_over(self, name: WorkloadName, *, at_most_s: float = 600) -> Job:
        """Let the world live until the job is over; fail if that takes too long."""
        for _ in range(round(at_most_s)):
            await self.run_for(1)
            job = await self.store.job(name)
            if job is not None and job.is_over:
                await self.run_for(10)
                return await self.job(name)
        raise AssertionError(f"{name} is not over after {at_most_s} s: {await self.job(name)}")

    def check(self) -> None:
        """The invariants: at most one unfenced attempt of a workload works at a time."""
        unfenced: dict[str, int] = defaultdict(int)
        for agent in self.agents.values():
            if agent.working_epoch and agent.assignment is not None:
                workload = agent.assignment.workload
                unfenced[workload] += agent.working_epoch == self.log.epoch[workload]
        assert all(count <= 1 for count in unfenced.values()), unfenced

    def answering(self) -> set[str]:
        """The replicas that would answer a request now."""
        return {name for agent in self.agents.values() for name in agent.replicas.answering()}

    async def job(self, name: WorkloadName) -> Job:
        job = await self.store.job(name)
        assert job is not None
        return job

    async def events(self, *kinds: EventKind) -> list[Event]:
        events = await self.store.events_after(0, limit=1_000_000)
        return [event for event in events if not kinds or event.kind in kinds]

    async def working_instance(self) -> Instance:
        """Return the instance whose agent works now."""
        working = [i for i, agent in self.agents.items() if agent.working_epoch]
        instance = await self.store.instance(working[0])
        assert instance is not None
        return instance

    async def leftovers(self) -> list[Instance]:
        """What runs in the cloud or is not over in the books."""
        return [i for i in await self.store.instances() if i.state is not InstanceState.FAILED and not i.is_over]

    def _boot(self, machine: FakeMachine) -> None:
        instance_id = machine.seen.instance_id
        self.clock.call_in_s(self.boot_s, lambda: self._arrive(instance_id))

    def _arrive(self, instance_id: InstanceId) -> None:
        if instance_id in self.cloud.running():
            self.agents[instance_id] = SimAgent(self, instance_id)

    def _notice(self, machine: FakeMachine) -> None:
        agent, notice = self.agents.get(machine.seen.instance_id), machine.notice
        if agent is not None and notice is not None:
            if notice.deadline_at is not None:
                agent.deadline_s = self.clock.monotonic_s() + (notice.deadline_at - self.clock.now()).total_seconds()
            agent.tell(wire.Noticed(at=self.clock.now(), notice=notice))

    def _die(self, machine: FakeMachine) -> None:
        agent = self.agents.pop(machine.seen.instance_id, None)
        if agent is not None:
            agent.working_epoch = 0
            self._dead.append(agent)


def offers(zones: Iterable[str]) -> list[Offer]:
    """Spot and on-demand in each zone; the first zone is the cheapest."""
    spot = [fake_offer(zone=zone, price=f"0.03{number}") for number, zone in enumerate(zones)]
    dear = [fake_offer(zone=zone, purchase=Purchase.ON_DEMAND, price="0.10") for zone in zones]
    return [*spot, *dear]


def spec(name: str = "train") -> JobSpec:
    """A job that asks for nothing in particular."""
    return JobSpec(name=WorkloadName(name), run="work", stop_grace=timedelta(seconds=1))
