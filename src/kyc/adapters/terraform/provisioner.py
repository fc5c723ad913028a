"""The Provisioner port: one workspace a deployment, one command a converge where possible."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from kyc.adapters.terraform.engine import Engine
from kyc.adapters.terraform.ground import Grounds
from kyc.adapters.terraform.lock import file_lock
from kyc.adapters.terraform.process import Limits
from kyc.adapters.terraform.run import DESTROY, PLAN, Runner, Session
from kyc.adapters.terraform.workspace import Workspace, fingerprint, make_folder, scratch
from kyc.domain.deployment import Deployment
from kyc.domain.errors import KycError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.module import CloudModule
from kyc.ports.provisioner import Ground, OnLine, Planned, Provisioned, ground_of


def no_account(_cloud: str, _account: str) -> CloudModule | None:
    """Know no account of any cloud."""
    return None


@dataclass(slots=True)
class TerraformProvisioner:
    """Runs `engine` in `root/<deployment id>/` with the module of the deployment's cloud and account.

    `modules` are those of clouds without accounts, `accounts` returns the others'. `env` is the whole environment of
    the engine but for the module's own (see `engine_environment`). A run left by a killed master is waited for, as long
    as a command may take: it holds the workspace's lock while it works.
    """

    engine: Engine
    root: Path
    modules: Mapping[str, CloudModule]
    env: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    accounts: Callable[[str, str], CloudModule | None] = no_account
    _runner: Runner = field(init=False)
    _grounds: Grounds = field(init=False)
    _locks: WeakValueDictionary[DeploymentId, asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False)

    def __post_init__(self) -> None:
        self._runner = Runner(self.engine, self.env, self.limits)
        self._grounds = Grounds(self._runner, self.root.with_name("ground"))

    async def converge(
        self, deployment: Deployment, user_data: Mapping[InstanceId, str], on_line: OnLine
    ) -> Provisioned:
        """Make exactly these instances exist; see the port."""
        module = self._module(deployment.offer.cloud, deployment.account)
        workspace = Workspace(self.root / deployment.id)
        self._make_folders()
        shared = await self._grounds.prepare(ground_of(deployment), module, on_line) if user_data else {}
        lock = self._locks.setdefault(deployment.id, asyncio.Lock())
        async with lock, file_lock(workspace.lock_path, timeout_s=self.limits.command_s) as fd:
            workspace.prepare(module.folder, module.files, await module.variables(deployment, user_data, shared))
            session = await self._session(workspace, module, (fd,), on_line)
            if user_data:
                return _provisioned(await self._runner.apply(session))
            if workspace.has_state():
                await self._runner.command(session, DESTROY)
            workspace.remove()
            return Provisioned()

    async def plan(self, deployment: Deployment, user_data: Mapping[InstanceId, str], on_line: OnLine) -> list[Planned]:
        """Say what a converge would do; see the port."""
        module = self._module(deployment.offer.cloud, deployment.account)
        self._make_folders()
        shared, outputs = await self._grounds.plan(ground_of(deployment), module, on_line)
        async with scratch(self.root.with_name("plan")) as workspace:
            workspace.prepare(module.folder, module.files, await module.variables(deployment, user_data, outputs))
            report = await self._runner.command(await self._session(workspace, module, (), on_line), PLAN)
        own = [Planned(address=address, action=action) for address, action in report.planned]
        return [*shared, *own]

    async def export(self) -> Mapping[str, str]:
        """Give the files of every workspace; see the port."""
        found: dict[str, str] = {}
        for root in (self.root, self._grounds.root):
            folders = [path for path in root.iterdir() if path.is_dir()] if root.exists() else []
            for folder in sorted(folders):
                files = Workspace(folder).exported()
                found |= {f"{root.name}/{folder.name}/{name}": text for name, text in files.items()}
        return found

    async def deployments(self) -> frozenset[DeploymentId]:
        """Return those with a workspace."""
        if not self.root.exists():
            return frozenset()
        return frozenset(DeploymentId(path.name) for path in self.root.iterdir() if path.is_dir())

    async def prepare(self, ground: Ground, on_line: OnLine) -> None:
        """Make what instances share there; see the port."""
        self._make_folders()
        await self._grounds.prepare(ground, self._module(ground.cloud, ground.account), on_line)

    async def release(self, ground: Ground, on_line: OnLine) -> None:
        """Take away what instances shared there; see the port."""
        await self._grounds.release(ground, self._module(ground.cloud, ground.account), on_line)

    async def grounds(self) -> frozenset[Ground]:
        """Return those with a workspace."""
        return self._grounds.all()

    async def _session(
        self, workspace: Workspace, module: CloudModule, fds: tuple[int, ...], on_line: OnLine
    ) -> Session:
        return Session(
            workspace=workspace,
            mark=fingerprint(module.folder, module.files, self.engine.argv),
            needs_init=module.needs_init,
            env={**self.env, **await module.environment()},
            fds=fds,
            on_line=on_line,
        )

    def _make_folders(self) -> None:
        make_folder(self.root)
        make_folder(self._runner.plugin_cache)

    def _module(self, cloud: str, account: str) -> CloudModule:
        module = self.modules.get(cloud) or self.accounts(cloud, account)
        if module is None:
            raise KycError(
                f"there is no account to reach the cloud {cloud!r} with" + (f": {account} is gone" if account else ""),
                next_step=f"Add one: kyc cloud add {cloud}. `kyc cloud list` shows those there are.",
            )
        return module


def _provisioned(outputs: Mapping[str, Any]) -> Provisioned:
    def by_id(name: str) -> dict[InstanceId, str]:
        return {InstanceId(key): value for key, value in outputs.get(name, {}).items() if isinstance(value, str)}

    return Provisioned(provider_ids=by_id("provider_ids"), addresses=by_id("addresses"))
