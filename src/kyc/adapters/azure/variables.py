"""From an offer and a person's wishes to the variables of Azure's modules. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from kyc.adapters.azure.settings import subnet_id
from kyc.domain.deployment import Deployment
from kyc.domain.errors import InvalidInputError
from kyc.domain.launch import LaunchOptions, OnInterruption
from kyc.domain.offer import Arch, Offer, Purchase
from kyc.ports.cloud import TAG_MASTER
from kyc.ports.module import Outputs

USUAL_DISK_GIB = 30
GPU_DISK_GIB = 128  # what the GPU image takes, and some room
_UBUNTU = "Canonical:ubuntu-26_04-lts"
_GPU_IMAGE = "microsoft-dsvm:ubuntu-hpc:2204:latest"  # Ubuntu with NVIDIA's drivers and CUDA
_POLICIES = {OnInterruption.TERMINATE: "Delete", OnInterruption.STOP: "Deallocate"}
_NO_BID = -1  # never evicted for its price, which never goes above the on-demand price
# Sizes of the first generation only, whose machines cannot boot the usual image: Basic, A, and the early ones of other
# families without an `s`.
_FIRST_GENERATION = re.compile(
    r"Basic_.*|Standard_(A\d+\w*|D\d+(_v[23])?|DS\d+|E\d+i?_v3|F\d+|G\d+|H\d+\w*|NC\d+r?|NV\d+|L\d+s)", re.IGNORECASE
)


def instance_variables(master_id: str, deployment: Deployment, shared: Outputs) -> dict[str, object]:
    """Return what a deployment's module gets, but for its instances and their key.

    Raises InvalidInputError for a wish that cannot be met.
    """
    offer, options = deployment.offer, deployment.options
    most = options.max_price_usd_per_hour
    return {
        "deployment_id": deployment.id,
        "master_id": master_id,
        "resource_group": str(shared.get("resource_group", "")),
        "location": offer.region,
        "zone": offer.zone.removeprefix(f"{offer.region}-"),
        "size": offer.instance_type,
        "spot": offer.purchase is Purchase.SPOT,
        "interruption": _policy(options),
        "max_price": _NO_BID if most is None else float(most),
        **_image(offer, options.image),
        "disk_gib": options.disk_gib or (GPU_DISK_GIB if offer.gpu else USUAL_DISK_GIB),
        "subnet_id": _subnet(options) or str(shared.get("subnet_id", "")),
        "public_ip": options.public_address,
        "identity_id": options.role,
        "tags": dict(options.tags),
    }


def shared_variables(
    master_id: str, region: str, network: str, subnet: str, admitted: Mapping[str, object]
) -> dict[str, object]:
    """Return what the shared module gets for a location, and a network or a subnet that exists (empty: made)."""
    distinct = f"-{hashlib.sha256(network.encode()).hexdigest()[:6]}" if network else ""
    return {
        "name": f"kyc-{master_id}-{region}{distinct}",
        "location": region,
        "subnet_id": "" if network else subnet,
        "own_network": not network and not subnet,
        "admit": admitted,
        "tags": {TAG_MASTER: master_id},
    }


def image_for(offer: Offer) -> str:
    """Return the newest Ubuntu LTS for the offer's architecture and generation, with drivers where it has a GPU."""
    if offer.gpu and offer.arch is not Arch.ARM64:
        return _GPU_IMAGE
    if offer.arch is Arch.ARM64:
        return f"{_UBUNTU}:server-arm64:latest"
    first = _FIRST_GENERATION.fullmatch(offer.instance_type)
    return f"{_UBUNTU}:{'server-gen1' if first else 'server'}:latest"


def _image(offer: Offer, wish: str) -> dict[str, object]:
    """Return either an image's own resource id, or the four parts of one in the market."""
    if wish.startswith("/"):
        return {"image_id": wish, "image": None}
    parts = (wish or image_for(offer)).split(":")
    if len(parts) != 4 or not all(parts):
        raise InvalidInputError(
            f"{wish!r} names no image on Azure", next_step="Write publisher:offer:sku:version, or a resource id."
        )
    return {"image_id": "", "image": dict(zip(("publisher", "offer", "sku", "version"), parts, strict=True))}


def _policy(options: LaunchOptions) -> str:
    if options.on_interruption not in _POLICIES:
        raise InvalidInputError(
            f"Azure cannot {options.on_interruption} a spot machine that it takes away",
            next_step="Choose terminate or stop.",
        )
    return _POLICIES[options.on_interruption]


def _subnet(options: LaunchOptions) -> str:
    """Return the wished subnet's resource id: given whole, or by its name in a network that is given whole."""
    if options.network and not options.subnet:
        raise InvalidInputError("on Azure a network needs a subnet too", next_step="Name the subnet in it.")
    if options.network and not options.subnet.startswith("/"):
        return subnet_id(f"{options.network}/subnets/{options.subnet}")
    return subnet_id(options.subnet)
