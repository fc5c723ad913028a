"""A cloud in memory: instances, capacity, notices and deaths on the fake clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from kyc.adapters.fake.clock import FakeClock
from kyc.domain.deployment import Deployment
from kyc.domain.errors import CapacityUnavailableError, NotFoundError
from kyc.domain.ids import InstanceId
from kyc.domain.interruption import Notice, NoticeKind
from kyc.domain.offer import Pool, Purchase
from kyc.ports.cloud import CloudInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeMachine:
    """An instance with what only the cloud knows of it."""

    seen: CloudInstance
    pool: Pool
    user_data: str
    notice: Notice | None = None


Watcher = Callable[[FakeMachine], None]


class FakeCloud:
    """A Cloud in memory. FakeProvisioner launches into it; tests reach into its public fields.

    `capacity` limits the running instances of a pool (absent: no limit); pools `without_spot` sell on demand only.
    `failure` makes the Cloud port's calls raise. A `forgetful` cloud, as real ones are, makes another machine when an
    id is launched again; the one before is a stray then, by its provider id.
    `on_launch`, `on_notice` and `on_end` are called at once when it happens: a simulated agent lives on these.
    """

    def __init__(self, clock: FakeClock, *, name: str = "fake") -> None:
        self.name = name
        self.look_every_s = 1.0
        self.clock = clock
        self.machines: dict[InstanceId, FakeMachine] = {}
        self.forgetful = False
        self.strays: dict[str, FakeMachine] = {}
        self.capacity: dict[Pool, int] = {}
        self.without_spot: set[Pool] = set()
        self.failure: Exception | None = None
        self.on_launch: list[Watcher] = []
        self.on_notice: list[Watcher] = []
        self.on_end: list[Watcher] = []
        self.launches = 0

    # --- the port ---

    async def instances(self, *, everywhere: bool = False) -> list[CloudInstance]:
        """Return everything ever launched here."""
        del everywhere
        self._may_fail()
        return [machine.seen for machine in (*self.machines.values(), *self.strays.values())]

    async def interrupt(self, provider_id: str, *, notice_s: float) -> str:
        """Give notice and kill at its end; kill at once for 0."""
        self._may_fail()
        machine = self._running(provider_id)
        if notice_s <= 0:
            self.end(machine.seen.instance_id, reason="interrupted without notice")
            return "killed"
        now = self.clock.now()
        notice = Notice(kind=NoticeKind.INTERRUPTION, noticed_at=now, deadline_at=now + timedelta(seconds=notice_s))
        self._announce(machine, notice)
        self.clock.call_in_s(notice_s, lambda: self.end(machine.seen.instance_id, reason="interrupted"))
        return "noticed"

    async def remove(self, provider_id: str) -> None:
        """End the instance if it runs."""
        self._may_fail()
        for machine in list(self.machines.values()):
            if machine.seen.provider_id == provider_id:
                self.end(machine.seen.instance_id, reason="removed")
        stray = self.strays.get(provider_id)
        if stray is not None:
            ended = replace(stray.seen, running=False, ended_at=self.clock.now(), end_reason="removed")
            self.strays[provider_id] = replace(stray, seen=ended)

    async def reach(self, url: str) -> str:
        """Return the URL as it is: there is one network."""
        return url

    # --- for the provisioner and for tests ---

    def launch(self, deployment: Deployment, instance_id: InstanceId, user_data: str) -> CloudInstance:
        """Start an instance, or return the one this id ever had; raise CapacityUnavailableError for a full pool."""
        if instance_id in self.machines:
            before = self.machines[instance_id]
            if not self.forgetful:
                return before.seen
            self.strays[before.seen.provider_id] = before
        pool = deployment.offer.pool
        full = pool in self.without_spot and deployment.offer.purchase is Purchase.SPOT
        if full or self._count(pool) >= self.capacity.get(pool, self._count(pool) + 1):
            raise CapacityUnavailableError(
                f"InsufficientInstanceCapacity: no {pool.instance_type} left in {pool.zone}",
                next_step="Choose another zone or instance type.",
            )
        self.launches += 1
        machine = FakeMachine(
            seen=CloudInstance(
                provider_id=f"{self.name}-{self.launches}",
                instance_id=instance_id,
                deployment_id=deployment.id,
                running=True,
                zone=deployment.offer.zone,
                address=f"10.0.{self.launches // 250}.{self.launches % 250 + 1}",
                started_at=self.clock.now(),
            ),
            pool=pool,
            user_data=user_data,
        )
        self.machines[instance_id] = machine
        _tell(self.on_launch, machine)
        return machine.seen

    def end(self, instance_id: InstanceId, *, reason: str) -> None:
        """End an instance now; nothing happens if it has ended or never was."""
        machine = self.machines.get(instance_id)
        if machine is None or not machine.seen.running:
            return
        seen = replace(machine.seen, running=False, ended_at=self.clock.now(), end_reason=reason)
        machine = replace(machine, seen=seen)
        self.machines[instance_id] = machine
        _tell(self.on_end, machine)

    def recommend_rebalance(self, instance_id: InstanceId) -> None:
        """Give the earlier hint, without a deadline."""
        self._announce(self.machines[instance_id], Notice(kind=NoticeKind.REBALANCE, noticed_at=self.clock.now()))

    def running(self) -> set[InstanceId]:
        """Return the ids of what runs, and so costs money, now."""
        return {key for key, machine in self.machines.items() if machine.seen.running}

    def _announce(self, machine: FakeMachine, notice: Notice) -> None:
        noticed = replace(self.machines[machine.seen.instance_id], notice=notice)
        self.machines[machine.seen.instance_id] = noticed
        _tell(self.on_notice, noticed)

    def _running(self, provider_id: str) -> FakeMachine:
        for machine in self.machines.values():
            if machine.seen.provider_id == provider_id and machine.seen.running:
                return machine
        raise NotFoundError(f"no running instance {provider_id}", next_step="List the instances with `kyc instances`.")

    def _count(self, pool: Pool) -> int:
        return sum(1 for machine in self.machines.values() if machine.seen.running and machine.pool == pool)

    def _may_fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def _tell(watchers: list[Watcher], machine: FakeMachine) -> None:
    for watcher in list(watchers):
        watcher(machine)
