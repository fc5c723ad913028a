"""Google Cloud as a provider of clouds: what an account needs, what it may do, and how it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kyc.adapters.gcp.client import GcpClient, understood
from kyc.adapters.gcp.cloud import CLOUD, GceCloud
from kyc.adapters.gcp.module import cloud_module
from kyc.adapters.gcp.settings import FIELDS, GcpSettings, read_settings
from kyc.domain.errors import CredentialError, NotFoundError
from kyc.ports.account import Account, OpenCloud, Right, Verdict
from kyc.ports.clock import Clock

# What each permission is for. The names are IAM's; the modules and the adapter use nothing else.
_NEEDED = {
    "compute.instances.create": "to launch instances",
    "compute.instances.delete": "to end instances, and orphans",
    "compute.instances.get": "to see an instance",
    "compute.instances.list": "to see what runs and what was left behind",
    "compute.instances.setLabels": "to mark instances as ours in the call that makes them",
    "compute.instances.setMetadata": "to give an instance what it runs at its boot",
    "compute.instances.setTags": "to let the firewall's rules apply to an instance",
    "compute.disks.create": "for the instances' disks",
    "compute.disks.setLabels": "to mark disks as ours",
    "compute.disks.get": "to see the instances' disks",
    "compute.images.useReadOnly": "to boot from Ubuntu's image",
    "compute.subnetworks.use": "to connect instances to the subnet",
    "compute.subnetworks.useExternalIp": "to give instances public addresses",
    "compute.machineTypes.list": "to choose a zone that has the machine type",
    "compute.zones.get": "to use a zone",
    "compute.zoneOperations.get": "to wait until an instance is there",
    "compute.zoneOperations.list": "to learn why an instance ended",
    "compute.networks.create": "to make the instances' network",
    "compute.networks.delete": "to take the network away when nothing uses it",
    "compute.networks.get": "to see the network",
    "compute.networks.updatePolicy": "to say who may come in",
    "compute.subnetworks.create": "to make the subnet",
    "compute.subnetworks.delete": "to take the subnet away",
    "compute.subnetworks.get": "to see the subnet",
    "compute.firewalls.create": "to let SSH in",
    "compute.firewalls.delete": "to take the rule away",
    "compute.firewalls.get": "to see the rule",
    "compute.globalOperations.get": "to wait for the network",
    "compute.regionOperations.get": "to wait for the subnet",
}
_WANTED = {
    "compute.instances.simulateMaintenanceEvent": "to have an instance interrupted on demand (kyc interrupt)",
    "iam.serviceAccounts.actAs": "to give work a service account (role:)",
}
_OWN_NETWORK = ("compute.networks.", "compute.subnetworks.create", "compute.subnetworks.delete")


@dataclass(slots=True)
class GcpProvider:
    """The CloudProvider port on Google Cloud."""

    master_id: str
    public_key: Callable[[], str]
    admit_ssh: bool
    clock: Clock
    name: str = CLOUD
    title: str = "Google Cloud"
    fields = FIELDS

    async def check(self, account: Account) -> Verdict:
        """Ask for the permissions and for the list of instances; see the port."""
        settings = read_settings(account)
        return await asyncio.to_thread(_check, GcpClient(settings))

    def open(self, account: Account) -> OpenCloud:
        """Return the account in use; see the port."""
        settings = read_settings(account)
        client = GcpClient(settings)
        return OpenCloud(
            cloud=GceCloud(client, self.master_id, self.clock),
            module=cloud_module(client, self.master_id, self.public_key, admit_ssh=self.admit_ssh),
            regions=settings.regions,
        )


def _check(client: GcpClient) -> Verdict:
    settings = client.settings
    needed = needed_rights(settings)
    granted = client.granted([*needed, *_WANTED])
    rights = [
        Right(name=name, purpose=purpose, granted=None if granted is None else name in granted)
        for name, purpose in needed.items()
    ]
    rights += [
        Right(name=name, purpose=purpose, granted=None if granted is None else name in granted, required=False)
        for name, purpose in _WANTED.items()
    ]
    warnings = ["This endpoint does not say what the credentials may do."] if granted is None else []
    if granted is None or "compute.instances.list" in granted:
        _try_listing(client, settings)
    return Verdict(identity=_identity(settings), rights=rights, policy=role(settings), warnings=warnings)


def needed_rights(settings: GcpSettings) -> dict[str, str]:
    """Return the permissions without which the account cannot be used, with what each is for."""
    rights = dict(_NEEDED)
    if settings.network:
        rights = {name: purpose for name, purpose in rights.items() if not name.startswith(_OWN_NETWORK)}
        rights["compute.networks.updatePolicy"] = _NEEDED["compute.networks.updatePolicy"]
    return rights


def role(settings: GcpSettings) -> str:
    """Return the least role as YAML for `gcloud iam roles create kyc --project PROJECT --file FILE`."""
    names = "\n".join(f"- {name}" for name in sorted([*needed_rights(settings), *_WANTED]))
    return f"title: Keep Your Cost\nstage: GA\nincludedPermissions:\n{names}\n"


def _identity(settings: GcpSettings) -> str:
    who = settings.key.get("client_email") or ("a person" if settings.key else "the holder of an access token")
    return f"{who} in {settings.project}"


def _try_listing(client: GcpClient, settings: GcpSettings) -> None:
    """See that the API is enabled, the project there, and the credentials good for it."""
    try:
        with understood():
            pages = client.instances.aggregated_list(
                request={"project": settings.project, "max_results": 1}, **client.limits
            )
            next(iter(pages), None)
    except NotFoundError as error:
        raise CredentialError(
            f"there is no project {settings.project!r} for these credentials", next_step="Look at its id."
        ) from error
    except CredentialError as error:
        if "has not been used" in str(error) or "disabled" in str(error):
            raise CredentialError(
                str(error), next_step=f"gcloud services enable compute.googleapis.com --project {settings.project}"
            ) from error
        raise
