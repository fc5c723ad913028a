"""The ReplicaRuntime port on plain processes: a replica gets a free port as PORT, and no limits but its instance's."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

from kyc.adapters.process.port import free_port
from kyc.adapters.process.runtime import ProcessRuntime, RunningProcess
from kyc.adapters.process.usage import usage_below
from kyc.domain.errors import InvalidInputError
from kyc.ports.runtime import Command, OnPull, ReplicaCommand, Usage


class ProcessReplicas:
    """Runs replicas as processes, each under a keeper, so that none outlives the agent."""

    def __init__(self, runtime: ProcessRuntime, rng: random.Random) -> None:
        self._runtime = runtime
        self._rng = rng
        self._ports: set[int] = set()

    async def sweep(self) -> None:
        """Nothing is ever left: the keepers see to it."""

    async def fetch(self, command: ReplicaCommand, on_pull: OnPull) -> None:
        """Nothing is needed but the folder."""

    async def start(self, command: ReplicaCommand) -> ProcessReplica:
        """Start it; raise InvalidInputError if there is no shell, or no such folder."""
        if not command.script.strip():
            raise InvalidInputError("there is nothing to run", next_step="Add `run:` to the file, or an image.")
        port = free_port(self._rng, but=self._ports)
        self._ports.add(port)
        env = {**command.env, "PORT": str(port)}
        try:
            running = await self._runtime.start(
                Command(name=command.name, script=command.script, folder=command.folder, env=env)
            )
        except BaseException:
            self._ports.discard(port)
            raise
        return ProcessReplica(running, running.pid, port, self._ports)


@dataclass(slots=True)
class ProcessReplica:
    """A replica that runs as processes."""

    running: RunningProcess
    pid: int
    port: int
    _ports: set[int]

    def output(self) -> AsyncIterator[str]:
        """Yield what it prints."""
        return self.running.output()

    async def wait(self) -> int:
        """Return the exit code once nothing of it runs; its port is free again then."""
        code = await self.running.wait()
        self._ports.discard(self.port)
        return code

    async def stop(self, *, grace_s: float) -> int:
        """Ask it to end, kill it after the grace."""
        code = await self.running.stop(grace_s=grace_s)
        self._ports.discard(self.port)
        return code

    async def kill(self) -> None:
        """Kill all of it."""
        await self.running.kill()
        self._ports.discard(self.port)

    def usage(self) -> Usage | None:
        """Return what it and its children use."""
        return usage_below(self.pid)

    def end_reason(self) -> str:
        """Nothing is known beyond the exit code."""
        return ""
