"""The local cloud's isolated mode: real addresses, EC2's metadata address, links that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from kyc.adapters.local.cloud import LocalCloud
from kyc.domain.errors import InvalidInputError
from tests.contract.cloud_world import IDLE, launch, until
from tests.needs import need

CALL_HOME = """#!/bin/sh
exec python3 -S -E -c '
import socket, time
print("started", flush=True)
call = socket.create_connection(("{host}", {port}))
count = 0
while True:
    call.sendall(b"%d %s\\n" % (count, socket.gethostname().encode()))
    count += 1
    time.sleep(0.05)
'
"""
ASK_METADATA = """#!/bin/sh
exec python3 -S -E -c '
import asyncio, sys, time
sys.path[:0] = ["{path}"]
from kyc.adapters.aws.notices import Ec2Notices
from kyc.adapters.system.clock import SystemClock
from kyc.adapters.system.metadata import MetadataHttp
async def main():
    notices = Ec2Notices(SystemClock(), MetadataHttp())
    while (notice := await notices.poll()) is None:
        print("nothing", flush=True)
        await asyncio.sleep(0.05)
    print(notice.kind.value, flush=True)
    time.sleep(1000)
asyncio.run(main())
'
"""


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[LocalCloud]:
    need("userns")
    opened = LocalCloud(tmp_path / "local", mode="isolated")
    await opened.ensure()
    yield opened
    await opened.stop()


class Home:
    """A listener on the host that counts the lines it gets."""

    def __init__(self) -> None:
        self.lines = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            self.lines += 1
        writer.close()


@pytest.fixture
async def home() -> AsyncIterator[tuple[Home, int]]:
    count = Home()
    server = await asyncio.start_server(count, "127.0.0.1", 0)
    yield count, server.sockets[0].getsockname()[1]
    server.close()


async def record_of(cloud: LocalCloud, instance_id: str, script: str = IDLE) -> dict[str, str]:
    answer = await launch(cloud, instance_id, script)
    record = answer["ok"]
    assert isinstance(record, dict)
    return record


def console(cloud: LocalCloud, record: dict[str, str]) -> str:
    return (cloud.socket.parent / "instances" / record["provider_id"] / "console.log").read_text()


async def more_lines(home: Home) -> None:
    before = home.lines
    await until(lambda: home.lines > before)


async def test_a_notice_is_read_at_ec2s_own_address(cloud: LocalCloud) -> None:
    source = str(Path(__file__).parents[2] / "src")
    record = await record_of(cloud, "i-1", ASK_METADATA.format(path=source))
    other = await record_of(cloud, "i-2")
    await until(lambda: "nothing" in console(cloud, record))
    await cloud.interrupt(other["provider_id"], notice_s=60)
    await cloud.interrupt(record["provider_id"], notice_s=30)
    await until(lambda: console(cloud, record).splitlines()[-1] == "interruption")
    assert record["address"] != other["address"]
    assert record["address"].startswith("10.88.")


async def test_a_cut_link_stops_everything_and_heals(cloud: LocalCloud, home: tuple[Home, int]) -> None:
    count, port = home
    host, inside = await cloud.forward("127.0.0.1", port)
    assert await cloud.reach(f"http://127.0.0.1:{port}/x") == f"http://{host}:{inside}/x"
    record = await record_of(cloud, "i-1", CALL_HOME.format(host=host, port=inside))
    await more_lines(count)
    await cloud.set_link(record["provider_id"], up=False)
    await asyncio.sleep(0.3)  # what was on its way arrives
    before = count.lines
    await asyncio.sleep(0.5)
    assert count.lines == before
    assert all(one.running for one in await cloud.instances())
    await cloud.set_link(record["provider_id"], up=True)
    await more_lines(count)


async def test_a_killed_daemon_finds_network_and_forwards_again(cloud: LocalCloud, home: tuple[Home, int]) -> None:
    count, port = home
    host, inside = await cloud.forward("127.0.0.1", port)
    record = await record_of(cloud, "i-1")
    mine = str(cloud.socket.parent)
    next(one for one in psutil.process_iter(["cmdline"]) if mine in (one.info["cmdline"] or ())).kill()
    await cloud.ensure()
    assert [one.running for one in await cloud.instances()] == [True]
    await cloud.set_link(record["provider_id"], up=False)
    assert await cloud.forward("127.0.0.1", port) == (host, inside)
    await record_of(cloud, "i-2", CALL_HOME.format(host=host, port=inside))
    await more_lines(count)


async def test_nothing_escapes_the_end_of_its_pid_namespace(cloud: LocalCloud) -> None:
    name = "1234.5678"
    record = await record_of(cloud, "i-1", f"#!/bin/sh\nsetsid -f env -i sleep {name}\nsleep 0.1\nexec sleep {name}\n")
    await until(lambda: len(sleepers(name)) == 2)
    await cloud.interrupt(record["provider_id"], notice_s=0)
    await until(lambda: not sleepers(name))


def sleepers(name: str) -> list[int]:
    return [one.pid for one in psutil.process_iter(["cmdline"]) if (one.info["cmdline"] or [])[-1:] == [name]]


async def test_process_mode_has_no_link_to_cut(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path / "local")
    await cloud.ensure()
    try:
        record = await record_of(cloud, "i-1")
        with pytest.raises(InvalidInputError, match="isolated mode"):
            await cloud.set_link(record["provider_id"], up=False)
        assert await cloud.forward("127.0.0.1", 4222) == ("127.0.0.1", 4222)
    finally:
        await cloud.stop()
