"""The local cloud from outside: the Cloud port, the daemon's start and end, and what Terraform needs to know."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from kyc.adapters.local.api import LINE_LIMIT
from kyc.adapters.local.daemon import ALREADY_RUNNING, SOCKET
from kyc.adapters.local.fault import HALTED, NO_CAPACITY, NO_QUOTA, UNKNOWN_INSTANCE
from kyc.adapters.local.shape import CLOUD
from kyc.domain.deployment import Deployment
from kyc.domain.errors import (
    CapacityUnavailableError,
    InvalidInputError,
    KycError,
    NotFoundError,
    QuotaError,
    UnreachableError,
)
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.offer import Purchase
from kyc.hosting.socketpath import short_path
from kyc.ports.cloud import CloudInstance
from kyc.ports.module import Outputs

MODULE_FOLDER = Path(__file__).parent
MODULE_FILES = ("ctl.py",)
_CALL_S = 30.0
_START_S = 20.0
_ERRORS: dict[str, type[KycError]] = {
    NO_CAPACITY: CapacityUnavailableError,
    NO_QUOTA: QuotaError,
    UNKNOWN_INSTANCE: NotFoundError,
}


class LocalCloud:
    """The Cloud port on the daemon in `home`, and the rest of what that daemon can do.

    An instance ends when its user data's process ends. Pools are named `zone/type/spot` and `zone/type/on_demand`.
    All raise UnreachableError when the daemon does not answer; `ensure` starts it.
    """

    name = CLOUD
    look_every_s = 1.0

    def __init__(self, home: Path, *, mode: str = "process") -> None:
        self._home = home
        self._mode = mode
        self.socket = home.absolute() / SOCKET

    # --- the port ---

    async def instances(self, *, everywhere: bool = False) -> list[CloudInstance]:
        """Return what runs and what ended within the last hour; there is one place only."""
        del everywhere
        return [_seen(raw) for raw in await self._call("instances")]

    async def interrupt(self, provider_id: str, *, notice_s: float) -> str:
        """Interrupt an instance; see the port."""
        await self._call("interrupt", provider_id=provider_id, notice_s=notice_s)
        return "noticed by its metadata service" if notice_s else "killed"

    async def remove(self, provider_id: str) -> None:
        """End an instance; see the port."""
        await self._call("remove", provider_id=provider_id)

    # --- the daemon ---

    async def ensure(self) -> bool:
        """Return once the daemon answers; True if it had to be started. Raise UnreachableError if it cannot be."""
        try:
            async with asyncio.timeout(_START_S):
                started = False
                while not await self._answers():
                    started = await self._start() or started
                return started
        except TimeoutError as error:
            raise self._unreachable(f"it does not answer within {_START_S:.0f} s") from error

    async def stop(self, *, everything: bool = True) -> None:
        """Stop the daemon and, unless `everything` is False, end all instances first; return when it is gone."""
        try:
            pid = (await self._call("hello"))["pid"]  # the daemon is on the host, in isolated mode too
            pidfd = os.pidfd_open(pid)
        except (UnreachableError, ProcessLookupError):
            return
        try:
            gone = asyncio.Event()
            asyncio.get_running_loop().add_reader(pidfd, gone.set)
            await self._call("stop", everything=everything)
            async with asyncio.timeout(_START_S):
                await gone.wait()
        except TimeoutError as error:
            raise self._unreachable("it does not end") from error
        finally:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)

    # --- what only this cloud can do ---

    async def interrupt_in_s(self, provider_id: str, *, after_s: float, notice_s: float) -> None:
        """Plan an interruption: its notice, or for 0 its end, comes `after_s` from now."""
        await self._call("interrupt", provider_id=provider_id, notice_s=notice_s, after_s=after_s)

    async def recommend_rebalance(self, provider_id: str) -> None:
        """Give the instance the earlier hint."""
        await self._call("recommend", provider_id=provider_id)

    async def set_capacity(self, pool: str, room: int | None) -> None:
        """Set how many instances a pool has room for; None: the usual. What runs goes on running."""
        await self._call("set_capacity", pool=pool, room=room)

    async def set_quota(self, spot: int | None) -> None:
        """Limit the spot instances of the account; None for no limit."""
        await self._call("set_quota", spot=spot)

    async def replay(
        self, pool: str, availability: str | list[int], *, gap_s: float, speed: float, notice_s: float
    ) -> None:
        """Replay a recording as the pool's room: a 0/1 string or counts, a tick `gap_s` long, `speed` times faster."""
        await self._call("replay", pool=pool, availability=availability, gap_s=gap_s, speed=speed, notice_s=notice_s)

    async def set_link(self, provider_id: str, *, up: bool) -> None:
        """Cut or heal an instance's network link; raise InvalidInputError where the mode has no links."""
        await self._call("set_link", provider_id=provider_id, up=up)

    async def forward(self, host: str, port: int) -> tuple[str, int]:
        """Return the address at which instances reach what listens at host:port here."""
        answer = await self._call("forward", host=host, port=port)
        return answer["host"], answer["port"]

    async def reach(self, url: str) -> str:
        """Return the URL under which instances reach what the URL names; one without a port is the same everywhere."""
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            return url
        host, port = await self.forward(parts.hostname, parts.port)
        login, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}{at}{host}:{port}"))

    async def variables(
        self, deployment: Deployment, user_data: Mapping[InstanceId, str], _shared: Outputs
    ) -> Mapping[str, object]:
        """Return the Terraform module's variables; the daemon runs when this returns, for the module needs it."""
        await self.ensure()
        return {
            "instance_ids": sorted(user_data),
            "deployment_id": deployment.id,
            "zone": deployment.offer.zone,
            "instance_type": deployment.offer.instance_type,
            "spot": deployment.offer.purchase is Purchase.SPOT,
            "socket": str(self.socket),
            "user_data": dict(user_data),
        }

    async def _answers(self) -> bool:
        try:
            await self._call("hello")
        except UnreachableError:
            return False
        return True

    async def _start(self) -> bool:
        """Start the daemon; False if another process was faster."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "kyc.adapters.local.daemon", "--home", str(self._home), "--mode", self._mode, "--detach"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        if process.returncode == ALREADY_RUNNING:
            await asyncio.sleep(0.05)  # it holds the lock but does not listen yet; nothing tells when it does
            return False
        if process.returncode != 0:
            raise self._unreachable(said.decode(errors="replace").strip()[-2000:] or "it ended while starting")
        return True

    async def _call(self, do: str, **params: object) -> Any:  # noqa: ANN401  # JSON
        try:
            async with asyncio.timeout(_CALL_S):
                with short_path(self.socket) as path:
                    reader, writer = await asyncio.open_unix_connection(path, limit=LINE_LIMIT * 16)
                try:
                    writer.write(json.dumps({"do": do, **params}).encode() + b"\n")
                    await writer.drain()
                    line = await reader.readline()
                finally:
                    writer.close()
            answer = json.loads(line)
        except (OSError, TimeoutError, ValueError) as error:
            raise self._unreachable(str(error) or type(error).__name__) from error
        if "error" in answer:
            raise _ERRORS.get(answer["error"]["code"], InvalidInputError)(answer["error"]["message"])
        return answer["ok"]

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"the local cloud in {self._home} does not answer: {why}",
            next_step=f"It is started again by itself; if that does not help, read {self._home / 'daemon.log'}.",
        )


def _seen(raw: Mapping[str, Any]) -> CloudInstance:
    return CloudInstance(
        provider_id=raw["provider_id"],
        instance_id=InstanceId(raw["instance_id"]),
        deployment_id=DeploymentId(raw["deployment_id"]),
        running=raw["ended_at"] is None,
        zone=raw["zone"],
        address=raw["address"] or None,
        started_at=_time(raw["started_at"]),
        ended_at=_time(raw["ended_at"]),
        end_reason=raw["end_reason"],
        crashed=raw["end_reason"].startswith(HALTED),
    )


def _time(epoch_s: float | None) -> datetime | None:
    return datetime.fromtimestamp(epoch_s, UTC) if epoch_s is not None else None
