"""The identifiers of everything kyc keeps, as distinct types, and the one way to make a new one."""

from __future__ import annotations

from typing import NewType, Protocol

InstanceId = NewType("InstanceId", str)
DeploymentId = NewType("DeploymentId", str)
AttemptId = NewType("AttemptId", str)
WorkloadName = NewType("WorkloadName", str)
OfferId = NewType("OfferId", str)
ReplicaId = NewType("ReplicaId", str)
AccountId = NewType("AccountId", str)
UserName = NewType("UserName", str)
AccessId = NewType("AccessId", str)
AlertId = NewType("AlertId", str)
TargetId = NewType("TargetId", str)

# No vowels, so that an id never spells a word; no 0/1/l, so that it can be read out loud.
_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"
_LENGTH = 8


class Chooser(Protocol):
    """What an id needs of chance; `random.Random` is one."""

    def choice(self, seq: str, /) -> str: ...


def new_instance_id(rng: Chooser) -> InstanceId:
    """Return an id such as `i-7kq2x9bd`; 27^8 values, so two never meet in practice."""
    return InstanceId(f"i-{_letters(rng)}")


def new_deployment_id(rng: Chooser) -> DeploymentId:
    """Return an id such as `d-7kq2x9bd`."""
    return DeploymentId(f"d-{_letters(rng)}")


def new_access_id(rng: Chooser) -> AccessId:
    """Return an id such as `a-7kq2x9bd`."""
    return AccessId(f"a-{_letters(rng)}")


def new_alert_id(rng: Chooser) -> AlertId:
    """Return an id such as `alert-7kq2x9bd`."""
    return AlertId(f"alert-{_letters(rng)}")


def new_target_id(rng: Chooser) -> TargetId:
    """Return an id such as `to-7kq2x9bd`."""
    return TargetId(f"to-{_letters(rng)}")


def attempt_id(workload: WorkloadName, number: int) -> AttemptId:
    """Return the id of a workload's attempt, such as `train.2`; numbers start at 1."""
    return AttemptId(f"{workload}.{number}")


def replica_id(workload: WorkloadName, number: int) -> ReplicaId:
    """Return the id of a service's replica, such as `web.r12`; numbers start at 1 and are never used again."""
    return ReplicaId(f"{workload}.r{number}")


def _letters(rng: Chooser) -> str:
    return "".join(rng.choice(_ALPHABET) for _ in range(_LENGTH))
