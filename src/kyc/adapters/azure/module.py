"""What fills the Terraform modules of Azure: from an offer and an account's settings to their variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kyc.adapters.azure.settings import AzureSettings
from kyc.domain.deployment import Deployment
from kyc.domain.ids import InstanceId
from kyc.domain.offer import Arch, Offer, Purchase
from kyc.ports.cloud import TAG_MASTER
from kyc.ports.module import CloudModule, Outputs, SharedModule

FOLDER = Path(__file__).parent
_UBUNTU = "Canonical:ubuntu-26_04-lts"
_GPU_IMAGE = "microsoft-dsvm:ubuntu-hpc:2204:latest"  # Ubuntu with NVIDIA's drivers and CUDA
_GPU_DISK_GIB = 128  # what that image takes, and some room
# Sizes of the first generation only, whose machines cannot boot the usual image: Basic, A, and the early ones of other
# families without an `s`.
_FIRST_GENERATION = re.compile(
    r"Basic_.*|Standard_(A\d+\w*|D\d+(_v[23])?|DS\d+|E\d+i?_v3|F\d+|G\d+|H\d+\w*|NC\d+r?|NV\d+|L\d+s)", re.IGNORECASE
)


def cloud_module(settings: AzureSettings, master_id: str, own_key: str) -> CloudModule:
    """Return the modules of an account, with what fills them. `own_key` is the public key where none is set."""

    async def variables(
        deployment: Deployment, user_data: Mapping[InstanceId, str], shared: Outputs
    ) -> Mapping[str, object]:
        return instance_variables(settings, master_id, deployment) | {
            "instance_ids": sorted(user_data),
            "resource_group": str(shared.get("resource_group", "")),
            "subnet_id": str(shared.get("subnet_id", "")),
            "ssh_public_key": settings.ssh_public_key or own_key,
            "user_data": dict(user_data),
        }

    async def environment() -> Mapping[str, str]:
        return engine_environment(settings)

    return CloudModule(
        folder=FOLDER / "instance",
        variables=variables,
        environment=environment,
        shared=SharedModule(
            folder=FOLDER / "shared", variables=lambda region: shared_variables(settings, master_id, region)
        ),
    )


def instance_variables(settings: AzureSettings, master_id: str, deployment: Deployment) -> dict[str, object]:
    """Return what a deployment's own module gets, but for its instances, their key and what they share."""
    offer = deployment.offer
    publisher, name, sku, version = (settings.image or image_for(offer)).split(":")
    return {
        "deployment_id": deployment.id,
        "master_id": master_id,
        "location": offer.region,
        "zone": offer.zone.removeprefix(f"{offer.region}-"),
        "size": offer.instance_type,
        "spot": offer.purchase is Purchase.SPOT,
        "interruption": settings.interruption,
        "max_price": settings.max_price,
        "image": {"publisher": publisher, "offer": name, "sku": sku, "version": version},
        "disk_gib": max(settings.disk_gib, _GPU_DISK_GIB) if offer.gpu else settings.disk_gib,
        "public_ip": settings.public_ip,
        "identity_id": settings.identity_id,
        "tags": dict(settings.tags),
    }


def shared_variables(settings: AzureSettings, master_id: str, region: str) -> dict[str, object]:
    """Return what a location's shared module gets."""
    ssh = {"protocol": "tcp", "ports": ["22"], "ranges": list(settings.ssh_from)}
    return {
        "name": f"kyc-{master_id}-{region}",
        "location": region,
        "subnet_id": settings.subnet_id,
        "admit": {"ssh": ssh} if settings.ssh_from else {},
        "tags": {**settings.tags, TAG_MASTER: master_id},
    }


def image_for(offer: Offer) -> str:
    """Return the newest Ubuntu LTS for the offer's architecture and generation, with drivers where it has a GPU."""
    if offer.gpu and offer.arch is not Arch.ARM64:
        return _GPU_IMAGE
    if offer.arch is Arch.ARM64:
        return f"{_UBUNTU}:server-arm64:latest"
    first = _FIRST_GENERATION.fullmatch(offer.instance_type)
    return f"{_UBUNTU}:{'server-gen1' if first else 'server'}:latest"


def engine_environment(settings: AzureSettings) -> Mapping[str, str]:
    """Return what Terraform's azurerm provider gets by its environment: the account, and where its API is."""
    env = {
        "ARM_CLIENT_ID": settings.client_id,
        "ARM_CLIENT_SECRET": settings.client_secret,
        "ARM_TENANT_ID": settings.tenant_id,
        "ARM_SUBSCRIPTION_ID": settings.subscription_id,
        "ARM_USE_CLI": "false",
    }
    if settings.is_emulated:
        env["ARM_METADATA_HOSTNAME"] = settings.metadata_host
    if settings.ca_file:
        env["SSL_CERT_FILE"] = settings.ca_file
    return env
