"""A cloud as seen from outside: what runs there under our tags, and how to have one interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kyc.domain.ids import DeploymentId, InstanceId

# By these an instance is known for ours, and whose: set in the very call that makes it, never after. Names and our ids
# are lower case, so that they can be tags (AWS, Azure) and labels (GCP) alike.
TAG_MASTER = "kyc-master"
TAG_DEPLOYMENT = "kyc-deployment"
TAG_INSTANCE = "kyc-instance"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudInstance:
    """An instance as its cloud tells it. `running` is False once it does not work any more, whatever the reason.

    `leftover`: it does not run, but something of it may still cost money, such as the disk of a stopped one.
    `crashed`: it ended by itself, because what it ran at its boot ended; nobody took it away. `region` is empty where
    the cloud has none.
    """

    provider_id: str
    instance_id: InstanceId  # from our tag
    deployment_id: DeploymentId  # from our tag
    running: bool
    zone: str
    address: str | None
    started_at: datetime | None
    ended_at: datetime | None = None
    end_reason: str = ""
    crashed: bool = False
    region: str = ""
    leftover: bool = False


class Cloud(Protocol):
    """One cloud account. `look_every_s`: how often it may be asked what runs there, without being a burden.

    `instances` lists everything that carries our tags and this master's id, what ended lately included, in the regions
    in use, or with `everywhere` in all that the account has; it raises UnreachableError or CredentialError. Of one id
    there may be two, when a launch was cut off and made again.
    `interrupt` makes the provider interrupt one of them: after a notice of `notice_s` seconds, or dead at once without
    any for 0. It returns how that was done, for people, and raises NotFoundError for an unknown or ended one, and
    InvalidInputError for a notice that the provider cannot give.
    `reach` gives the URL under which the cloud's instances reach what the URL names on the master's machine.
    `remove` ends an instance behind Terraform's back: only for orphans; ending an ended one is no error.
    """

    name: str

    @property
    def look_every_s(self) -> float: ...

    async def instances(self, *, everywhere: bool = False) -> list[CloudInstance]: ...

    async def interrupt(self, provider_id: str, *, notice_s: float) -> str: ...

    async def remove(self, provider_id: str) -> None: ...

    async def reach(self, url: str) -> str: ...
