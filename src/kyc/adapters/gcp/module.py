"""What fills the Terraform modules of Compute Engine, and what Terraform gets by its environment."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from kyc.adapters.gcp.client import GcpClient, understood
from kyc.adapters.gcp.settings import GcpSettings
from kyc.adapters.gcp.variables import instance_variables, shared_variables
from kyc.domain.deployment import Deployment
from kyc.domain.errors import UnsupportedOfferError
from kyc.domain.ids import InstanceId
from kyc.ports.account import admissions
from kyc.ports.module import CloudModule, Outputs, SharedModule

FOLDER = Path(__file__).parent


def cloud_module(client: GcpClient, master_id: str, public_key: Callable[[], str], *, admit_ssh: bool) -> CloudModule:
    """Return the modules of an account, with what fills them. `admit_ssh`: from anywhere, where nothing else is set."""
    settings = client.settings
    ssh_from = settings.ssh_from or (("0.0.0.0/0",) if admit_ssh else ())
    admitted = admissions(ssh_from, settings.services_from or ssh_from)

    async def variables(
        deployment: Deployment, user_data: Mapping[InstanceId, str], shared: Outputs
    ) -> Mapping[str, object]:
        zone = deployment.offer.zone
        if user_data and not zone:
            zone = await asyncio.to_thread(_chosen_zone, client, deployment)
        return {
            **instance_variables(master_id, deployment, zone, shared),
            "instance_ids": sorted(user_data),
            "ssh_public_key": public_key(),
            "user_data": dict(user_data),
        }

    async def environment() -> Mapping[str, str]:
        return environment_of(settings)

    shared = SharedModule(
        folder=FOLDER / "shared",
        variables=lambda region, network: shared_variables(master_id, region, network or settings.network, admitted),
    )
    return CloudModule(folder=FOLDER / "instance", variables=variables, environment=environment, shared=shared)


def environment_of(settings: GcpSettings) -> Mapping[str, str]:
    """Return the variables by which Terraform's provider, and nothing else, gets the account."""
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
        listed = client.machine_types.aggregated_list(
            request={"project": client.settings.project, "filter": f"name={offer.instance_type}"}, **client.limits
        )
        zones: list[str] = sorted(scope.rsplit("/", 1)[-1] for scope, found in listed if found.machine_types)
    fitting = [zone for zone in zones if zone.rsplit("-", 1)[0] == offer.region]
    if not fitting:
        raise UnsupportedOfferError(
            f"no zone of {offer.region} has {offer.instance_type}", next_step="Choose another region or type."
        )
    number = int.from_bytes(hashlib.sha256(deployment.id.encode()).digest()[:8])
    return fitting[number % len(fitting)]
