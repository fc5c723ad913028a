"""A deployment: one Terraform workspace with N instances of one offer, created together, never edited."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.launch import NO_OPTIONS, LaunchOptions
from kyc.domain.machine import advance
from kyc.domain.offer import Offer


class DeploymentState(StrEnum):
    """How far Terraform is with a deployment."""

    REQUESTED = "requested"  # stored, Terraform not yet run to its end
    APPLIED = "applied"  # what was asked for exists
    FAILED = "failed"  # Terraform ended with an error; what it left is being destroyed
    DESTROYED = "destroyed"  # nothing of it is left


_S = DeploymentState
DEPLOYMENT_EDGES: dict[DeploymentState, frozenset[DeploymentState]] = {
    _S.REQUESTED: frozenset({_S.APPLIED, _S.FAILED, _S.DESTROYED}),
    _S.APPLIED: frozenset({_S.DESTROYED}),
    _S.FAILED: frozenset({_S.DESTROYED}),
    _S.DESTROYED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The intent to have these instances; stored before the call that costs money."""

    id: DeploymentId
    offer: Offer
    instance_ids: tuple[InstanceId, ...]
    state: DeploymentState
    requested_at: datetime
    reason: str = ""
    failure: str = ""
    account: str = ""  # the account that pays; empty where the cloud has none
    options: LaunchOptions = NO_OPTIONS
    user: str = ""  # who asked for bare instances; empty: a workload's, or nobody knows
    version: int = 0

    def to(self, state: DeploymentState, **changes: object) -> Deployment:
        """Return the deployment in the new state with the changes applied; raise TransitionError if it cannot."""
        advance(DEPLOYMENT_EDGES, self.state, state, story=f"deployment {self.id}")
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # names are the fields'
