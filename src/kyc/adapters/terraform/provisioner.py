"""The Provisioner port: one workspace a deployment, one command a converge where possible."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from kyc.adapters.terraform.diagnosis import diagnose, needs_init
from kyc.adapters.terraform.engine import Engine
from kyc.adapters.terraform.line import Report, output_values
from kyc.adapters.terraform.lock import file_lock
from kyc.adapters.terraform.module import CloudModule
from kyc.adapters.terraform.process import Job, Limits, run
from kyc.adapters.terraform.workspace import Workspace, fingerprint
from kyc.domain.deployment import Deployment
from kyc.domain.errors import KycError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.provisioner import OnLine, Provisioned

_STATE_LOCK_S = 60
_APPLY = ("apply", "-json", "-auto-approve", "-input=false", f"-lock-timeout={_STATE_LOCK_S}s", "-parallelism=30")
_DESTROY = ("destroy", "-json", "-auto-approve", "-input=false", f"-lock-timeout={_STATE_LOCK_S}s", "-parallelism=30")
_INIT = ("init", "-json", "-input=false", f"-lock-timeout={_STATE_LOCK_S}s")
_OUTPUT = ("output", "-json")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """One converge: what its commands share."""

    workspace: Workspace
    module: CloudModule
    env: Mapping[str, str]
    fds: tuple[int, ...]
    on_line: OnLine


@dataclass(slots=True)
class TerraformProvisioner:
    """Runs `engine` in `root/<deployment id>/` with the module of the deployment's cloud.

    `env` is the whole environment of the engine but for the module's own (see `engine_environment`). A run left by a
    killed master is waited for, as long as a command may take: it holds the workspace's lock while it works.
    """

    engine: Engine
    root: Path
    modules: Mapping[str, CloudModule]
    env: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    _locks: WeakValueDictionary[DeploymentId, asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False)

    async def converge(
        self, deployment: Deployment, user_data: Mapping[InstanceId, str], on_line: OnLine
    ) -> Provisioned:
        """Make exactly these instances exist; see the port."""
        module = self._module(deployment)
        workspace = Workspace(self.root / deployment.id)
        _folder(self.root)
        _folder(self.env["TF_PLUGIN_CACHE_DIR"])
        lock = self._locks.setdefault(deployment.id, asyncio.Lock())
        async with lock, file_lock(workspace.lock_path, timeout_s=self.limits.command_s) as fd:
            env = {**self.env, **await module.environment()}
            workspace.prepare(module, await module.variables(deployment, user_data))
            session = _Session(workspace=workspace, module=module, env=env, fds=(fd,), on_line=on_line)
            if user_data:
                return _provisioned(await self._apply(session))
            if workspace.has_state():
                await self._command(session, _DESTROY)
            workspace.remove()
            return Provisioned()

    async def deployments(self) -> frozenset[DeploymentId]:
        """Return those with a workspace."""
        if not self.root.exists():
            return frozenset()
        return frozenset(DeploymentId(path.name) for path in self.root.iterdir() if path.is_dir())

    def _module(self, deployment: Deployment) -> CloudModule:
        module = self.modules.get(deployment.offer.cloud)
        if module is None:
            raise KycError(
                f"there is no Terraform module for the cloud {deployment.offer.cloud!r}",
                next_step=f"Use one of these clouds: {', '.join(sorted(self.modules))}.",
            )
        return module

    async def _apply(self, session: _Session) -> dict[str, Any]:
        report = await self._command(session, _APPLY)
        if "provider_ids" in report.outputs:
            return report.outputs
        printed = await self._plain(session, _OUTPUT)
        return output_values(printed)

    async def _command(self, session: _Session, command: tuple[str, ...]) -> Report:
        """Run the command, after `init` where that is due; return what it reported or raise what it means."""
        mark = fingerprint(session.module, self.engine.argv)
        if session.module.needs_init and not session.workspace.is_initialised(mark):
            await self._init(session, mark)
        code, report = await self._attempt(session, command)
        if code != 0 and needs_init(report):
            await self._init(session, mark)
            code, report = await self._attempt(session, command)
        if code != 0:
            raise diagnose(report, command=f"{self.engine.name} {command[0]}", exit_code=code)
        return report

    async def _init(self, session: _Session, mark: str) -> None:
        """Run `init`; one at a time over all workspaces, since the plug-in cache bears no two writers."""
        cache = Path(self.env["TF_PLUGIN_CACHE_DIR"])
        async with file_lock(cache.with_suffix(".lock"), timeout_s=self.limits.command_s) as fd:
            code, report = await self._attempt(replace(session, fds=(*session.fds, fd)), _INIT)
        if code != 0:
            raise diagnose(report, command=f"{self.engine.name} init", exit_code=code)
        session.workspace.set_initialised(mark)

    async def _attempt(self, session: _Session, command: tuple[str, ...]) -> tuple[int, Report]:
        report = Report()

        async def on_raw(raw: bytes) -> None:
            for line in report.read(raw):
                await session.on_line(line)

        code = await run(self._job(session, command, session.workspace.log), self.limits, on_raw)
        return code, report

    async def _plain(self, session: _Session, command: tuple[str, ...]) -> bytes:
        """Return the whole output of a command that does not print a JSON object a line."""
        lines: list[bytes] = []

        async def on_raw(raw: bytes) -> None:
            lines.append(raw)

        await run(self._job(session, command, session.workspace.folder / "output.log"), self.limits, on_raw)
        return b"\n".join(lines)

    def _job(self, session: _Session, command: tuple[str, ...], log: Path) -> Job:
        return Job(
            argv=(*self.engine.argv, *command),
            folder=session.workspace.folder,
            env=session.env,
            log=log,
            fds=session.fds,
        )


def _folder(path: str | Path) -> None:
    Path(path).mkdir(parents=True, exist_ok=True, mode=0o700)


def _provisioned(outputs: Mapping[str, Any]) -> Provisioned:
    def by_id(name: str) -> dict[InstanceId, str]:
        return {InstanceId(key): value for key, value in outputs.get(name, {}).items() if isinstance(value, str)}

    return Provisioned(provider_ids=by_id("provider_ids"), addresses=by_id("addresses"))
