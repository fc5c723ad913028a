"""The local cloud's daemon and the life of its instances, on this machine's real processes."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from kyc.adapters.local.cloud import LocalCloud
from kyc.domain.errors import InvalidInputError
from tests.contract.cloud_world import IDLE, launch, until

POOL = "local-a/small/spot"


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[LocalCloud]:
    opened = LocalCloud(tmp_path / "local")
    assert await opened.ensure()
    yield opened
    await opened.stop()


async def placed(cloud: LocalCloud, instance_id: str, script: str = IDLE, **wanted: object) -> dict[str, str]:
    answer = await launch(cloud, instance_id, script, **wanted)
    record = answer["ok"]
    assert isinstance(record, dict)
    return record


async def state_of(cloud: LocalCloud, instance_id: str) -> str:
    """`running`, or why it ended."""
    for one in await cloud.instances():
        if one.instance_id == instance_id:
            return "running" if one.running else one.end_reason
    return "unknown"


async def ended(cloud: LocalCloud, instance_id: str) -> str:
    async with asyncio.timeout(8):
        while (state := await state_of(cloud, instance_id)) == "running":
            await asyncio.sleep(0.02)
    return state


def root_of(cloud: LocalCloud, record: dict[str, str]) -> Path:
    return cloud.socket.parent / "instances" / record["provider_id"] / "root"


def daemon_of(cloud: LocalCloud) -> psutil.Process:
    """The daemon of this home, by its command line."""
    home = str(cloud.socket.parent)
    return next(one for one in psutil.process_iter(["cmdline"]) if home in (one.info["cmdline"] or ()))


async def test_an_instance_runs_in_its_own_root_with_little_in_its_environment(cloud: LocalCloud) -> None:
    record = await placed(cloud, "i-1", "#!/bin/sh\nenv > seen; pwd > where; exec sleep 1000\n")
    root = root_of(cloud, record)
    await until(lambda: (root / "where").exists() and (root / "where").read_text())
    env = dict(line.split("=", 1) for line in (root / "seen").read_text().splitlines())
    assert (root / "where").read_text().strip() == str(root) == env["KYC_ROOT"]
    assert env["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    assert env["KYC_METADATA_URL"].startswith(f"http://{record['address']}:")
    known = {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}
    assert not {name for name in env if name not in known and not name.startswith("KYC_")}


async def test_it_is_up_in_well_under_a_second(cloud: LocalCloud) -> None:
    begun = time.monotonic()
    record = await placed(cloud, "i-1", "#!/bin/sh\ntouch up; exec sleep 1000\n")
    await until((root_of(cloud, record) / "up").exists)
    assert time.monotonic() - begun < 0.9


async def test_the_same_id_is_launched_once(cloud: LocalCloud) -> None:
    first, second = await asyncio.gather(placed(cloud, "i-1"), placed(cloud, "i-1"))
    assert first["provider_id"] == second["provider_id"]
    assert len(await cloud.instances()) == 1


async def test_everything_of_it_dies_with_it(cloud: LocalCloud) -> None:
    script = (
        "#!/bin/sh\n"
        "(setsid sh -c 'echo $$ >> pids; exec sleep 1000' &)\n"  # left the session and the parent
        "setsid env -i sh -c 'echo $$ >> pids; exec sleep 1000' &\n"  # left the session and the environment
        "(sh -c 'trap \"\" TERM HUP; echo $$ >> pids; while :; do sleep 1; done' &)\n"  # deaf
        "exec sleep 1000\n"
    )
    record = await placed(cloud, "i-1", script)
    pids = root_of(cloud, record) / "pids"
    await until(lambda: pids.exists() and len(pids.read_text().split()) == 3)
    processes = [psutil.Process(int(pid)) for pid in [*pids.read_text().split(), record["pid"]]]
    await cloud.interrupt(record["provider_id"], notice_s=0)
    await until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes))
    assert await state_of(cloud, "i-1") == "interrupted without notice"


async def test_it_ends_with_its_user_data_and_takes_its_files_along(cloud: LocalCloud) -> None:
    record = await placed(cloud, "i-1", "#!/bin/sh\nsleep 1000 &\nexit 7\n")
    assert await ended(cloud, "i-1") == "halted by itself (exit code 7)"
    await until(lambda: not root_of(cloud, record).exists())


async def test_what_an_instance_said_last_is_part_of_its_end(cloud: LocalCloud) -> None:
    long = "x" * 1000
    record = await placed(cloud, "i-1", "#!/bin/sh\necho begin\nprintf 'ValueError: \\033no\\n\\n' >&2\nexit 1\n")
    console = await ended(cloud, "i-1")
    assert console.startswith("halted by itself (exit code 1): ValueError:  no; see /")
    path = Path(console.partition("; see ")[2])
    assert record["provider_id"] in str(path)
    assert path.read_bytes() == b"begin\nValueError: \x1bno\n\n"
    await placed(cloud, "i-2", f"#!/bin/sh\necho {long}\n")
    assert f"{'x' * 100}...; see " in await ended(cloud, "i-2")


async def test_a_killed_daemon_finds_its_instances_again(cloud: LocalCloud) -> None:
    record = await placed(cloud, "i-1", "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n")
    await placed(cloud, "i-2")
    await cloud.set_capacity(POOL, 2)
    daemon_of(cloud).kill()
    assert await cloud.ensure()
    assert await state_of(cloud, "i-1") == await state_of(cloud, "i-2") == "running"
    assert {one.address for one in await cloud.instances()} >= {record["address"]}
    assert "InsufficientInstanceCapacity" in str(await launch(cloud, "i-3"))
    psutil.Process(int(record["pid"])).terminate()
    assert await ended(cloud, "i-1") == "halted by itself"


async def test_what_died_while_the_daemon_was_dead_is_told(cloud: LocalCloud) -> None:
    record = await placed(cloud, "i-1")
    daemon_of(cloud).kill()
    psutil.Process(int(record["pid"])).kill()
    await cloud.ensure()
    assert await state_of(cloud, "i-1") == "halted by itself"


async def test_a_deadline_holds_over_a_restart_of_the_daemon(cloud: LocalCloud) -> None:
    record = await placed(cloud, "i-1")
    await cloud.interrupt(record["provider_id"], notice_s=1.0)
    daemon_of(cloud).kill()
    await cloud.ensure()
    assert await ended(cloud, "i-1") == "interrupted"


async def test_two_clouds_share_no_address_and_no_instance(cloud: LocalCloud, tmp_path: Path) -> None:
    other = LocalCloud(tmp_path / "other")
    await other.ensure()
    try:
        mine, theirs = await placed(cloud, "i-1"), await placed(other, "i-1")
        assert mine["address"] != theirs["address"]
        await other.remove(theirs["provider_id"])
        assert await state_of(cloud, "i-1") == "running"
    finally:
        await other.stop()


async def test_ensure_at_once_from_many_starts_one(tmp_path: Path) -> None:
    clouds = [LocalCloud(tmp_path / "local") for _ in range(3)]
    try:
        started = await asyncio.gather(*(one.ensure() for one in clouds))
        assert sum(started) == 1
    finally:
        await clouds[0].stop()
    assert await clouds[0].ensure()  # and again, after it has gone
    await clouds[0].stop()


async def test_a_home_with_a_long_path_works(tmp_path: Path) -> None:
    home = tmp_path / ("a" * 100) / "local"
    cloud = LocalCloud(home)
    await cloud.ensure()
    assert await cloud.instances() == []
    await cloud.stop()


async def test_a_planned_interruption_comes_at_its_time(cloud: LocalCloud) -> None:
    record = await placed(cloud, "i-1")
    await cloud.interrupt_in_s(record["provider_id"], after_s=0.4, notice_s=0)
    assert await state_of(cloud, "i-1") == "running"
    assert await ended(cloud, "i-1") == "interrupted without notice"


async def test_a_replayed_recording_takes_and_gives_room(cloud: LocalCloud) -> None:
    await placed(cloud, "i-1")
    await placed(cloud, "i-od", spot=False)
    await placed(cloud, "i-b", zone="local-b")
    await cloud.replay(POOL, "100001", gap_s=600, speed=1200, notice_s=0)
    assert await ended(cloud, "i-1") == "interrupted without notice"
    assert "InsufficientInstanceCapacity" in str(await launch(cloud, "i-2"))
    assert await state_of(cloud, "i-od") == await state_of(cloud, "i-b") == "running"
    async with asyncio.timeout(8):
        while "error" in await launch(cloud, "i-2"):
            await asyncio.sleep(0.05)


async def test_the_quota_counts_spot_instances(cloud: LocalCloud) -> None:
    await cloud.set_quota(1)
    await placed(cloud, "i-1")
    assert "MaxSpotInstanceCountExceeded" in str(await launch(cloud, "i-2"))
    await placed(cloud, "i-3", spot=False)
    await cloud.set_quota(None)
    await placed(cloud, "i-2")


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"zone": "mars"}, "zone"),
        ({"instance_type": "huge"}, "type"),
        ({"script": "echo no shebang"}, "#!"),
        ({"instance_id": "../../etc"}, "id"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_makes_no_sense_is_refused(cloud: LocalCloud, wanted: dict[str, str], word: str) -> None:
    named = {"instance_id": "i-1", "script": IDLE, **wanted}
    answer = await launch(cloud, **named)
    assert word in str(answer["error"])
    assert not [one for one in await cloud.instances() if one.running]
    with pytest.raises(InvalidInputError):
        await cloud.set_capacity("local-a/huge/spot", 1)


async def test_a_small_instance_gets_one_cpu(cloud: LocalCloud) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one CPU: nothing to hold back")
    record = await placed(cloud, "i-1", "#!/bin/sh\nyes > /dev/null & yes > /dev/null & wait\n")
    await until(lambda: is_held_back(record))  # past the burst, which lasts until the second look
    used_s, begun = cpu_s(record), time.monotonic()
    await asyncio.sleep(1.5)
    assert (cpu_s(record) - used_s) / (time.monotonic() - begun) < 1.25


async def test_too_much_memory_ends_the_process_that_has_it(cloud: LocalCloud) -> None:
    hungry = "import time; held = bytearray(1100 << 20); time.sleep(1000)"
    record = await placed(cloud, "i-1", f'#!/bin/sh\npython3 -S -E -c "{hungry}"\necho $? > code\nexec sleep 1000\n')
    code = root_of(cloud, record) / "code"
    await until(lambda: code.exists() and code.read_text().strip() == "137")
    assert await state_of(cloud, "i-1") == "running"


async def test_the_daemon_is_small(cloud: LocalCloud) -> None:
    assert daemon_of(cloud).memory_info().rss < 40 << 20


def tree_of(record: dict[str, str]) -> list[psutil.Process]:
    first = psutil.Process(int(record["pid"]))
    return [first, *first.children(recursive=True)]


def is_held_back(record: dict[str, str]) -> bool:
    return psutil.STATUS_STOPPED in {one.status() for one in tree_of(record)}


def cpu_s(record: dict[str, str]) -> float:
    times = [one.cpu_times() for one in tree_of(record)]
    return sum(one.user + one.system for one in times)
