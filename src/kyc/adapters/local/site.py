"""The local cloud itself: launches, interruptions, capacity and time, over its machines."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kyc.adapters.local.capacity import Capacity, pool_name, replay_of
from kyc.adapters.local.fault import BAD_REQUEST, UNKNOWN_INSTANCE, Fault
from kyc.adapters.local.machine import Machine
from kyc.adapters.local.place import Network
from kyc.adapters.local.process import look_at_all
from kyc.adapters.local.record import Book, Record, write_whole
from kyc.adapters.local.shape import SHAPES, ZONES

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOOK_S, _BUSY_LOOK_S = 1.0, 0.05
_KEPT_ENDED_S = 3600.0  # as long as a real cloud shows a terminated instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is asked for when an instance is launched."""

    instance_id: str
    deployment_id: str
    zone: str
    instance_type: str
    spot: bool
    user_data: str = ""


class Site:
    """A cloud in a folder. `run` must be running for time to pass in it."""

    def __init__(self, home: Path, network: Network, *, now: Callable[[], float] = time.time) -> None:
        self.network = network
        self._now = now
        self._book = Book(home / "instances")
        self._capacity_path = home / "capacity.json"
        self.capacity = Capacity()
        if self._capacity_path.exists():
            self.capacity = Capacity.from_json(json.loads(self._capacity_path.read_bytes()))
        self._machines: dict[str, Machine] = {}
        self._wake = asyncio.Event()
        self._exited: list[Machine] = []
        self._to_clear: asyncio.Queue[Machine] = asyncio.Queue()

    # --- what its API does ---

    async def launch(self, wanted: Launch) -> Record:
        """Start an instance; the same id again returns the one it has, running or ended. Raise Fault."""
        for machine in self._machines.values():
            if machine.record.instance_id == wanted.instance_id:
                return machine.record
        _check(wanted)
        pool = pool_name(wanted.zone, wanted.instance_type, spot=wanted.spot)
        self.capacity.admit(pool, self._running(), self._now())
        record = Record(
            provider_id=f"l-{secrets.token_hex(6)}",
            instance_id=wanted.instance_id,
            deployment_id=wanted.deployment_id,
            zone=wanted.zone,
            instance_type=wanted.instance_type,
            spot=wanted.spot,
            user_data=wanted.user_data,
            requested_at=self._now(),
        )
        machine = self._machine(record)
        machine.note()  # on disk, and its id taken, before anything runs
        try:
            await machine.start(self.network)
        except (Fault, OSError) as error:
            await self._end(machine, f"could not be started: {error}")
            raise
        return machine.record

    async def terminate(self, instance_id: str) -> None:
        """End the instance with this id of the owner's; nothing happens if there is none or it has ended."""
        for machine in list(self._machines.values()):
            if machine.record.instance_id == instance_id:
                await self._end(machine, "terminated")

    async def remove(self, provider_id: str) -> None:
        """End the instance with this id of ours; nothing happens if there is none or it has ended."""
        machine = self._machines.get(provider_id)
        if machine is not None:
            await self._end(machine, "removed")

    def instances(self) -> list[Record]:
        """Return every instance, those that ended within the last hour included."""
        return [machine.record for machine in self._machines.values()]

    async def interrupt(self, provider_id: str, *, notice_s: float, after_s: float = 0.0) -> None:
        """Interrupt an instance: with a notice of `notice_s`, or dead at once for 0; `after_s` from now."""
        machine = self.running(provider_id)
        if after_s > 0:
            machine.note(interrupt_at=self._now() + after_s, notice_s=notice_s)
        else:
            await self._interrupt(machine, notice_s)
        self._wake.set()

    def recommend(self, provider_id: str) -> None:
        """Announce a rebalance recommendation to an instance."""
        self.running(provider_id).note(rebalance_at=self._now())

    def set_capacity(self, pool: str, room: int | None) -> None:
        """Set a pool's room, None for the usual; a replay of the pool ends. What runs goes on running."""
        self._check_pool(pool)
        self.capacity.replays.pop(pool, None)
        self.capacity.room.pop(pool, None)
        if room is not None:
            self.capacity.room[pool] = max(0, room)
        self._save_capacity()

    def set_quota(self, spot: int | None) -> None:
        """Limit the account's running spot instances; None for no limit."""
        self.capacity.spot_quota = spot
        self._save_capacity()

    def replay(self, pool: str, availability: str | list[int], *, gap_s: float, speed: float, notice_s: float) -> None:
        """Let a recording decide from now on how much room the pool has; what it has no room for is interrupted."""
        self._check_pool(pool)
        self.capacity.replays[pool] = replay_of(
            availability, gap_s=gap_s, speed=speed, notice_s=notice_s, now=self._now()
        )
        self._save_capacity()

    def running(self, provider_id: str) -> Machine:
        """Return a running instance; raise Fault if it is unknown or has ended."""
        machine = self._machines.get(provider_id)
        if machine is None or not machine.record.running:
            raise Fault(UNKNOWN_INSTANCE, f"There is no running instance {provider_id}.")
        return machine

    # --- its life ---

    async def open(self) -> None:
        """Find again what ran when the last daemon ended."""
        await self.network.open()
        for record in self._book.load():
            machine = self._machine(record)
            if not record.running:
                self._to_clear.put_nowait(machine)
            elif record.end_reason or not await machine.adopt(self.network):
                await self._end(machine, record.end_reason or machine.exit_story())

    async def close(self, *, everything: bool) -> None:
        """Let go of the instances, or end them all."""
        for machine in list(self._machines.values()):
            if everything:
                await self._end(machine, "the local cloud was stopped")
                machine.clear_disk()
            await machine.let_go(stays=True)
        await self.network.close(everything=everything)

    def tasks(self) -> Iterator[Coroutine[None, None, None]]:
        """Yield what must run as long as the cloud does."""
        yield self._keep_time()
        yield self._keep_limits()
        yield self._clear_disks()

    async def _keep_time(self) -> None:
        while True:
            self._wake.clear()
            await self._settle()
            due = self._next_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.0, due - self._now())):
                    await self._wake.wait()

    async def _settle(self) -> None:
        """Do everything that is due."""
        now = self._now()
        while self._exited:
            machine = self._exited.pop()
            await self._end(machine, machine.exit_story())
        for record, notice_s in self.capacity.excess(self._running(), now):
            await self._interrupt(self._machines[record.provider_id], notice_s)
        for machine in list(self._machines.values()):
            record = machine.record
            if record.running and record.deadline_at is not None and record.deadline_at <= now:
                await self._end(machine, "interrupted")
            elif record.running and record.interrupt_at is not None and record.interrupt_at <= now:
                await self._interrupt(machine, record.notice_s)
            elif record.ended_at is not None and record.ended_at + _KEPT_ENDED_S <= now:
                self._forget(machine)

    def _next_due(self) -> float | None:
        due = [change] if (change := self.capacity.next_change(self._now())) is not None else []
        for record in self.instances():
            if record.ended_at is not None:
                due.append(record.ended_at + _KEPT_ENDED_S)
            else:
                due += [at for at in (record.deadline_at, record.interrupt_at) if at is not None]
        return min(due, default=None)

    async def _keep_limits(self) -> None:
        while True:
            running = [machine for machine in self._machines.values() if machine.record.running]
            if running:
                everything = look_at_all()
                for machine in running:
                    machine.look(everything, time.monotonic())
            await asyncio.sleep(_BUSY_LOOK_S if any(machine.is_busy for machine in running) else _LOOK_S)

    async def _clear_disks(self) -> None:
        while True:
            machine = await self._to_clear.get()
            await asyncio.to_thread(machine.clear_disk)

    async def _interrupt(self, machine: Machine, notice_s: float) -> None:
        if notice_s <= 0:
            await self._end(machine, "interrupted without notice")
            return
        now = self._now()
        deadline = now + notice_s
        if machine.record.deadline_at is not None:
            deadline = min(deadline, machine.record.deadline_at)
        machine.note(noticed_at=machine.record.noticed_at or now, deadline_at=deadline, interrupt_at=None)

    async def _end(self, machine: Machine, reason: str) -> None:
        if machine.record.running:
            await machine.end(reason)
            self._to_clear.put_nowait(machine)
            self._wake.set()

    def _machine(self, record: Record) -> Machine:
        machine = Machine(record, self._book, now=self._now, on_exit=self._on_exit)
        self._machines[record.provider_id] = machine
        return machine

    def _on_exit(self, machine: Machine) -> None:
        self._exited.append(machine)
        self._wake.set()

    def _running(self) -> list[Record]:
        return [record for record in self.instances() if record.running]

    def _forget(self, machine: Machine) -> None:
        del self._machines[machine.record.provider_id]
        self._book.remove(machine.record.provider_id)

    def _check_pool(self, pool: str) -> None:
        if pool not in {
            pool_name(zone, shape, spot=spot) for zone in ZONES for shape in SHAPES for spot in (True, False)
        }:
            raise Fault(BAD_REQUEST, f"there is no pool {pool!r}; a pool is zone/type/spot or zone/type/on_demand")

    def _save_capacity(self) -> None:
        write_whole(self._capacity_path, json.dumps(self.capacity.to_json()).encode())
        self._wake.set()


def _check(wanted: Launch) -> None:
    if not (_NAME.fullmatch(wanted.instance_id) and _NAME.fullmatch(wanted.deployment_id)):
        raise Fault(BAD_REQUEST, "an id has letters, digits, dots, dashes and underscores, 64 at most")
    if wanted.zone not in ZONES:
        raise Fault(BAD_REQUEST, f"there is no zone {wanted.zone!r} in the local cloud, only {', '.join(ZONES)}")
    if wanted.instance_type not in SHAPES:
        raise Fault(BAD_REQUEST, f"there is no type {wanted.instance_type!r}, only {', '.join(SHAPES)}")
