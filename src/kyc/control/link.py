"""The connections to the agents: facts come in and are stored before they are acknowledged, desires go out.

One `serve` runs per connection. What the master wants of an instance is computed from the store whenever something
changed, and sent when it differs from what was sent before, so a restart of either side needs no special care.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import cast

from kyc.control.context import Context, write_fresh
from kyc.control.fact import Known, attempt_of, read_fact
from kyc.control.flush import FlushWatch
from kyc.control.grant import Grants
from kyc.control.orders import OrderBook
from kyc.control.pulse import Pulses
from kyc.control.replicafact import ReplicaChanges, read_replica_fact, read_replica_trouble
from kyc.control.routing import Routing
from kyc.control.trust import Passport
from kyc.domain.errors import KycError, UnreachableError
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import AttemptId, InstanceId, ReplicaId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.interruption import NoticeKind
from kyc.domain.job import Attempt, AttemptState, Job
from kyc.domain.snapshot import StreamAccess
from kyc.planning.recoveries import KINDS, recoveries
from kyc.ports.authority import Authority
from kyc.ports.store import EventFilter
from kyc.wire import agent as wire
from kyc.wire.replica import ReplicaExited, ReplicaFact, ReplicaUnready, ToldOfReplica

log = logging.getLogger(__name__)

_FEW = 100  # events that tell of one instance's interruption
Receive = Callable[[], Awaitable[str]]
Send = Callable[[str], Awaitable[None]]

_PHASES = {
    AttemptState.PREPARING: "prepare",
    AttemptState.PREPARED: "prepare",
    AttemptState.RUNNING: "run",
    AttemptState.RELEASING: "release",
}
_REFRESH_S = 5.0  # how long a lost hint may delay a desire


@dataclass(slots=True)
class Links:
    """Serves agents' connections; `pulses` holds what they said last."""

    context: Context
    pulses: Pulses
    routing: Routing | None = None
    authority: Authority | None = None
    _revisions: itertools.count[int] = field(init=False)
    _orders: OrderBook = field(init=False)
    _flushes: FlushWatch = field(init=False)
    _serving: dict[InstanceId, asyncio.Task[None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._revisions = itertools.count(int(self.context.clock.now().timestamp() * 1000))
        self._orders = OrderBook(self.context)
        self._flushes = FlushWatch(self.context)

    async def serve(self, instance: Instance, receive: Receive, send: Send) -> None:
        """Talk to one agent until its connection ends; `receive` and `send` raise UnreachableError then.

        A newer connection of the same agent ends the older one.
        """
        me = asyncio.current_task()
        before = self._serving.get(instance.id)
        if before is not None:
            before.cancel()
        self._serving[instance.id] = me  # type: ignore[assignment]  # a coroutine always runs in a task
        self.pulses.connected(instance.id, yes=True)
        try:
            await write_fresh(lambda: self._greet(instance.id))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell(instance, send))
                group.create_task(self._listen(instance.id, receive, send))
        except* UnreachableError as errors:
            log.info("agent_gone", extra={"instance": instance.id, "why": str(errors.exceptions[0])})
        finally:
            if self._serving.get(instance.id) is me:
                del self._serving[instance.id]
                self.pulses.connected(instance.id, yes=False)
            self.context.doubt.notify()

    async def _greet(self, instance_id: InstanceId) -> None:
        """Note that the agent is there: its instance is ready."""
        context = self.context
        instance = await context.store.instance(instance_id)
        if instance is None or instance.state not in {InstanceState.PROVISIONING, InstanceState.BOOTING}:
            return
        now = context.clock.now()
        data = {"offer": instance.offer.id, "boot_s": round((now - instance.requested_at).total_seconds(), 3)}
        event = Event(kind=EventKind.INSTANCE_READY, subject=instance.id, at=now, data=data, reason="its agent came")
        ready = instance.to(InstanceState.READY, started_at=instance.started_at or now, ready_at=now, seen_at=now)
        await context.store.save(ready, events=[event])
        context.signal.notify()

    async def _tell(self, instance: Instance, send: Send) -> None:
        grants = Grants(self.context.stream_host, self.context.clouds, self.context.clock)
        passport = Passport(self.authority, instance, self.context.clock)
        sent: tuple[object, ...] | None = None
        while True:
            mark = self.context.signal.mark
            try:
                assignment = await self._assignment(instance.id, grants)
            except KycError as error:  # its access cannot be granted now; what the agent was told last still holds
                log.warning("not_granted", extra={"instance": instance.id, "why": str(error)})
                await self.context.signal.wait(mark, timeout_s=_REFRESH_S)
                continue
            replicas = await self._orders.of(instance.id, stale_s=_REFRESH_S)
            identity = passport.identity() if replicas else None
            if (assignment, replicas, identity) != sent:
                desire = wire.Desire(
                    revision=next(self._revisions), assignment=assignment, replicas=replicas, identity=identity
                )
                await send(wire.frame(desire))
                sent = (assignment, replicas, identity)
            await self.context.signal.wait(mark, timeout_s=_REFRESH_S)

    async def _listen(self, instance_id: InstanceId, receive: Receive, send: Send) -> None:
        while True:
            message = wire.read_from_agent(await receive())
            match message:
                case wire.Pulse():
                    self.pulses.heard(instance_id, message)
                    await self._flushes.heard(instance_id, message)
                case wire.Fact():
                    self.pulses.heard(instance_id)
                    await write_fresh(partial(self._store, instance_id, message))
                    await send(wire.frame(wire.Ack(upto=message.number)))

    async def _store(self, instance_id: InstanceId, message: wire.Fact) -> None:
        """Store what a fact changes, and that it was told."""
        context, fact, inbox = self.context, message.fact, (instance_id, message.number)
        await self._hurry(instance_id, fact)
        of_replica = await self._replica_changes(instance_id, fact)
        if of_replica is not None:
            records = () if of_replica.replica is None else (of_replica.replica,)
            await context.store.save(*records, events=of_replica.events, logs=of_replica.logs, inbox=inbox)
            context.signal.notify()
            return
        assert not isinstance(fact, ToldOfReplica)
        known = await self._known(instance_id, fact)
        if known is None:
            return
        changes = read_fact(fact, known, now=context.clock.now())
        await context.store.save(*changes.records, events=changes.events, logs=changes.logs, inbox=inbox)
        context.signal.notify()

    async def _hurry(self, instance_id: InstanceId, fact: wire.AnyFact) -> None:
        """Have the edge act on what cannot wait for the disk, before that sets anything else going."""
        if self.routing is None:
            return
        match fact:
            case wire.Noticed() if fact.notice.kind is NoticeKind.INTERRUPTION:
                await self.routing.notice(instance_id, fact.notice)
            case ReplicaExited() | ReplicaUnready():
                await self.routing.down(ReplicaId(fact.replica))
            case _:
                return

    async def _replica_changes(self, instance_id: InstanceId, fact: wire.AnyFact) -> ReplicaChanges | None:
        """Return what a fact about a replica changes; None for one that is about something else."""
        of_replica = isinstance(fact, ToldOfReplica)
        name = (
            fact.replica
            if isinstance(fact, ToldOfReplica)
            else fact.attempt
            if isinstance(fact, wire.Troubled)
            else None
        )
        replica = None if name is None else await self.context.store.replica(ReplicaId(name))
        if replica is None or replica.instance_id != instance_id:  # an agent speaks for its own instance only
            return ReplicaChanges() if of_replica else None
        now = self.context.clock.now()
        if isinstance(fact, wire.Troubled):
            return read_replica_trouble(fact, replica, now=now)
        return read_replica_fact(cast("ReplicaFact", fact), replica, now=now)

    async def _known(self, instance_id: InstanceId, fact: wire.Noticed | wire.AttemptFact) -> Known | None:
        store = self.context.store
        instance = await store.instance(instance_id)
        if instance is None:
            return None
        name = attempt_of(fact)
        attempt = await store.attempt(AttemptId(name)) if name else None
        if attempt is not None and attempt.instance_id != instance_id:
            attempt = None  # an agent speaks for its own instance only
        job = await store.job(attempt.workload) if attempt else None
        started = attempt is not None and isinstance(fact, wire.Started)
        interrupted_at = await self._interrupted_at(attempt) if started and attempt is not None else None
        return Known(instance=instance, attempt=attempt, job=job, interrupted_at=interrupted_at)

    async def _interrupted_at(self, attempt: Attempt) -> datetime | None:
        """Return when the instance was interrupted on which the work ran before; None: it was not."""
        store = self.context.store
        earlier = [
            one
            for one in await store.attempts(workload=attempt.workload)
            if one.number < attempt.number and one.started_at is not None
        ]
        if not earlier:
            return None
        wanted = EventFilter(kinds=KINDS, subject=earlier[-1].instance_id)
        found = recoveries(await store.events_after(0, limit=_FEW, wanted=wanted))
        return found[0].at if found else None

    async def _assignment(self, instance_id: InstanceId, grants: Grants) -> wire.Assignment | None:
        """Return what is wanted of the instance."""
        store = self.context.store
        attempts = [a for a in await store.attempts(live_only=True) if a.instance_id == instance_id]
        if not attempts:
            return None
        job, instance = await store.job(attempts[0].workload), await store.instance(instance_id)
        if job is None or instance is None:
            return None
        return self._describe(attempts[0], job, await grants.of(job.name, instance.offer.cloud))

    def _describe(self, attempt: Attempt, job: Job, access: StreamAccess) -> wire.Assignment:
        spec = job.spec
        key = self.context.secrets.open(job.sealed_key, purpose=f"workload {job.name}")
        return wire.Assignment(
            attempt=attempt.id,
            workload=job.name,
            phase=_PHASES[attempt.state],
            epoch=attempt.epoch,
            run=spec.run,
            setup=spec.setup,
            envs=spec.envs,
            keep=list(spec.keep),
            on_interrupt=spec.on_interrupt,
            progress=spec.progress,
            stop_grace_s=spec.stop_grace.total_seconds(),
            snapshot_interval_s=spec.snapshot_interval.total_seconds(),
            archive=spec.workdir,
            stream=access,
            key=base64.b64encode(key).decode(),
            reason=attempt.reason,
            snapshot_bytes_per_s=spec.snapshot_bytes_per_s,
            snapshot_paranoid=spec.snapshot_paranoid,
        )
