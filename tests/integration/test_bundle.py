"""The agent as a cloud's instance gets it: fetched by its user data, checked, and run with nothing else of ours."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from kyc.adapters.system.bundle import Bundles, make_bundle, own_tag
from kyc.control.intent import ENROL_WITHIN, enrolment_token
from kyc.domain.errors import InvalidInputError, NotAllowedError, NotFoundError, UnreachableError
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.master.boot import MOST_BYTES, agent_env, cloud_user_data
from tests.integration.stand import Stand, in_process, listening, make_stand, told
from tests.needs import need

SYSTEMCTL = '#!/bin/sh\necho "$@" >> {log}\n'


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """Made once for all: packing takes some seconds."""
    return Bundles(tmp_path_factory.mktemp("bundles"), (own_tag(),))


@pytest.fixture
def stand(tmp_path: Path, bundles: Bundles) -> Stand:
    made = make_stand(tmp_path / "stand")
    made.services = replace(made.services, bundles=bundles)
    return made


async def booting(stand: Stand) -> Instance:
    deployment = await stand.services.intents.launch(None, 1)
    instance = await stand.store.instance(deployment.instance_ids[0])
    assert instance is not None
    await stand.store.save(instance.to(InstanceState.PROVISIONING).to(InstanceState.BOOTING))
    return instance


def token_of(stand: Stand, instance: Instance) -> str:
    return enrolment_token(stand.context.secrets, instance.id)


async def boots(folder: Path, script: str) -> tuple[int, str]:
    """Run the user data as cloud-init does, with a systemctl that notes what it is asked."""
    programs = folder / "programs"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "systemctl").write_text(SYSTEMCTL.format(log=folder / "systemctl.log"))
    (programs / "systemctl").chmod(0o755)
    (folder / "user-data").write_text(script)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(folder / "user-data"),
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, complaints.decode()


def unit_of(root: Path) -> tuple[list[str], dict[str, str], str]:
    """Return what systemd would run, with which environment, and where."""
    unit = (root / "etc/systemd/system/kyc-agent.service").read_text()
    of = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    env = dict(line.split("=", 1) for line in Path(of["EnvironmentFile"]).read_text().splitlines())
    return (
        shlex.split(of["ExecStart"]),
        {k: shlex.split(v)[0] if v else "" for k, v in env.items()},
        of["WorkingDirectory"],
    )


async def until(check, *, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not await check():
            await asyncio.sleep(0.05)


async def test_an_instance_boots_enrols_and_comes_back_after_a_reboot(stand: Stand, tmp_path: Path) -> None:
    instance = await booting(stand)
    root = tmp_path / "root"
    hashes = await stand.services.bundles.hashes(own_tag().split("-")[1])
    async with listening(stand) as url:
        env = agent_env(instance.id, url, token_of(stand, instance))
        script = cloud_user_data(env, hashes, root=str(root))
        assert len(script.encode()) < MOST_BYTES
        code, complaints = await boots(tmp_path, script)
        assert code == 0, complaints
        asked = (tmp_path / "systemctl.log").read_text().splitlines()
        assert asked == ["daemon-reload", "enable kyc-agent", "restart kyc-agent"]
        assert (root / "etc/kyc/agent.env").stat().st_mode & 0o777 == 0o600

        async def is_gone() -> bool:
            return not stand.pulses.is_connected(instance.id)

        for _ in range(2):  # the second time as after a reboot: by the unit alone
            argv, agent, folder = unit_of(root)
            agent |= {"PATH": os.environ["PATH"]}
            process = await asyncio.create_subprocess_exec(*argv, env=agent, cwd=folder)
            try:
                await until(lambda: is_ready(stand, instance))
            finally:
                process.terminate()
                await process.wait()
            await until(is_gone)


async def test_without_systemd_it_runs_the_agent_itself(stand: Stand, tmp_path: Path) -> None:
    instance = await booting(stand)
    async with listening(stand) as url:
        hashes = await stand.services.bundles.hashes(own_tag().split("-")[1])
        script = tmp_path / "user-data"
        script.write_text(cloud_user_data(agent_env(instance.id, url, token_of(stand, instance)), hashes))
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KYC_ROOT": str(tmp_path / "root")}
        process = await asyncio.create_subprocess_exec(sys.executable, "-I", str(script), env=env, cwd=tmp_path)
        try:
            await until(lambda: is_ready(stand, instance))
        finally:
            process.terminate()
            await process.wait()
    assert (tmp_path / "root/agent/secret").is_file()
    assert not (tmp_path / "root/etc").exists()


async def is_ready(stand: Stand, instance: Instance) -> bool:
    found = await stand.store.instance(instance.id)
    return found is not None and found.state is InstanceState.READY and stand.pulses.is_connected(instance.id)


async def test_another_file_than_the_one_that_was_promised_is_not_installed(stand: Stand, tmp_path: Path) -> None:
    instance = await booting(stand)
    await stand.services.bundles.get(own_tag())
    async with listening(stand) as url:
        env = agent_env(instance.id, url, token_of(stand, instance))
        script = cloud_user_data(env, {own_tag(): "0" * 64}, root=str(tmp_path / "root"))
        running = asyncio.create_task(boots(tmp_path, script))
        packed = tmp_path / "root/opt/kyc/agent.tar.gz"
        await until(lambda: asyncio.to_thread(lambda: packed.is_file() and packed.stat().st_size > 0))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert not (tmp_path / "root/etc").exists()


async def test_no_agent_for_its_python_is_said(stand: Stand, tmp_path: Path) -> None:
    script = cloud_user_data(agent_env(InstanceId("i-1"), "http://127.0.0.1:1", "t"), {"cp399-x86_64": "0" * 64})
    code, complaints = await boots(tmp_path, script)
    assert code == 1
    assert own_tag() in complaints


class TestBundles:
    def test_it_holds_the_agent_and_nothing_of_the_master(self, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path, own_tag())
        with tarfile.open(bundle.path) as tar:
            names = set(tar.getnames())
        assert {"kyc/agent/main.py", "kyc/streams.py", "kyc/adapters/nats/stream.py"} <= names
        assert not [
            name for name in names if name.startswith(("kyc/master", "kyc/control", "kyc/cli", "kyc/adapters/sql"))
        ]
        assert not [name for name in names if name.startswith(("/", "..")) or ".." in Path(name).parts]

    def test_the_same_content_is_the_same_file(self, tmp_path: Path) -> None:
        one, other = make_bundle(tmp_path / "a", own_tag()), make_bundle(tmp_path / "b", own_tag())
        assert one.sha256 == other.sha256
        changed_ns = one.path.stat().st_mtime_ns
        assert make_bundle(tmp_path / "a", own_tag()).path.stat().st_mtime_ns == changed_ns, "made once"

    async def test_only_the_tags_that_are_wanted(self, tmp_path: Path) -> None:
        bundles = Bundles(tmp_path, (own_tag(),))
        with pytest.raises(NotFoundError):
            await bundles.get("cp27-x86_64")
        with pytest.raises(InvalidInputError):
            make_bundle(tmp_path, "../../etc")
        assert await bundles.hashes("vax") == {}

    async def test_without_the_package_index_it_is_said_with_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")
        bundles = Bundles(tmp_path, ("cp399-aarch64",))
        with pytest.raises(UnreachableError, match="cp399-aarch64 cannot be fetched") as refused:
            await bundles.hashes("aarch64")
        assert "package index once" in refused.value.next_step
        assert list(await bundles.hashes(own_tag().rpartition("-")[2])) == [own_tag()]
        assert [path.name for path in tmp_path.iterdir() if own_tag() not in path.name] == [], "nothing half made"

    def test_for_another_processor_wheels_are_fetched(self, tmp_path: Path) -> None:
        need("pypi")
        bundle = make_bundle(tmp_path, "cp312-aarch64")
        with tarfile.open(bundle.path) as tar:
            names = tar.getnames()
        assert [name for name in names if name.startswith("msgspec/") and "aarch64" in name]
        assert not [name for name in names if "x86_64" in name]


class TestWhoMayFetch:
    @pytest.fixture
    async def client(self, stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
        async with in_process(stand, with_token=False) as client:
            yield client

    async def test_only_the_instance_that_it_is_for(self, stand: Stand, client: httpx.AsyncClient) -> None:
        one, other = await booting(stand), await booting(stand)
        path = f"/agents/{one.id}/bundle/{own_tag()}"
        good = {"Authorization": f"Bearer {token_of(stand, one)}"}
        assert (await client.get(path, headers=good)).status_code == 200
        told(await client.get(path), 401)
        told(await client.get(path, headers={"Authorization": f"Bearer {token_of(stand, other)}"}), 401)
        told(await client.get(f"/agents/{one.id}/bundle/cp27-vax", headers=good), 404)

    async def test_a_token_expires_unless_it_was_used(self, stand: Stand) -> None:
        used, late = await booting(stand), await booting(stand)
        intents = stand.services.intents
        await intents.enrol(used.id, token_of(stand, used), "a-secret")
        for instance in (used, late):
            known = await stand.store.instance(instance.id)
            assert known is not None
            await stand.store.save(
                replace(known, requested_at=known.requested_at - ENROL_WITHIN - timedelta(seconds=1))
            )
        await intents.enrol(used.id, token_of(stand, used), "a-secret")
        with pytest.raises(NotAllowedError, match="expired"):
            await intents.enrol(late.id, token_of(stand, late), "a-secret")
