"""What a cloud gives to Terraform: its static modules, and the values that fill them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kyc.domain.deployment import Deployment
from kyc.domain.ids import InstanceId

Outputs = Mapping[str, object]
Variables = Callable[[Deployment, Mapping[InstanceId, str], Outputs], Awaitable[Mapping[str, object]]]
Environment = Callable[[], Awaitable[Mapping[str, str]]]


async def no_environment() -> Mapping[str, str]:
    """Give a module nothing beyond what every engine gets."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedModule:
    """What the instances of one account share in one region: a network, a firewall, a key.

    It is a deployment of its own that lasts (see ports.provisioner.Ground). `variables` gives what fills it for a
    region and a network (empty: the usual one). Its outputs reach the variables of each deployment there.
    """

    folder: Path
    variables: Callable[[str, str], Mapping[str, object]]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudModule:
    """One account's module.

    `folder` holds the `*.tf`; they and `files` are copied into each workspace. `variables` gives what goes into
    `terraform.tfvars.json` (JSON values; also for no instances at all, before a destroy), from the deployment, the
    user data of each instance and the outputs of `shared`. `environment` gives what the engine gets besides, such as
    credentials and endpoints, fresh for each run: they are in no file. The module has the outputs `provider_ids` and
    `addresses`, both maps by our instance ids. `needs_init` is False for a module of built-in resources only.
    """

    folder: Path
    variables: Variables
    environment: Environment = no_environment
    files: tuple[str, ...] = ()
    needs_init: bool = True
    shared: SharedModule | None = None
