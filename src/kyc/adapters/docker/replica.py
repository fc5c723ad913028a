"""The ReplicaRuntime port on a Docker Engine: one container a replica, with its limits, labelled as this instance's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
from aiodocker import Docker
from aiodocker.containers import DockerContainer
from aiodocker.exceptions import DockerError

from kyc.adapters.docker.cgroup import Group, group_of
from kyc.adapters.docker.image import have_image
from kyc.domain.errors import InvalidInputError, KycError, UnreachableError
from kyc.ports.runtime import OnPull, ReplicaCommand, Usage

LABEL = "kyc.instance"
WORK = "/work"  # where a container finds the workdir
_MIB = 1 << 20
_KILLED = 137
_MISSING, _CONFLICT, _NOT_MODIFIED = 404, 409, 304
_MAX_LINE = 65_536


class DockerReplicas:
    """Runs replicas in containers. They outlive an agent that is killed; `sweep` of the next one removes them."""

    def __init__(self, *, instance_id: str, address: str, url: str | None = None) -> None:
        self._instance_id = instance_id
        self._address = address
        self._url = url
        self._docker: Docker | None = None
        self._images: dict[str, str] = {}

    @property
    def _engine(self) -> Docker:
        if self._docker is None:
            try:
                self._docker = Docker(url=self._url)
            except ValueError as error:
                raise UnreachableError(
                    "there is no Docker engine on this instance", next_step="Install Docker, or take `image` out."
                ) from error
        return self._docker

    async def close(self) -> None:
        """Let go of the engine; containers stay."""
        if self._docker is not None:
            await self._docker.close()
            self._docker = None

    async def sweep(self) -> None:
        """Remove the containers of another life of this instance's agent."""
        with _translated("list containers"):
            mine = {"label": [f"{LABEL}={self._instance_id}"]}
            for container in await self._engine.containers.list(all=True, filters=mine):
                await _remove(container)

    async def fetch(self, command: ReplicaCommand, on_pull: OnPull) -> None:
        """Have the image; raise InvalidInputError if there is none of the name."""
        with _translated(f"get the image {command.image}"):
            self._images[command.name] = await have_image(self._engine, command.image, command.folder, on_pull)

    async def start(self, command: ReplicaCommand) -> ContainerReplica:
        """Start the container; raise InvalidInputError for what can never start."""
        with _translated(f"start {command.image}"):
            image = self._images.get(command.name, command.image)
            container = await self._engine.containers.create(_config(command, image, self._instance_id, self._address))
            try:
                await container.start()
                state = await container.show()
            except BaseException:
                await asyncio.shield(_remove(container))
                raise
        bound = state["NetworkSettings"]["Ports"].get(f"{command.port}/tcp") or []
        port = int(bound[0]["HostPort"]) if bound else 0
        return ContainerReplica(container, pid=int(state["State"]["Pid"]), port=port)


def _config(command: ReplicaCommand, image: str, instance_id: str, address: str) -> dict[str, Any]:
    port = f"{command.port}/tcp"
    env = {**command.env, "PORT": str(command.port)}
    host: dict[str, Any] = {
        "PortBindings": {port: [{"HostIp": address, "HostPort": ""}]},
        "Binds": [f"{command.folder}:{WORK}"],
        "Init": True,
        "NanoCpus": round(command.cpus * 1e9),
        "Memory": command.memory_mib * _MIB,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
    }
    if command.gpus:
        host["DeviceRequests"] = [{"Count": max(1, round(command.gpus)), "Capabilities": [["gpu"]]}]
    config: dict[str, Any] = {
        "Image": image,
        "Env": [f"{name}={value}" for name, value in env.items()],
        "ExposedPorts": {port: {}},
        "Labels": {LABEL: instance_id, "kyc.replica": command.name, "kyc.workload": command.workload},
        "HostConfig": host,
    }
    if command.script.strip():
        config |= {"Entrypoint": ["/bin/sh", "-c"], "Cmd": [command.script], "WorkingDir": WORK}
    return config


class ContainerReplica:
    """A started container; it is removed once it has ended."""

    def __init__(self, container: DockerContainer, *, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port
        self._container = container
        self._group: Group | None = group_of(pid)
        self._code: int | None = None
        self._reason = ""
        self._ending = asyncio.Lock()

    async def output(self) -> AsyncIterator[str]:
        """Yield what it prints, line by line."""
        rest = ""
        with contextlib.suppress(DockerError, aiohttp.ClientError):
            async for piece in self._container.log(stdout=True, stderr=True, follow=True):
                *lines, rest = (rest + piece).split("\n")
                for line in lines:
                    yield line.removesuffix("\r")[:_MAX_LINE]
        if rest:
            yield rest[:_MAX_LINE]

    async def wait(self) -> int:
        """Return the exit code once it has ended; the container is gone then. One that was removed counts as killed."""
        code = _KILLED
        with _translated("wait for a container", but=(_MISSING,)):
            code = int((await self._container.wait())["StatusCode"])
        return await self._ended(code)

    async def stop(self, *, grace_s: float) -> int:
        """Send SIGTERM, wait `grace_s` at most, kill; return the exit code."""
        if self._code is None:
            with _translated("stop a container", but=(_MISSING, _NOT_MODIFIED)):
                await self._container.stop(t=max(0, round(grace_s)), timeout=aiohttp.ClientTimeout(total=grace_s + 60))
        return await self.wait() if self._code is None else self._code

    async def kill(self) -> None:
        """Kill it at once; return when it is gone."""
        if self._code is None:
            with _translated("kill a container", but=(_MISSING, _CONFLICT)):
                await self._container.kill()
            await self.wait()

    def usage(self) -> Usage | None:
        """Return what it has used, from its control group."""
        return None if self._group is None or self._code is not None else self._group.usage()

    def end_reason(self) -> str:
        """Return why it ended, if the engine knows more than its exit code."""
        return self._reason

    async def _ended(self, code: int) -> int:
        async with self._ending:
            if self._code is not None:
                return self._code
            with _translated("look at a container", but=(_MISSING,)):
                state = (await self._container.show())["State"]
                if state.get("OOMKilled"):
                    self._reason = f"killed for want of memory (exit code {code})"
                elif state.get("Error"):
                    self._reason = str(state["Error"])
            await _remove(self._container)
            self._code = code
            return code


async def _remove(container: DockerContainer) -> None:
    with _translated("remove a container", but=(_MISSING, _CONFLICT)):
        await container.delete(force=True, v=True)


@contextlib.contextmanager
def _translated(what: str, *, but: tuple[int, ...] = ()) -> Iterator[None]:
    """Raise the engine's errors as ours; those with one of the statuses are none."""
    try:
        yield
    except KycError:
        raise
    except DockerError as error:
        if error.status in but:
            return
        kind = InvalidInputError if 400 <= error.status < 500 else UnreachableError
        raise kind(f"cannot {what}: {error.message}", next_step="Look at the image and at `docker ps -a`.") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise UnreachableError(f"cannot {what}: {error}", next_step="Is the Docker engine running?") from error
