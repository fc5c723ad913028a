"""Terraform or OpenTofu themselves with the modules of Google Cloud and Azure, over providers with nothing behind."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from kyc.adapters.azure.provider import AzureProvider
from kyc.adapters.gcp.provider import GcpProvider
from kyc.adapters.system.clock import SystemClock
from kyc.adapters.terraform.engine import engine_environment, find_engine
from kyc.adapters.terraform.provisioner import TerraformProvisioner
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.ids import AccountId, DeploymentId, InstanceId
from kyc.domain.launch import NO_OPTIONS, LaunchOptions
from kyc.domain.offer import Offer
from kyc.ports.account import Account, CloudProvider, OpenCloud
from kyc.ports.module import CloudModule
from kyc.ports.provisioner import LogLine

MASTER = "m0a1"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMMDr2coQ9X1ACLcNf1hzQBLJS/LD77cIqHqQVcDSnCv kyc"
SECRET = "planted-secret-0001"
USER_DATA = "#!/bin/sh\n# planted-user-data\n"
PROVIDERS = {"gcp": "google", "azure": "azurerm"}
_SECRETS = {"gcp": "access_token", "azure": "client_secret"}
_SETTINGS = {
    "gcp": {"project": "p", "ssh_from": "198.51.100.0/24"},
    "azure": {
        "tenant_id": "t",
        "subscription_id": "s",
        "client_id": "c",
        "ssh_from": "198.51.100.0/24",
    },
}


@dataclass
class Stand:
    """One cloud's modules, and what has been made and destroyed through them."""

    cloud: str
    home: Path
    log: Path
    provisioner: TerraformProvisioner
    opened: OpenCloud
    module: CloudModule
    lines: list[str] = field(default_factory=list)

    async def on_line(self, line: LogLine) -> None:
        self.lines.append(line.text)

    async def converge(self, deployment: Deployment, *ids: str, user_data: str = USER_DATA) -> Mapping[InstanceId, str]:
        """Have exactly these instances of the deployment exist; return their provider ids."""
        scripts = {InstanceId(one): user_data for one in ids}
        return (await self.provisioner.converge(deployment, scripts, self.on_line)).provider_ids

    def told(self) -> list[dict[str, Any]]:
        """Return what the provider was told to make and to destroy, in order, and forget it."""
        if not self.log.exists():
            return []
        told = [json.loads(line) for line in self.log.read_text().splitlines()]
        self.log.unlink()
        return told


@asynccontextmanager
async def standing(
    cloud: str, home: Path, engine: str, *, secret: str = SECRET, **settings: str
) -> AsyncIterator[Stand]:
    """Open the modules of a cloud's account with these settings."""
    log = home / "told.jsonl"
    with _serving(PROVIDERS[cloud], home, log) as reattach:
        account = Account(
            id=AccountId(f"{cloud}:default"),
            settings={**_SETTINGS[cloud], **settings},
            secrets={_SECRETS[cloud]: secret},
        )
        opened = _provider(cloud).open(account)
        module = opened.module

        async def environment() -> Mapping[str, str]:
            return {**await module.environment(), "TF_REATTACH_PROVIDERS": reattach}

        attached = replace(module, environment=environment)
        provisioner = TerraformProvisioner(
            engine=find_engine(engine),
            root=home / "terraform",
            modules={cloud: attached},
            env=engine_environment(os.environ, plugin_cache=home / "plugins"),
        )
        yield Stand(cloud, home, log, provisioner, opened, attached)


def deployment(offer: Offer, *ids: str, options: LaunchOptions = NO_OPTIONS) -> Deployment:
    return Deployment(
        id=DeploymentId("d-1"),
        offer=offer,
        instance_ids=tuple(InstanceId(one) for one in ids),
        state=DeploymentState.REQUESTED,
        requested_at=SystemClock().now(),
        account=f"{offer.cloud}:default",
        options=options,
    )


def _provider(cloud: str) -> CloudProvider:
    clock = SystemClock()
    if cloud == "gcp":
        return GcpProvider(master_id=MASTER, public_key=lambda: PUBLIC_KEY, admit_ssh=False, clock=clock)
    return AzureProvider(master_id=MASTER, public_key=lambda: PUBLIC_KEY, admit_ssh=False, clock=clock, poll_s=0.01)


@contextmanager
def _serving(name: str, home: Path, log: Path) -> Iterator[str]:
    """Run the provider; yield what TF_REATTACH_PROVIDERS has to be."""
    socket = home / "provider.sock"
    argv = [sys.executable, "-m", "tests.terraform.provider", name, str(socket), str(log)]
    process = Popen(argv, stdout=PIPE, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ready"), "the provider has not started"
        address = {"Network": "unix", "String": str(socket)}
        yield json.dumps(
            {
                f"hashicorp/{name}": {
                    "Protocol": "grpc",
                    "ProtocolVersion": 5,
                    "Pid": process.pid,
                    "Test": True,
                    "Addr": address,
                }
            }
        )
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
