"""What fills the module of an AWS deployment: pure, from the deployment and what its ground put out."""

from __future__ import annotations

from collections.abc import Mapping

from kyc.domain.deployment import Deployment
from kyc.domain.ids import InstanceId
from kyc.domain.offer import Arch, Offer, Purchase
from kyc.ports.cloud import TAG_DEPLOYMENT, TAG_MASTER
from kyc.ports.module import Outputs, Variables

USUAL_DISK_GIB = 30
GPU_DISK_GIB = 100  # the GPU image alone takes 60
# Owners and names: https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/ and
# https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html
_CANONICAL, _AMAZON = "099720109477", "amazon"
_UBUNTU = "ubuntu/images/hvm-ssd-gp3/ubuntu-*-26.04-{arch}-server-*"
_GPU = {
    Arch.X86_64: "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)*",
    Arch.ARM64: "Deep Learning ARM64 Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)*",
}
_DEBIAN_ARCH = {Arch.X86_64: "amd64", Arch.ARM64: "arm64"}


def instance_variables(master_id: str) -> Variables:
    """Return the function that fills the module for this master."""

    async def variables(
        deployment: Deployment, user_data: Mapping[InstanceId, str], shared: Outputs
    ) -> Mapping[str, object]:
        offer, options = deployment.offer, deployment.options
        price = options.max_price_usd_per_hour
        return {
            "region": offer.region,
            "instance_ids": sorted(user_data),
            "user_data": dict(user_data),
            "instance_type": offer.instance_type,
            "spot": offer.purchase is Purchase.SPOT,
            "max_price": None if price is None else format(price, "f"),
            "interruption_behavior": options.on_interruption.value,
            "zone": offer.zone or None,
            "subnet_id": options.subnet or _subnet(offer, shared),
            "security_group_ids": [shared["security_group_id"]] if "security_group_id" in shared else [],
            "key_name": shared.get("key_name"),
            "public_address": options.public_address,
            "instance_profile": options.role or None,
            "disk_gib": options.disk_gib or (GPU_DISK_GIB if offer.gpu else USUAL_DISK_GIB),
            **_image(offer, options.image),
            "tags": {**options.tags, TAG_MASTER: master_id, TAG_DEPLOYMENT: deployment.id},
        }

    return variables


def _subnet(offer: Offer, shared: Outputs) -> str | None:
    """Return the ground's subnet in the offer's zone, which may be named by its id (use1-az4) or its name."""
    subnets = shared.get("subnets")
    if not isinstance(subnets, Mapping) or not subnets:
        return None
    if not offer.zone:
        return None
    found = subnets.get(offer.zone)
    return str(found) if found else None


def _image(offer: Offer, image: str) -> dict[str, object]:
    arch = offer.arch or Arch.X86_64
    name = _GPU[arch] if offer.gpu else _UBUNTU.format(arch=_DEBIAN_ARCH[arch])
    return {
        "image_id": image or None,
        "image_owner": _AMAZON if offer.gpu else _CANONICAL,
        "image_name": name,
        "architecture": arch.value,
    }
