"""What interruptions did to work, read from the timeline: how soon a replacement was asked for, and work went on.

The clock starts with the notice; without one, with the kill that a person asked for, or else when the instance was
found lost. Pure functions of the events; what never happened is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from kyc.domain.event import EventKind
from kyc.domain.interruption import NoticeKind

KINDS = frozenset(
    {
        EventKind.INTERRUPTION_REQUESTED,
        EventKind.INSTANCE_NOTICED,
        EventKind.INSTANCE_LOST,
        EventKind.REPLACEMENT_REQUESTED,
        EventKind.JOB_RESUMED,
        EventKind.JOB_SUCCEEDED,
        EventKind.JOB_FAILED,
        EventKind.JOB_STOPPED,
        EventKind.REPLICA_READY,
        EventKind.REPLICA_DRAINING,
        EventKind.SERVICE_SCALED,
        EventKind.SERVICE_STOPPED,
        EventKind.SERVICE_FAILED,
    }
)
_ENDINGS = {
    EventKind.JOB_SUCCEEDED,
    EventKind.JOB_FAILED,
    EventKind.JOB_STOPPED,
    EventKind.SERVICE_STOPPED,
    EventKind.SERVICE_FAILED,
}


class Happened(Protocol):
    """An event, as the store has it or as the API tells it."""

    @property
    def kind(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def data(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """One interruption of an instance and what followed. `ended` tells that nothing goes on: the work was over.

    A service goes on when a replica of it is ready on another instance. Nothing has to where it did not need this one
    any more: its replicas there drained already, or it then scaled to fewer than it had.
    """

    instance: str
    workload: str | None
    noticed: bool
    at: datetime
    replacement: str | None = None
    replacement_requested_at: datetime | None = None
    resumed_at: datetime | None = None
    ended: bool = False

    @property
    def to_replacement_requested_s(self) -> float | None:
        """How long until another instance was asked for."""
        return _seconds(self.at, self.replacement_requested_at)

    @property
    def to_resumed_s(self) -> float | None:
        """How long until the work went on; what it did meanwhile under notice does not count against it."""
        return _seconds(self.at, self.resumed_at)


def recoveries(events: Iterable[Happened]) -> list[Recovery]:
    """Return every interruption in the events, which are in order, oldest first."""
    found: dict[str, Recovery] = {}
    serving: dict[str, set[object]] = {}  # replicas that were ready, by instance, less those that drained
    for event in events:
        _count(serving, event)
        _begin(found, event, serving)
        for instance, recovery in found.items():
            found[instance] = _go_on(recovery, event)
    return list(found.values())


def _count(serving: dict[str, set[object]], event: Happened) -> None:
    at = str(event.data.get("instance"))
    if event.kind == EventKind.REPLICA_READY:
        serving.setdefault(at, set()).add(event.data.get("replica"))
    elif event.kind == EventKind.REPLICA_DRAINING and at in serving:
        serving[at].discard(event.data.get("replica"))


def _begin(found: dict[str, Recovery], event: Happened, serving: Mapping[str, set[object]]) -> None:
    if event.kind not in {EventKind.INTERRUPTION_REQUESTED, EventKind.INSTANCE_NOTICED, EventKind.INSTANCE_LOST}:
        return
    is_rebalance = event.data.get("notice") == NoticeKind.REBALANCE
    is_announced = event.kind == EventKind.INTERRUPTION_REQUESTED and event.data.get("notice_s") != 0
    if event.subject in found or is_rebalance or is_announced:
        return
    workload = event.data.get("workload")
    noticed = event.kind == EventKind.INSTANCE_NOTICED
    found[event.subject] = Recovery(
        instance=event.subject,
        workload=None if workload is None else str(workload),
        noticed=noticed,
        at=event.at,
        ended=serving.get(event.subject) == set(),
    )


def _go_on(recovery: Recovery, event: Happened) -> Recovery:
    if recovery.resumed_at is not None or recovery.ended:
        return recovery
    if event.kind == EventKind.REPLACEMENT_REQUESTED and event.data.get("replaces") == recovery.instance:
        if recovery.replacement_requested_at is not None:
            return recovery
        instance = event.data.get("instance")
        return replace(
            recovery,
            workload=recovery.workload or event.subject,
            replacement=None if instance is None else str(instance),
            replacement_requested_at=event.at,
        )
    if recovery.workload is None or event.subject != recovery.workload:
        return recovery
    elsewhere = event.data.get("instance") != recovery.instance
    if event.kind == EventKind.JOB_RESUMED or (event.kind == EventKind.REPLICA_READY and elsewhere):
        return replace(recovery, resumed_at=event.at)
    return replace(recovery, ended=event.kind in _ENDINGS or _is_to_fewer(event))


def _is_to_fewer(event: Happened) -> bool:
    """Whether a service makes do with fewer replicas from now on."""
    if event.kind != EventKind.SERVICE_SCALED:
        return False
    now, before = event.data.get("replicas"), event.data.get("was_replicas")
    return isinstance(now, int) and isinstance(before, int) and now < before


def _seconds(since: datetime, until: datetime | None) -> float | None:
    return None if until is None else round((until - since).total_seconds(), 3)
