"""Replicas in containers of a real Docker engine."""

from __future__ import annotations

import asyncio
import random
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kyc.adapters.docker.replica import DockerReplicas
from kyc.domain.errors import InvalidInputError, KycError
from kyc.ports.runtime import ReplicaCommand
from tests.docker.engine import engine
from tests.docker.image import python_image
from tests.docker.registry import registry
from tests.needs import need

pytestmark = pytest.mark.timeout(240)
APP = Path(__file__).parents[2] / "examples" / "web" / "app.py"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    need("docker")
    with engine() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("workdir")
    python_image(made / "python.tar")
    (made / "app.py").write_text(APP.read_text())
    return made


@pytest.fixture
async def replicas(url: str) -> AsyncIterator[DockerReplicas]:
    runtime = DockerReplicas(instance_id="i-1", address="127.0.0.1", url=url)
    try:
        yield runtime
        await runtime.sweep()
    finally:
        await runtime.close()


def command(folder: Path, script: str = "exec python3 -S -E app.py", **changes: object) -> ReplicaCommand:
    usual: dict[str, object] = {
        "name": "web.r1",
        "workload": "web",
        "script": script,
        "folder": folder,
        "env": {"HOST": "0.0.0.0", "KYC_REPLICA": "web.r1", "PATH": "/usr/bin:/bin"},
        "image": "./python.tar",
        "port": 8080,
        "cpus": 0.5,
        "memory_mib": 96,
    }
    return ReplicaCommand(**{**usual, **changes})  # type: ignore[arg-type]


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as reply:
        text: str = reply.read().decode()
        return text


async def answers(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await asyncio.to_thread(get, port, "/health")
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_a_container_serves_is_measured_and_stops(replicas: DockerReplicas, folder: Path) -> None:
    wanted = command(folder)
    await replicas.fetch(wanted, lambda *_: None)
    running = await replicas.start(wanted)
    await answers(running.port)
    before = running.usage()
    assert before is not None
    assert before.memory_bytes > 1 << 20
    assert '"replica": "web.r1"' in await asyncio.to_thread(get, running.port, "/work?ms=600")
    after = running.usage()
    assert after is not None
    assert after.cpu_s > before.cpu_s
    output = [line async for line in _first(running.output(), 1)]
    assert "serving at" in output[0]
    assert await running.stop(grace_s=10) in {0, 143}
    assert running.usage() is None


async def test_memory_is_limited_and_the_reason_is_kept(replicas: DockerReplicas, folder: Path) -> None:
    wanted = command(folder, script='python3 -S -E -c "x = bytearray(400_000_000); print(len(x))"', memory_mib=64)
    await replicas.fetch(wanted, lambda *_: None)
    running = await replicas.start(wanted)
    assert await running.wait() == 137
    assert "memory" in running.end_reason()


async def test_what_a_killed_agent_left_is_removed(url: str, replicas: DockerReplicas, folder: Path) -> None:
    wanted = command(folder, script="exec python3 -S -E -c 'import time; time.sleep(600)'")
    await replicas.fetch(wanted, lambda *_: None)
    left = await replicas.start(wanted)
    other = DockerReplicas(instance_id="i-2", address="127.0.0.1", url=url)
    try:
        await other.sweep()
        assert left.usage() is not None, "another instance's container was removed"
    finally:
        await other.close()
    again = DockerReplicas(instance_id="i-1", address="127.0.0.1", url=url)
    try:
        await again.sweep()
        assert await left.wait() == 137
    finally:
        await again.close()


async def test_an_image_that_is_not_there_is_told(replicas: DockerReplicas, folder: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no image file missing\.tar"):
        await replicas.fetch(command(folder, image="./missing.tar"), lambda *_: None)


async def test_an_image_is_pulled_and_its_progress_told(replicas: DockerReplicas, folder: Path) -> None:
    told: list[tuple[int, int]] = []
    with registry(random.Random(1).randbytes(8 << 20)) as image:
        await replicas.fetch(command(folder, image=image), lambda done, total: told.append((done, total)))
        assert told[-1][0] == told[-1][1] > 8 << 20, "told to its end"
        assert any(0 < done < total for done, total in told), "told on the way"
        pulled = len(told)
        await replicas.fetch(command(folder, image=image), lambda done, total: told.append((done, total)))
        assert len(told) == pulled, "what is there is not pulled again"
        missing = image.replace("/web:", "/other:")
        with pytest.raises(KycError, match="other"):
            await replicas.fetch(command(folder, image=missing), lambda *_: None)


async def _first(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        count -= 1
        if count == 0:
            return
