"""From an offer and a person's wishes to the variables of Compute Engine's modules. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from kyc.domain.deployment import Deployment
from kyc.domain.errors import InvalidInputError, PriceTooLowError
from kyc.domain.launch import LaunchOptions, OnInterruption
from kyc.domain.offer import Arch, Offer, Purchase
from kyc.ports.module import Outputs

USUAL_DISK_GIB = 30
GPU_DISK_GIB = 64  # drivers and CUDA take their room
_IMAGE = "projects/ubuntu-os-cloud/global/images/family/ubuntu-2604-lts-{}"
_GPU_IMAGE = "projects/ubuntu-os-accelerator-images/global/images/family/ubuntu-accelerator-2404-{}-with-nvidia-580"
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63}")
_ACTIONS = {OnInterruption.TERMINATE: "DELETE", OnInterruption.STOP: "STOP"}
# Series that boot from Hyperdisk only, and those that no host can hand to another one while they run.
_HYPERDISK = re.compile(r"(c4|c4a|c4d|n4|n4a|n4d|a4|a4x|g4|h4d|m4|x4|a3-ultragpu|a3-edgegpu)(-.*)?")
_STUCK = re.compile(r"(a2|a3|a4|a4x|g2|g4|h3|h4d|x4|z3)(-.*)?|.*-metal")
# GPUs that are attached to an N1 machine; every other GPU belongs to its machine type.
_ATTACHED = {
    "T4": "nvidia-tesla-t4",
    "V100": "nvidia-tesla-v100",
    "P4": "nvidia-tesla-p4",
    "P100": "nvidia-tesla-p100",
}


def instance_variables(master_id: str, deployment: Deployment, zone: str, shared: Outputs) -> dict[str, object]:
    """Return what a deployment's module gets, but for its instances and their key.

    Raises InvalidInputError for a wish that cannot be met, PriceTooLowError where the price is above what may be paid:
    Compute Engine takes no bids.
    """
    offer, options = deployment.offer, deployment.options
    _check_price(offer, options)
    attached = _ATTACHED.get((offer.gpu or "").upper(), "") if offer.instance_type.startswith("n1-") else ""
    return {
        "deployment_id": deployment.id,
        "master_id": master_id,
        "zone": zone,
        "machine_type": offer.instance_type,
        "spot": offer.purchase is Purchase.SPOT,
        "interruption": _action(options),
        "on_host_maintenance": "TERMINATE" if offer.gpu or _STUCK.fullmatch(offer.instance_type) else "MIGRATE",
        "image": options.image or image_for(offer),
        "disk_gib": options.disk_gib or (GPU_DISK_GIB if offer.gpu else USUAL_DISK_GIB),
        "disk_type": "hyperdisk-balanced" if _HYPERDISK.fullmatch(offer.instance_type) else "pd-balanced",
        "accelerator_type": attached,
        "accelerator_count": int(offer.gpu_count) if attached else 0,
        "subnetwork": options.subnet or str(shared.get("subnetwork", "")),
        "network_tag": str(shared.get("network_tag", "kyc")),
        "public_ip": options.public_address,
        "service_account": options.role,
        "labels": _labels(options.tags),
    }


def shared_variables(master_id: str, region: str, network: str, admitted: Mapping[str, object]) -> dict[str, object]:
    """Return what the shared module gets for a region and a network that exists (empty: one is made)."""
    distinct = f"-{hashlib.sha256(network.encode()).hexdigest()[:6]}" if network else ""
    return {
        "name": f"kyc-{master_id}-{region}{distinct}",
        "region": region,
        "network": network,
        "admit": admitted,
    }


def image_for(offer: Offer) -> str:
    """Return the family of the newest Ubuntu LTS for the offer's architecture, with drivers where it has a GPU."""
    return (_GPU_IMAGE if offer.gpu else _IMAGE).format("arm64" if offer.arch is Arch.ARM64 else "amd64")


def _check_price(offer: Offer, options: LaunchOptions) -> None:
    most = options.max_price_usd_per_hour
    if most is not None and offer.price_usd_per_hour > most:
        raise PriceTooLowError(
            f"{offer.instance_type} costs {offer.price_usd_per_hour} USD an hour, and at most {most} may be paid",
            next_step="Raise the maximum price, or choose a cheaper offer: Google Cloud takes no bids.",
        )


def _action(options: LaunchOptions) -> str:
    if options.on_interruption not in _ACTIONS:
        raise InvalidInputError(
            f"Compute Engine cannot {options.on_interruption} a Spot VM that it takes away",
            next_step="Choose terminate or stop.",
        )
    return _ACTIONS[options.on_interruption]


def _labels(tags: Mapping[str, str]) -> dict[str, str]:
    for key, value in tags.items():
        if not _LABEL.fullmatch(f"{key}={value}"):
            raise InvalidInputError(
                f"{key}={value} cannot be a label of Google Cloud",
                next_step="Write it in lower case, with digits, - and _, each part 63 letters at most.",
            )
    return dict(tags)
