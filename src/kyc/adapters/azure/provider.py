"""Azure as a provider of clouds: what an account needs, what it may do, and how it is used."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kyc.adapters.azure.client import AzureClient, understood
from kyc.adapters.azure.cloud import CLOUD, AzureCloud
from kyc.adapters.azure.module import cloud_module
from kyc.adapters.azure.rights import WANTED, is_granted, needed_rights, role
from kyc.adapters.azure.settings import FIELDS, AzureSettings, read_settings
from kyc.ports.account import Account, OpenCloud, Right, Verdict
from kyc.ports.clock import Clock

_SERVICES = ("Microsoft.Compute", "Microsoft.Network")
_REGISTERED = "registered once in a subscription, by a person"


@dataclass(slots=True)
class AzureProvider:
    """The CloudProvider port on Azure. Long operations are asked for every `poll_s`."""

    master_id: str
    public_key: Callable[[], str]
    admit_ssh: bool
    clock: Clock
    poll_s: float = 2.0
    name: str = CLOUD
    title: str = "Microsoft Azure"
    fields = FIELDS

    async def check(self, account: Account) -> Verdict:
        """Ask who the account is, what it may do, and whether the services are registered; see the port."""
        return await asyncio.to_thread(_check, AzureClient(read_settings(account)))

    def open(self, account: Account) -> OpenCloud:
        """Return the account in use; see the port."""
        settings = read_settings(account)
        return OpenCloud(
            cloud=AzureCloud(AzureClient(settings, poll_s=self.poll_s), self.master_id, self.clock),
            module=cloud_module(settings, self.master_id, self.public_key, admit_ssh=self.admit_ssh),
            regions=settings.regions,
        )


def _check(client: AzureClient) -> Verdict:
    settings = client.settings
    subscription = client.get("", version="2022-12-01")
    name = str((subscription or {}).get("displayName", settings.subscription_id))
    permissions = client.get("/providers/Microsoft.Authorization/permissions", version="2022-04-01")
    told: Sequence[Mapping[str, Any]] | None = None if permissions is None else permissions["value"]
    rights = [_right(told, action, purpose) for action, purpose in needed_rights(settings).items()]
    rights += [_right(told, action, purpose, required=False) for action, purpose in WANTED.items()]
    rights += [_registered(client, service) for service in _SERVICES]
    if told is None or is_granted(told, "Microsoft.Compute/virtualMachines/read"):
        with understood():
            next(iter(client.compute.virtual_machines.list_all()), None)
    warnings = ["This endpoint does not say what the credentials may do."] if told is None else []
    return Verdict(
        identity=f"application {settings.client_id} in {name}",
        rights=rights,
        policy=_policy(settings),
        warnings=warnings,
    )


def _right(told: Sequence[Mapping[str, Any]] | None, action: str, purpose: str, *, required: bool = True) -> Right:
    granted = None if told is None else is_granted(told, action)
    return Right(name=action, purpose=purpose, granted=granted, required=required)


def _registered(client: AzureClient, service: str) -> Right:
    found = client.get(f"/providers/{service}", version="2022-12-01")
    state = str(found.get("registrationState", "")) if found is not None else ""
    granted = None if found is None else state == "Registered"
    problem = "" if granted is not False else f"it is {state}: az provider register --namespace {service}"
    return Right(name=f"{service} (registered)", purpose=_REGISTERED, granted=granted, problem=problem)


def _policy(settings: AzureSettings) -> str:
    return json.dumps(role(settings.subscription_id, [*needed_rights(settings), *WANTED]), indent=2)
