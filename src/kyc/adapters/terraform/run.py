"""The engine's commands in one workspace: `init` where it is due, the lines as they come, errors as what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kyc.adapters.terraform.diagnosis import diagnose, needs_init
from kyc.adapters.terraform.engine import Engine
from kyc.adapters.terraform.line import Report, output_values
from kyc.adapters.terraform.lock import file_lock
from kyc.adapters.terraform.process import Job, Limits, run
from kyc.adapters.terraform.workspace import Workspace
from kyc.ports.provisioner import OnLine

_STATE_LOCK_S = 60
_QUICK = ("-input=false", f"-lock-timeout={_STATE_LOCK_S}s", "-parallelism=30")
# What a workspace's state says is what we made there and nobody else touches: reading it all again before each change
# would only cost time, and would have an instance that the cloud took away made again.
APPLY = ("apply", "-json", "-auto-approve", "-refresh=false", *_QUICK)
DESTROY = ("destroy", "-json", "-auto-approve", "-refresh=false", *_QUICK)
PLAN = ("plan", "-json", "-refresh=false", *_QUICK)
_INIT = ("init", "-json", "-input=false", f"-lock-timeout={_STATE_LOCK_S}s")
_OUTPUT = ("output", "-json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One use of a workspace: what its commands share. `mark` is what `init` depends on."""

    workspace: Workspace
    mark: str
    needs_init: bool
    env: Mapping[str, str]
    fds: tuple[int, ...]
    on_line: OnLine


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs commands of `engine`, with `env` as its environment but for what a session adds."""

    engine: Engine
    env: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)

    @property
    def plugin_cache(self) -> Path:
        """The folder that all workspaces take plug-ins from."""
        return Path(self.env["TF_PLUGIN_CACHE_DIR"])

    async def apply(self, session: Session) -> dict[str, Any]:
        """Make what the workspace says; return its outputs."""
        report = await self.command(session, APPLY)
        if report.outputs:
            return report.outputs
        return output_values(await self._plain(session, _OUTPUT))

    async def command(self, session: Session, command: tuple[str, ...]) -> Report:
        """Run the command, after `init` where that is due; return what it reported or raise what it means."""
        if session.needs_init and not session.workspace.is_initialised(session.mark):
            await self._init(session)
        code, report = await self._attempt(session, command)
        if code != 0 and needs_init(report):
            await self._init(session, anew=True)
            code, report = await self._attempt(session, command)
        if code != 0:
            raise diagnose(report, command=f"{self.engine.name} {command[0]}", exit_code=code)
        return report

    async def _init(self, session: Session, *, anew: bool = False) -> None:
        """Run `init`; one at a time over all workspaces, since the plug-in cache bears no two writers.

        What it made for the same module and engine before is taken over, unless that turned out not to do (`anew`).
        """
        made = self.plugin_cache.with_name("initialised") / session.mark
        async with file_lock(self.plugin_cache.with_suffix(".lock"), timeout_s=self.limits.command_s) as fd:
            if anew or not session.workspace.take_over(made):
                code, report = await self._attempt(replace(session, fds=(*session.fds, fd)), _INIT)
                if code != 0:
                    raise diagnose(report, command=f"{self.engine.name} init", exit_code=code)
                session.workspace.hand_on(made)
        session.workspace.set_initialised(session.mark)

    async def _attempt(self, session: Session, command: tuple[str, ...]) -> tuple[int, Report]:
        report = Report()

        async def on_raw(raw: bytes) -> None:
            for line in report.read(raw):
                await session.on_line(line)

        code = await run(self._job(session, command, session.workspace.log), self.limits, on_raw)
        return code, report

    async def _plain(self, session: Session, command: tuple[str, ...]) -> bytes:
        """Return the whole output of a command that does not print a JSON object a line."""
        lines: list[bytes] = []

        async def on_raw(raw: bytes) -> None:
            lines.append(raw)

        await run(self._job(session, command, session.workspace.folder / "output.log"), self.limits, on_raw)
        return b"\n".join(lines)

    def _job(self, session: Session, command: tuple[str, ...], log: Path) -> Job:
        return Job(
            argv=(*self.engine.argv, *command),
            folder=session.workspace.folder,
            env=session.env,
            log=log,
            fds=session.fds,
        )
