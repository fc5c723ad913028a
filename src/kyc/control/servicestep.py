"""Collects what one round of a service writes: each record once, in its newest form, with the events that tell it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from kyc.domain.deployment import Deployment
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId, ReplicaId, replica_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.replica import Replica, ReplicaState
from kyc.domain.service import ServiceState
from kyc.planning.autoscale import ScaleDecision
from kyc.planning.early import Weighing
from kyc.planning.packing import DrainReplica, ReleaseInstance, StartReplica
from kyc.planning.serving import GONE, ServiceRecords
from kyc.ports.store import Record

_R = ReplicaState


class ServiceStep:
    """One round's changes of one service; `records` and `events` are for one write."""

    def __init__(self, seen: ServiceRecords, now: datetime) -> None:
        self.seen = seen
        self.now = now
        self.service = seen.service
        self.events: list[Event] = []
        self._records: dict[str, Record] = {}
        self._now_seen: tuple[int, ServiceRecords] | None = None
        self._changes = 0

    @property
    def records(self) -> list[Record]:
        """Everything that changed."""
        return list(self._records.values())

    def current(self) -> ServiceRecords:
        """Return the records as they are after what was collected so far."""
        if self._now_seen is None or self._now_seen[0] != self._changes:
            self._now_seen = (self._changes, self._merged())
        return self._now_seen[1]

    def _put(self, key: str, record: Record) -> None:
        self._records[key] = record
        self._changes += 1

    def _merged(self) -> ServiceRecords:
        replicas = {replica.id: replica for replica in self.seen.replicas}
        instances = dict(self.seen.instances)
        ended = list(self.seen.ended)
        for record in self._records.values():
            if isinstance(record, Replica):
                replicas[record.id] = record
            elif isinstance(record, Instance):
                instances[record.id] = record
        ended += [replica for replica in replicas.values() if replica.is_over]
        return replace(
            self.seen,
            service=self.service,
            replicas=[replica for replica in replicas.values() if not replica.is_over],
            ended=ended,
            instances=instances,
        )

    # --- the service ---

    def set(self, **changes: object) -> None:
        """Change the service's fields, if that changes anything."""
        changed = replace(self.service, **changes)  # type: ignore[arg-type]  # names are the fields'
        if changed != self.service:
            self.service = changed
            self._put("service", changed)

    def move(self, state: ServiceState, kind: EventKind, reason: str, **data: object) -> None:
        """Move the service on and tell it."""
        over = {"ended_at": self.now} if state in {ServiceState.STOPPED, ServiceState.FAILED} else {}
        self.service = self.service.to(state, reason=reason, **over)
        self._put("service", self.service)
        self.tell(kind, reason, **data)

    def decided(self, decision: ScaleDecision, reason: str | None = None, **data: object) -> None:
        """Note a decision about the numbers; one that changes them is told."""
        self.set(wanted_instances=decision.instances, wanted_replicas=decision.replicas)
        if decision.is_change:
            self.tell(EventKind.SERVICE_SCALED, reason or decision.reason, **decision.numbers, **data)

    # --- replicas ---

    def start(self, action: StartReplica) -> ReplicaId:
        """Store a new replica of the newest revision."""
        number = self.service.replicas + 1
        self.set(replicas=number)
        replica = Replica(
            id=replica_id(self.service.name, number),
            workload=self.service.name,
            instance_id=action.instance_id,
            state=_R.PENDING,
            created_at=self.now,
            revision=self.service.revision,
            replaces=action.replaces,
            reason=action.reason,
        )
        self._put(replica.id, replica)
        about = {"instance": replica.instance_id, "revision": replica.revision, "replaces": replica.replaces}
        self.tell(EventKind.REPLICA_REQUESTED, action.reason, replica=replica.id, **about)
        return replica.id

    def drain(self, action: DrainReplica) -> None:
        """Take a replica out: a ready one drains first, one that serves nobody stops at once."""
        replica = self._replica(action.replica_id)
        if replica.state is _R.PENDING:
            self._end(replica.to(_R.STOPPED, ended_at=self.now, reason=action.reason))
            return
        served = replica.state is _R.READY
        drained_at = None if served else self.now
        draining = replica.to(_R.DRAINING, draining_at=self.now, drained_at=drained_at, reason=action.reason)
        self._put(replica.id, draining)
        self.tell(EventKind.REPLICA_DRAINING, action.reason, replica=replica.id, instance=replica.instance_id)

    def drained(self, replica: Replica, reason: str) -> None:
        """Note that a replica may be stopped now."""
        self._put(replica.id, replace(replica, drained_at=self.now, reason=f"{replica.reason}; {reason}"))

    def lose(self, replica: Replica, reason: str) -> None:
        """Note that a replica went with its instance."""
        self._end(replica.to(_R.FAILED, ended_at=self.now, reason=reason))

    def _end(self, replica: Replica) -> None:
        self._put(replica.id, replica)
        failed = replica.state is _R.FAILED
        kind = EventKind.REPLICA_FAILED if failed else EventKind.REPLICA_STOPPED
        self.tell(kind, replica.reason, replica=replica.id, instance=replica.instance_id)

    def _replica(self, wanted: ReplicaId) -> Replica:
        changed = self._records.get(wanted)
        if isinstance(changed, Replica):
            return changed
        return next(replica for replica in self.seen.replicas if replica.id == wanted)

    # --- instances ---

    def weighed(self, instance: Instance, weighing: Weighing) -> None:
        """Note whether an instance is replaced on its provider's recommendation."""
        self._put(instance.id, replace(instance, leaves_early=weighing.goes))
        numbers = {
            "staying_usd": round(weighing.staying_usd, 8),
            "going_usd": round(weighing.going_usd, 8),
            "chance": round(weighing.chance, 4),
            "unserved_s": round(weighing.unserved_s, 3),
        }
        about = {"instance": instance.id, "replaced": weighing.goes}
        self.tell(EventKind.INSTANCE_WEIGHED, weighing.reason, **about, **numbers)

    def release(self, action: ReleaseInstance) -> None:
        """Give an instance back."""
        instance = self._instance(action.instance_id)
        if instance.state is InstanceState.TERMINATING or instance.is_over:
            return
        reason = instance.end_reason or action.reason
        self._put(instance.id, instance.to(InstanceState.TERMINATING, end_reason=reason))

    def release_all(self, reason: str) -> None:
        """Give every instance back."""
        for instance in self.seen.instances.values():
            if not instance.is_over and instance.state not in GONE - {InstanceState.LOST}:
                self.release(ReleaseInstance(instance_id=instance.id, reason=reason))

    def buy(self, deployment: Deployment, instances: Iterable[Instance], **data: object) -> None:
        """Store a purchase before it is made."""
        self._put(deployment.id, deployment)
        for instance in instances:
            self._put(instance.id, instance)
            about = {
                "deployment": deployment.id,
                "offer": instance.offer.id,
                "price_usd_per_hour": float(instance.offer.price_usd_per_hour),
                "workload": self.service.name,
            }
            event = Event(
                kind=EventKind.INSTANCE_REQUESTED,
                subject=instance.id,
                at=self.now,
                data={**about, **data},
                reason=deployment.reason,
            )
            self.events.append(event)

    def _instance(self, wanted: InstanceId) -> Instance:
        changed = self._records.get(wanted)
        return changed if isinstance(changed, Instance) else self.seen.instances[wanted]

    def tell(self, kind: EventKind, reason: str, **data: object) -> None:
        """Add an event about the service."""
        self.events.append(Event(kind=kind, subject=self.service.name, at=self.now, data=data, reason=reason))
