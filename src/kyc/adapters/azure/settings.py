"""What a person can set for an account of Azure, read once and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kyc.domain.errors import InvalidInputError
from kyc.domain.setting import listed, networks, one_of, pairs, whole, yes
from kyc.ports.account import Account, Field

METADATA_HOST = "management.azure.com"
_SUBNET = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/.*/subnets/[^/]+", re.IGNORECASE)
_IMAGE = re.compile(r"[^:]+:[^:]+:[^:]+:[^:]+")
_INTERRUPTIONS = {"delete": "Delete", "deallocate": "Deallocate"}

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
    Field(name="public_ip", title="Public addresses (yes or no)", default="yes", required=False),
    Field(
        name="ssh_from",
        title="Who may come in by SSH (CIDRs)",
        default="0.0.0.0/0",
        required=False,
        help="none: nobody",
    ),
    Field(
        name="ssh_public_key", title="SSH public key for the user kyc", required=False, help="kyc makes one if empty"
    ),
    Field(name="disk_gib", title="Size of the disk in GiB", default="30", required=False),
    Field(name="image", title="Image", required=False, help="publisher:offer:sku:version"),
    Field(name="identity_id", title="Managed identity that the work gets (resource id)", required=False),
    Field(
        name="interruption",
        title="What becomes of an evicted machine: Delete or Deallocate",
        default="Delete",
        required=False,
    ),
    Field(
        name="max_price", title="Most US dollars an hour for spot; -1: up to on-demand", default="-1", required=False
    ),
    Field(name="tags", title="Tags besides ours", required=False, help="team=ml,cost-centre=7"),
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
    """An account's settings. `image` is empty for Ubuntu's; `max_price` -1: never evicted for its price."""

    tenant_id: str
    subscription_id: str
    client_id: str
    client_secret: str = field(repr=False)
    regions: tuple[str, ...]
    subnet_id: str
    public_ip: bool
    ssh_from: tuple[str, ...]
    ssh_public_key: str
    disk_gib: int
    image: str
    identity_id: str
    interruption: str
    max_price: float
    tags: Mapping[str, str]
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
        subnet_id=_shaped(
            "subnet_id", given["subnet_id"], _SUBNET, "Give its whole resource id: az network vnet subnet show."
        ),
        public_ip=yes("public_ip", given["public_ip"]),
        ssh_from=networks("ssh_from", given["ssh_from"]),
        ssh_public_key=given["ssh_public_key"],
        disk_gib=whole("disk_gib", given["disk_gib"], least=30, most=4095),
        image=_shaped("image", given["image"], _IMAGE, "Write publisher:offer:sku:version."),
        identity_id=given["identity_id"],
        interruption=_INTERRUPTIONS[one_of("interruption", given["interruption"].lower(), tuple(_INTERRUPTIONS))],
        max_price=_price(given["max_price"]),
        tags=pairs("tags", given["tags"]),
        metadata_host=given["metadata_host"] or METADATA_HOST,
        ca_file=given["ca_file"],
    )


def _shaped(name: str, text: str, shape: re.Pattern[str], next_step: str) -> str:
    if text and not shape.fullmatch(text):
        raise InvalidInputError(f"{name}: {text!r} is none", next_step=next_step)
    return text


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError as error:
        raise InvalidInputError(f"max_price is {text!r}, but has to be a number") from error
    if price != -1 and not 0 < price < 10_000:
        raise InvalidInputError(f"max_price is {text}, but has to be -1 or more than 0")
    return price
