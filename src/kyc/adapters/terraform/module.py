"""What a cloud gives to Terraform: its static module, and the values that fill it. Made by wiring for each cloud."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kyc.domain.deployment import Deployment
from kyc.domain.ids import InstanceId

Variables = Callable[[Deployment, Mapping[InstanceId, str]], Awaitable[Mapping[str, object]]]
Environment = Callable[[], Awaitable[Mapping[str, str]]]


async def no_environment() -> Mapping[str, str]:
    """Give a module nothing beyond what every engine gets."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudModule:
    """One cloud's module.

    `folder` holds the `*.tf`; they and `files` are copied into each workspace. `variables` gives what goes into
    `terraform.tfvars.json` (JSON values; also for no instances at all, before a destroy). `environment` gives what the
    engine gets besides, such as credentials, fresh for each run. The module has the outputs `provider_ids` and
    `addresses`, both maps by our instance ids. `needs_init` is False for a module of built-in resources only.
    """

    folder: Path
    variables: Variables
    environment: Environment = no_environment
    files: tuple[str, ...] = ()
    needs_init: bool = True
