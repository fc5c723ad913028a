"""What a person can set for an account of Azure, read once and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kyc.domain.errors import InvalidInputError
from kyc.ports.account import SERVICES_FROM, SSH_FROM, Account, Field
from kyc.ports.setting import listed, networks

METADATA_HOST = "management.azure.com"
_SUBNET = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/.*/subnets/[^/]+", re.IGNORECASE)

FIELDS = (
    Field(
        name="tenant_id",
        title="Tenant (directory) id",
        env=("ARM_TENANT_ID", "AZURE_TENANT_ID"),
        help="az account show --query tenantId",
    ),
    Field(
        name="subscription_id",
        title="Subscription id",
        env=("ARM_SUBSCRIPTION_ID", "AZURE_SUBSCRIPTION_ID"),
        help="az account show --query id",
    ),
    Field(
        name="client_id",
        title="Application (client) id",
        env=("ARM_CLIENT_ID", "AZURE_CLIENT_ID"),
        help="az ad sp create-for-rbac --name kyc --role ROLE --scopes /subscriptions/SUBSCRIPTION",
    ),
    Field(name="client_secret", title="Its secret", secret=True, env=("ARM_CLIENT_SECRET", "AZURE_CLIENT_SECRET")),
    Field(name="regions", title="Locations to make ready ahead of need", required=False, help="westeurope,eastus"),
    Field(name="subnet_id", title="A subnet that exists already (resource id)", required=False),
    SSH_FROM,
    SERVICES_FROM,
    Field(
        name="metadata_host",
        title="Host that names the cloud's addresses",
        required=False,
        env=("ARM_METADATA_HOSTNAME",),
        help="Only for another cloud than the public one, a private one or an emulator: host:port",
    ),
    Field(
        name="ca_file",
        title="File of the certificates to trust",
        required=False,
        env=("SSL_CERT_FILE",),
        help="Only where the public ones do not do",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSettings:
    """An account's settings. Without a `subnet_id` a network is made for each location."""

    tenant_id: str
    subscription_id: str
    client_id: str
    client_secret: str = field(repr=False)
    regions: tuple[str, ...]
    subnet_id: str
    ssh_from: tuple[str, ...]
    services_from: tuple[str, ...]
    metadata_host: str
    ca_file: str

    @property
    def is_emulated(self) -> bool:
        """Whether something else than Azure's public cloud answers."""
        return self.metadata_host != METADATA_HOST


def read_settings(account: Account) -> AzureSettings:
    """Return the account's settings; raise InvalidInputError naming the field that cannot be."""
    given = {**{one.name: one.default for one in FIELDS}, **account.settings, **account.secrets}
    for name in ("tenant_id", "subscription_id", "client_id", "client_secret"):
        if not given[name]:
            raise InvalidInputError(f"azure needs {name}", next_step=next(f.help for f in FIELDS if f.name == name))
    return AzureSettings(
        tenant_id=given["tenant_id"],
        subscription_id=given["subscription_id"],
        client_id=given["client_id"],
        client_secret=given["client_secret"],
        regions=listed(given["regions"]),
        subnet_id=subnet_id(given["subnet_id"]),
        ssh_from=networks("ssh_from", given["ssh_from"]),
        services_from=networks("services_from", given["services_from"]),
        metadata_host=given["metadata_host"] or METADATA_HOST,
        ca_file=given["ca_file"],
    )


def subnet_id(text: str) -> str:
    """Return a subnet's resource id, or nothing; raise InvalidInputError for anything else."""
    if text and not _SUBNET.fullmatch(text):
        raise InvalidInputError(
            f"{text!r} is no subnet's resource id", next_step="az network vnet subnet show --query id tells it."
        )
    return text
