"""The user data of instances: how the agent gets onto them, and where it belongs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from kyc.control.intent import enrolment_token
from kyc.domain.deployment import Deployment
from kyc.domain.ids import InstanceId
from kyc.domain.offer import Arch
from kyc.ports.secrets import Secrets

_PLACE = "TOLD: dict[str, Any] = {}\n"
LOCAL = "local"
ELSEWHERE = {"KYC_ADDRESS": "127.0.0.1"}  # of replicas: from outside they are reached through the agent only
MOST_BYTES = 16_384  # what EC2 takes


def agent_env(instance_id: InstanceId, master_url: str, token: str) -> dict[str, str]:
    """Return what every agent is told."""
    return {"KYC_MASTER_URL": master_url, "KYC_INSTANCE_ID": instance_id, "KYC_ENROL_TOKEN": token}


def local_user_data(env: Mapping[str, str]) -> str:
    """Return the script for an instance of this machine: the agent of this very installation."""
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in env.items())
    return f"#!/bin/sh\n{exports}\nexec {shlex.quote(sys.executable)} -m kyc.agent\n"


def cloud_user_data(env: Mapping[str, str], bundles: Mapping[str, str], *, root: str = "/") -> str:
    """Return the script that cloud-init runs at the first boot: `kyc.agent.boot`, told what to fetch and its hash."""
    told = json.dumps({"env": dict(env), "bundles": dict(bundles), "root": root}, sort_keys=True)
    source = (files("kyc.agent") / "boot.py").read_text(encoding="utf-8")
    assert _PLACE in source
    script = source.replace(_PLACE, f"import json\n\nTOLD: dict[str, Any] = json.loads({told!r})\n", 1)
    return f"#!/usr/bin/env python3\n{script}"


@dataclass(frozen=True, slots=True)
class BootScripts:
    """What instances run when they boot: on this machine this installation's agent, elsewhere a bundle of it.

    `hashes` makes the bundles for a processor, if they are not made, and returns their hashes.
    """

    secrets: Secrets
    hashes: Callable[[str], Awaitable[Mapping[str, str]]]

    async def __call__(self, deployment: Deployment, instance_id: InstanceId, master_url: str) -> str:
        """Return the instance's user data; raise UnreachableError if there is no bundle for it and none can be made."""
        env = agent_env(instance_id, master_url, enrolment_token(self.secrets, instance_id))
        if deployment.offer.cloud == LOCAL:
            return local_user_data(env)
        machine = "aarch64" if deployment.offer.arch is Arch.ARM64 else "x86_64"
        return cloud_user_data({**env, **ELSEWHERE, "KYC_NOTICES": deployment.offer.cloud}, await self.hashes(machine))
