"""What an attempt's steps share: the collaborators, and the words for what a command sees of its workload."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from kyc.agent.backoff import Uniform, wait_s
from kyc.agent.engine import Engine, Tree
from kyc.agent.notices import Watch
from kyc.agent.settings import Settings
from kyc.agent.trouble import Trouble
from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.ports.clock import Clock
from kyc.ports.runtime import Command, Runtime
from kyc.wire.agent import AnyFact, Assignment, Troubled
from kyc.wire.replica import ReplicaOrder

log = logging.getLogger(__name__)
T = TypeVar("T")
_TROUBLED_AFTER = 3  # failures in a row before anybody is told


class Archives(Protocol):
    """Brings the workdir that the job was submitted with.

    `fetch` unpacks it into the folder: complete and with the right hash, or an error of kyc.domain.errors.
    """

    async def fetch(self, sha256: str, folder: Path) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The collaborators of every attempt."""

    settings: Settings
    clock: Clock
    rng: Uniform
    runtime: Runtime
    engine: Engine
    archives: Archives
    watch: Watch
    tell: Callable[[AnyFact], None]

    def folder(self, workload: str) -> Path:
        """Return the workload's own folder; raise InvalidInputError for a name that would leave its place."""
        if workload in {"", ".", ".."} or "/" in workload or "\0" in workload:
            raise InvalidInputError(f"not a workload's name: {workload!r}")
        return self.settings.work_folder / workload

    def tree(self, wanted: Assignment) -> Tree:
        """Return the files to replicate."""
        try:
            key = base64.b64decode(wanted.key, validate=True)
        except binascii.Error as error:
            raise InvalidInputError(f"the key of {wanted.workload} is not base64") from error
        return Tree(
            workload=wanted.workload,
            root=self.folder(wanted.workload),
            keep=tuple(wanted.keep),
            key=key,
            access=wanted.stream,
        )

    def command(self, name: str, script: str, wanted: Assignment, **more: str) -> Command:
        """Return the command with all that it may see: its own settings, and none of the agent's secrets."""
        env = {
            "PATH": self.settings.path,
            "HOME": self.settings.home,
            "KYC_WORKLOAD": wanted.workload,
            "KYC_ATTEMPT": wanted.attempt,
            "KYC_INSTANCE_ID": self.settings.instance_id,
            "SKYPILOT_TASK_ID": wanted.workload,
        }
        return Command(name=name, script=script, folder=self.folder(wanted.workload), env=env | wanted.envs | more)

    def replica_env(self, order: ReplicaOrder) -> dict[str, str]:
        """Return what a replica sees; PORT comes from where it runs."""
        place = {} if order.image else {"PATH": self.settings.path, "HOME": self.settings.home}
        own = {
            "KYC_WORKLOAD": order.workload,
            "KYC_REPLICA": order.replica,
            "KYC_INSTANCE_ID": self.settings.instance_id,
            "HOST": "0.0.0.0" if order.image else self.settings.address,  # noqa: S104  # of a container: mapped
        }
        limits = {"KYC_CPUS": f"{order.cpus:g}"} if order.cpus else {}
        return {**place, **own, **limits, **order.envs}

    async def insist(self, attempt: str, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Return the result, however often the other side is unreachable; from the third time on that is told."""
        failures = 0
        trouble = Trouble(what, partial(self.trouble, attempt), self.clock)
        while True:
            try:
                result = await call()
            except UnreachableError as error:
                failures += 1
                log.warning("unreachable", extra={"what": what, "reason": str(error), "failures": failures})
                if failures >= _TROUBLED_AFTER:
                    trouble.note(error)
                await self.clock.sleep_s(wait_s(failures, self.rng))
            else:
                trouble.end()
                return result

    def trouble(
        self, attempt: str | None, what: str, next_step: str = "", *, fatal: bool = False, over: bool = False
    ) -> None:
        """Tell a trouble, or that it is over."""
        log.warning("troubled", extra={"attempt": attempt, "what": what, "fatal": fatal, "over": over})
        at = self.clock.now()
        self.tell(Troubled(at=at, attempt=attempt, what=what, next_step=next_step, fatal=fatal, over=over))
