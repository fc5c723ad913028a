"""What fills the Terraform modules of Compute Engine: from an offer and an account's settings to their variables."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kyc.adapters.gcp.client import GcpClient, understood
from kyc.adapters.gcp.settings import GcpSettings
from kyc.domain.deployment import Deployment
from kyc.domain.errors import CapacityUnavailableError
from kyc.domain.ids import InstanceId
from kyc.domain.offer import Arch, Offer, Purchase
from kyc.ports.module import CloudModule, Outputs, SharedModule

FOLDER = Path(__file__).parent
_IMAGES = "projects/ubuntu-os-cloud/global/images/family/ubuntu-2604-lts"
_GPU_IMAGE = "projects/ubuntu-os-accelerator-images/global/images/family/ubuntu-accelerator-2404-{}-with-nvidia-580"
_GPU_DISK_GIB = 64  # drivers and CUDA take their room
# Series that boot from Hyperdisk only, and those that no host can hand to another one while they run.
_HYPERDISK = re.compile(r"(c4|c4a|c4d|n4|n4a|n4d|a4|a4x|g4|h4d|m4|x4|a3-ultragpu|a3-edgegpu)(-.*)?")
_STUCK = re.compile(r"(a2|a3|a4|a4x|g2|g4|h3|h4d|x4|z3|c3-.*-metal)(-.*)?")
# GPUs that are attached to an N1 machine; every other GPU belongs to its machine type.
_ATTACHED = {
    "T4": "nvidia-tesla-t4",
    "V100": "nvidia-tesla-v100",
    "P4": "nvidia-tesla-p4",
    "P100": "nvidia-tesla-p100",
}


def cloud_module(client: GcpClient, master_id: str) -> CloudModule:
    """Return the modules of an account, with what fills them."""
    settings = client.settings

    async def variables(
        deployment: Deployment, user_data: Mapping[InstanceId, str], shared: Outputs
    ) -> Mapping[str, object]:
        zone = deployment.offer.zone
        if user_data and not zone:
            zone = await asyncio.to_thread(_chosen_zone, client, deployment)
        return instance_variables(settings, master_id, deployment, zone) | {
            "instance_ids": sorted(user_data),
            "subnetwork": str(shared.get("subnetwork", "")),
            "network_tag": str(shared.get("network_tag", "")),
            "user_data": dict(user_data),
        }

    async def environment() -> Mapping[str, str]:
        return engine_environment(settings)

    shared = SharedModule(
        folder=FOLDER / "shared", variables=lambda region: shared_variables(settings, master_id, region)
    )
    return CloudModule(folder=FOLDER / "instance", variables=variables, environment=environment, shared=shared)


def instance_variables(settings: GcpSettings, master_id: str, deployment: Deployment, zone: str) -> dict[str, object]:
    """Return what a deployment's own module gets, but for its instances and what they share."""
    offer = deployment.offer
    attached = _ATTACHED.get((offer.gpu or "").upper(), "") if offer.instance_type.startswith("n1-") else ""
    return {
        "deployment_id": deployment.id,
        "master_id": master_id,
        "zone": zone,
        "machine_type": offer.instance_type,
        "spot": offer.purchase is Purchase.SPOT,
        "interruption": settings.interruption,
        "on_host_maintenance": "TERMINATE" if offer.gpu or _STUCK.fullmatch(offer.instance_type) else "MIGRATE",
        "image": settings.image or image_for(offer),
        "disk_gib": max(settings.disk_gib, _GPU_DISK_GIB) if offer.gpu else settings.disk_gib,
        "disk_type": "hyperdisk-balanced" if _HYPERDISK.fullmatch(offer.instance_type) else "pd-balanced",
        "accelerator_type": attached,
        "accelerator_count": int(offer.gpu_count) if attached else 0,
        "public_ip": settings.public_ip,
        "service_account": settings.service_account,
        "ssh_public_key": settings.ssh_public_key,
        "labels": dict(settings.labels),
    }


def shared_variables(settings: GcpSettings, master_id: str, region: str) -> dict[str, object]:
    """Return what a region's shared module gets."""
    ssh = {"protocol": "tcp", "ports": ["22"], "ranges": list(settings.ssh_from)}
    return {
        "name": f"kyc-{master_id}-{region}",
        "region": region,
        "network": settings.network,
        "subnetwork": settings.subnetwork,
        "admit": {"ssh": ssh} if settings.ssh_from else {},
    }


def image_for(offer: Offer) -> str:
    """Return the family of the newest Ubuntu LTS for the offer's architecture, with drivers where it has a GPU."""
    arch = "arm64" if offer.arch is Arch.ARM64 else "amd64"
    return _GPU_IMAGE.format(arch) if offer.gpu else f"{_IMAGES}-{arch}"


def engine_environment(settings: GcpSettings) -> Mapping[str, str]:
    """Return what Terraform's google provider gets by its environment: the account, and where its API is."""
    env = {"GOOGLE_PROJECT": settings.project}
    if settings.access_token:
        env["GOOGLE_OAUTH_ACCESS_TOKEN"] = settings.access_token
    else:
        env["GOOGLE_CREDENTIALS"] = json.dumps(dict(settings.key))
    if settings.is_emulated:
        env["GOOGLE_COMPUTE_CUSTOM_ENDPOINT"] = f"{settings.compute}/compute/v1/"
    return env


def _chosen_zone(client: GcpClient, deployment: Deployment) -> str:
    """Return a zone of the offer's region that has the machine type: the same one each time for one deployment.

    Another deployment gets another zone, so that a zone without capacity is not asked for ever.
    """
    offer = deployment.offer
    with understood():
        listed: Any = client.machine_types.aggregated_list(
            request={"project": client.settings.project, "filter": f"name={offer.instance_type}"}, **client.limits
        )
        zones: list[str] = sorted(scope.rsplit("/", 1)[-1] for scope, found in listed if found.machine_types)
    fitting = [zone for zone in zones if zone.rsplit("-", 1)[0] == offer.region]
    if not fitting:
        raise CapacityUnavailableError(
            f"no zone of {offer.region} has {offer.instance_type}", next_step="Choose another region or type."
        )
    number = int.from_bytes(hashlib.sha256(deployment.id.encode()).digest()[:8])
    return fitting[number % len(fitting)]
