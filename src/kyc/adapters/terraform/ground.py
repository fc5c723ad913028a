"""The shared deployments: a workspace for each ground, made once, its outputs kept for whoever stands on it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

from kyc.adapters.terraform.lock import file_lock
from kyc.adapters.terraform.run import DESTROY, PLAN, Runner, Session
from kyc.adapters.terraform.workspace import Workspace, fingerprint, make_folder, scratch
from kyc.ports.module import CloudModule, Outputs, SharedModule
from kyc.ports.provisioner import Ground, LogLine, OnLine, Planned

_GROUND = "ground.json"


@dataclass(slots=True)
class Grounds:
    """Keeps the shared deployments under `root`."""

    runner: Runner
    root: Path
    _locks: WeakValueDictionary[Ground, asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False)

    async def prepare(self, ground: Ground, module: CloudModule, on_line: OnLine) -> Outputs:
        """Return the outputs of the ground's shared deployment, made or brought up to date first where that is due."""
        if module.shared is None:
            return {}
        workspace, variables = self._workspace(ground), module.shared.variables(ground.region, ground.network)
        mark = self._mark(module.shared, variables)
        kept = workspace.outputs(mark)
        if kept is not None:
            return kept
        make_folder(self.root)
        lock = self._locks.setdefault(ground, asyncio.Lock())
        async with lock, file_lock(workspace.lock_path, timeout_s=self.runner.limits.command_s) as fd:
            kept = workspace.outputs(mark)
            if kept is not None:  # somebody else made it while we waited
                return kept
            self._write(workspace, ground, module.shared, variables)
            outputs = await self.runner.apply(await self._session(workspace, module, fd, on_line))
            workspace.keep_outputs(mark, outputs)
            return outputs

    async def plan(self, ground: Ground, module: CloudModule, on_line: OnLine) -> tuple[list[Planned], Outputs]:
        """Return what `prepare` would do, and the outputs as far as they are there."""
        if module.shared is None:
            return [], {}
        variables = module.shared.variables(ground.region, ground.network)
        kept = self._workspace(ground).outputs(self._mark(module.shared, variables))
        if kept is not None:
            return [], kept
        async with scratch(self.root.with_name("plan")) as workspace:
            self._write(workspace, ground, module.shared, variables)
            report = await self.runner.command(await self._session(workspace, module, None, on_line), PLAN)
        return [Planned(address=address, action=action, shared=True) for address, action in report.planned], {}

    async def release(self, ground: Ground, module: CloudModule, on_line: OnLine) -> None:
        """Destroy the ground's shared deployment."""
        workspace = self._workspace(ground)
        if module.shared is None or not workspace.folder.exists():
            return
        lock = self._locks.setdefault(ground, asyncio.Lock())
        async with lock, file_lock(workspace.lock_path, timeout_s=self.runner.limits.command_s) as fd:
            workspace.forget_outputs()
            self._write(workspace, ground, module.shared, module.shared.variables(ground.region, ground.network))
            if workspace.has_state():
                await self.runner.command(await self._session(workspace, module, fd, on_line), DESTROY)
            workspace.remove()

    def all(self) -> frozenset[Ground]:
        """Return those with a workspace."""
        if not self.root.exists():
            return frozenset()
        files = [path / _GROUND for path in self.root.iterdir() if path.is_dir()]
        return frozenset(Ground(**json.loads(file.read_bytes())) for file in files if file.exists())

    def _workspace(self, ground: Ground) -> Workspace:
        return Workspace(self.root / ground.name)

    def _write(self, workspace: Workspace, ground: Ground, shared: SharedModule, variables: Outputs) -> None:
        workspace.prepare(shared.folder, shared.files, variables)
        workspace.write(_GROUND, json.dumps(asdict(ground)).encode())

    def _mark(self, shared: SharedModule, variables: Outputs) -> str:
        made_of = fingerprint(shared.folder, shared.files, self.runner.engine.argv)
        return f"{made_of} {json.dumps(variables, sort_keys=True)}"

    async def _session(self, workspace: Workspace, module: CloudModule, fd: int | None, on_line: OnLine) -> Session:
        assert module.shared is not None

        async def on_shared(line: LogLine) -> None:
            await on_line(LogLine(text=f"shared: {line.text}", level=line.level))

        return Session(
            workspace=workspace,
            mark=fingerprint(module.shared.folder, module.shared.files, self.runner.engine.argv),
            needs_init=module.needs_init,
            env={**self.runner.env, **await module.environment()},
            fds=() if fd is None else (fd,),
            on_line=on_shared,
        )
