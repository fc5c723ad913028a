"""What ended an instance of Compute Engine, from the operations of its zone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

# (the operation's type, what people are told, whether it ended by itself)
_ENDINGS = {
    "compute.instances.preempted": ("preempted", False),
    "compute.instances.hostError": ("the host failed", False),
    "compute.instances.terminateOnHostMaintenance": ("the host was serviced", False),
    "compute.instances.guestTerminate": ("it shut itself down", True),
    "stop": ("stopped by somebody", False),
    "delete": ("deleted by somebody", False),
}
UNKNOWN = "it is gone, and Compute Engine does not say why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation on the instance, as much of it as counts."""

    type: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How an instance ended."""

    reason: str
    ended_at: datetime | None = None
    crashed: bool = False


def fate_of(operations: Iterable[Operation]) -> Fate:
    """Return what ended the instance: a preemption above all, since the deletion after it is only its consequence."""
    rank = list(_ENDINGS)
    endings = sorted((one for one in operations if one.type in _ENDINGS), key=lambda one: rank.index(one.type))
    if not endings:
        return Fate(reason=UNKNOWN)
    reason, crashed = _ENDINGS[endings[0].type]
    return Fate(reason=reason, ended_at=endings[0].at, crashed=crashed)
