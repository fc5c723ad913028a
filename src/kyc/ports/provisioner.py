"""How instances come to exist and cease to: one verb that makes reality match the intent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kyc.domain.deployment import Deployment
from kyc.domain.ids import DeploymentId, InstanceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """What exists after a run, by our instance ids."""

    provider_ids: Mapping[InstanceId, str] = field(default_factory=dict)
    addresses: Mapping[InstanceId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line the engine printed: the text for people, its level, and the instance it is about where it says so."""

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where instances stand together: an account of a cloud, a region and a network. What they share is made once."""

    cloud: str
    account: str
    region: str
    network: str = ""

    @property
    def name(self) -> str:
        """Its name in events and folders, such as `aws.default.us-east-1`."""
        parts = (self.account.replace(":", ".") or self.cloud, self.region, _as_folder(self.network))
        return ".".join(filter(None, parts))


def _as_folder(name: str) -> str:
    """Return the name, or a hash of one that cannot be part of a folder's name, such as Azure's resource ids."""
    return name if re.fullmatch(r"[\w-]{0,64}", name) else hashlib.sha256(name.encode()).hexdigest()[:12]


def ground_of(deployment: Deployment) -> Ground:
    """Return the ground that the deployment's instances stand on."""
    offer = deployment.offer
    return Ground(
        cloud=offer.cloud, account=deployment.account, region=offer.region, network=deployment.options.network
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a run would do with one resource: `action` is create, delete, update or replace.

    `shared`: it belongs to the ground and stays for others.
    """

    address: str
    action: str
    shared: bool = False


OnLine = Callable[[LogLine], Awaitable[None]]


class Provisioner(Protocol):
    """Converges one deployment. Repeatable: a second call with the same arguments changes nothing.

    `converge` makes exactly `user_data`'s instances exist (its keys; empty: none, and the workspace is removed),
    tagged with their ids before they can bill. Lines reach `on_line` within 1 s of being printed. It raises
    CapacityUnavailableError, QuotaError, CredentialError or UnreachableError; after an error part of the deployment
    may exist, and a call with fewer instances removes it. Calls for one deployment never overlap. A cancelled call
    stops the engine gently, so that its state is kept.
    `deployments` lists those with a workspace, also if a call for them was cut short.

    `plan` says what a converge of a new deployment would do, and does nothing. `export` gives all that there is as
    plain files, by their paths, with which a person can go on without us; user data is not among them.

    What instances share on their ground lasts longer than they: `prepare` makes it (converge does so too where it is
    missing), `release` takes it away, `grounds` lists what may be there. Where instances share nothing there is none.
    """

    async def converge(
        self, deployment: Deployment, user_data: Mapping[InstanceId, str], on_line: OnLine
    ) -> Provisioned: ...

    async def plan(
        self, deployment: Deployment, user_data: Mapping[InstanceId, str], on_line: OnLine
    ) -> list[Planned]: ...

    async def export(self) -> Mapping[str, str]: ...

    async def deployments(self) -> frozenset[DeploymentId]: ...

    async def prepare(self, ground: Ground, on_line: OnLine) -> None: ...

    async def release(self, ground: Ground, on_line: OnLine) -> None: ...

    async def grounds(self) -> frozenset[Ground]: ...
