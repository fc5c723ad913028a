"""What fills the Terraform modules of Azure, and what Terraform gets by its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kyc.adapters.azure.settings import AzureSettings
from kyc.adapters.azure.variables import instance_variables, shared_variables
from kyc.domain.deployment import Deployment
from kyc.domain.ids import InstanceId
from kyc.ports.account import admissions
from kyc.ports.module import CloudModule, Outputs, SharedModule

FOLDER = Path(__file__).parent


def cloud_module(
    settings: AzureSettings, master_id: str, public_key: Callable[[], str], *, admit_ssh: bool
) -> CloudModule:
    """Return the modules of an account, with what fills them. `admit_ssh`: from anywhere, where nothing else is set."""
    ssh_from = settings.ssh_from or (("0.0.0.0/0",) if admit_ssh else ())
    admitted = admissions(ssh_from, settings.services_from or ssh_from)

    async def variables(
        deployment: Deployment, user_data: Mapping[InstanceId, str], shared: Outputs
    ) -> Mapping[str, object]:
        return {
            **instance_variables(master_id, deployment, shared),
            "instance_ids": sorted(user_data),
            "ssh_public_key": public_key(),
            "user_data": dict(user_data),
        }

    async def environment() -> Mapping[str, str]:
        return environment_of(settings)

    shared = SharedModule(
        folder=FOLDER / "shared",
        variables=lambda region, network: shared_variables(master_id, region, network, settings.subnet_id, admitted),
    )
    return CloudModule(folder=FOLDER / "instance", variables=variables, environment=environment, shared=shared)


def environment_of(settings: AzureSettings) -> Mapping[str, str]:
    """Return the variables by which Terraform's provider, and nothing else, gets the account."""
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
