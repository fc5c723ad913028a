"""Which deployments Terraform has to be run for, and for which instances."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance, InstanceState

_UNWANTED = frozenset({InstanceState.LOST, InstanceState.TERMINATING, InstanceState.TERMINATED, InstanceState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Converge:
    """Make exactly `wanted` of the deployment's instances exist."""

    deployment: Deployment
    wanted: tuple[InstanceId, ...]
    reason: str


def plan_fleet(deployments: Iterable[Deployment], instances: Iterable[Instance]) -> list[Converge]:
    """Return the runs that are needed to make what exists match what is wanted; a lost instance is not wanted."""
    by_id = {instance.id: instance for instance in instances}
    plans = (_plan_one(deployment, by_id) for deployment in deployments)
    return [plan for plan in plans if plan is not None]


def _plan_one(deployment: Deployment, instances: dict[InstanceId, Instance]) -> Converge | None:
    mine = [instances[i] for i in deployment.instance_ids if i in instances]
    wanted = tuple(instance.id for instance in mine if instance.state not in _UNWANTED)
    leaving = [instance for instance in mine if instance.state is InstanceState.TERMINATING]
    match deployment.state:
        case DeploymentState.DESTROYED:
            return None
        case DeploymentState.FAILED:
            return Converge(deployment=deployment, wanted=(), reason=deployment.failure)
        case DeploymentState.REQUESTED:
            reason = deployment.reason if wanted else "not wanted any more"
            return Converge(deployment=deployment, wanted=wanted, reason=reason)
        case DeploymentState.APPLIED if leaving or not wanted:
            reason = leaving[0].end_reason if leaving else "nothing of it is left"
            return Converge(deployment=deployment, wanted=wanted, reason=reason)
        case DeploymentState.APPLIED:
            return None
