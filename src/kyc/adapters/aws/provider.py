"""AWS as a provider of clouds: what an account needs, whether it may do what we do, and what Terraform gets for it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kyc.adapters.aws.cloud import CLOUD, AwsCloud
from kyc.adapters.aws.rights import ask_rights, least_policy
from kyc.adapters.aws.session import AwsSession
from kyc.adapters.aws.variables import instance_variables
from kyc.domain.errors import InvalidInputError
from kyc.ports.account import SERVICES_FROM, SSH_FROM, Account, Field, OpenCloud, Verdict
from kyc.ports.cloud import TAG_MASTER
from kyc.ports.edge import ENTRANCE_PORTS
from kyc.ports.module import CloudModule, SharedModule
from kyc.ports.setting import networks

HERE = Path(__file__).parent
_REGION = re.compile(r"[a-z]{2}[a-z0-9-]{1,40}")


@dataclass(slots=True)
class AwsProvider:
    """The CloudProvider. `regions` gives those in which an account has something, by the account's id."""

    master_id: str
    public_key: Callable[[], str]
    admit_ssh: bool
    regions: Callable[[str], Awaitable[frozenset[str]]]
    name: str = CLOUD
    title: str = "Amazon Web Services"
    fields = (
        Field(
            name="access_key_id",
            title="Access key ID",
            secret=True,
            env=("AWS_ACCESS_KEY_ID",),
            help="IAM > Users > Security credentials > Create access key.",
        ),
        Field(name="secret_access_key", title="Secret access key", secret=True, env=("AWS_SECRET_ACCESS_KEY",)),
        Field(
            name="session_token",
            title="Session token",
            secret=True,
            required=False,
            env=("AWS_SESSION_TOKEN",),
            help="Only with temporary credentials, which end after some hours.",
        ),
        Field(
            name="region",
            title="Home region",
            default="us-east-1",
            env=("AWS_REGION", "AWS_DEFAULT_REGION"),
            help="Where things are made ahead of need; instances are bought in any region.",
        ),
        Field(
            name="network", title="VPC", required=False, help="The home region's VPC; empty: each region's default one."
        ),
        SSH_FROM,
        SERVICES_FROM,
        Field(
            name="fis_role",
            title="Role for interruptions with a notice",
            required=False,
            help="An ARN, used by AWS FIS.",
        ),
        Field(
            name="endpoint",
            title="Endpoint",
            required=False,
            env=("AWS_ENDPOINT_URL",),
            help="Another address than AWS's own, as for a private cloud.",
        ),
    )

    async def check(self, account: Account) -> Verdict:
        """Ask STS who it is, and EC2 by dry runs what it may do."""
        self.open(account)
        session = AwsSession(account)

        def ask(sts: Any) -> str:  # noqa: ANN401  # boto3 has no types
            return str(sts.get_caller_identity()["Arn"])

        identity = await session.call("sts", session.region, ask)
        rights = await ask_rights(session)
        warnings = []
        if account.secrets.get("session_token"):
            warnings.append("These are temporary credentials: when they end, nothing can be bought or given back.")
        if any(right.granted is None and right.required for right in rights):
            warnings.append("Where AWS does not say whether a right is granted, the first launch will show it.")
        return Verdict(identity=identity, rights=rights, policy=least_policy(), warnings=warnings)

    def open(self, account: Account) -> OpenCloud:
        """Return the account in use; see the port."""
        region = account.settings["region"]
        if not _REGION.fullmatch(region):
            raise InvalidInputError(f"region: {region!r} is none", next_step="Write it like us-east-1.")
        ssh_from = _networks(account, "ssh_from") or (["0.0.0.0/0"] if self.admit_ssh else [])
        services_from = _networks(account, "services_from") or ssh_from

        async def regions() -> frozenset[str]:
            return await self.regions(account.id) | {region}

        async def environment() -> Mapping[str, str]:
            return environment_of(account)

        def shared_variables(where: str, network: str) -> Mapping[str, object]:
            own = account.settings.get("network") if where == region else None
            return {
                "region": where,
                "name": f"kyc-{self.master_id}",
                "vpc_id": network or own,
                "public_key": self.public_key(),
                "ssh_from": ssh_from,
                "services_from": services_from,
                "entrance_ports": [ENTRANCE_PORTS.start, ENTRANCE_PORTS.stop - 1],
                "tags": {TAG_MASTER: self.master_id},
            }

        module = CloudModule(
            folder=HERE / "instance",
            variables=instance_variables(self.master_id),
            environment=environment,
            shared=SharedModule(folder=HERE / "shared", variables=shared_variables),
        )
        return OpenCloud(cloud=AwsCloud(AwsSession(account), self.master_id, regions), module=module, regions=(region,))


def _networks(account: Account, name: str) -> list[str]:
    return list(networks(name, account.settings.get(name, "")))


def environment_of(account: Account) -> dict[str, str]:
    """Return the variables by which Terraform's provider, and nothing else, gets the account."""
    secrets, endpoint = account.secrets, account.settings.get("endpoint")
    env = {"AWS_ACCESS_KEY_ID": secrets["access_key_id"], "AWS_SECRET_ACCESS_KEY": secrets["secret_access_key"]}
    if secrets.get("session_token"):
        env["AWS_SESSION_TOKEN"] = secrets["session_token"]
    if endpoint:
        env["AWS_ENDPOINT_URL"] = endpoint
    return env
