"""The agent's replicas on real processes: started, probed, started again, stopped, dismissed."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from kyc.adapters.ca.authority import Authority
from kyc.adapters.process.replica import ProcessReplicas
from kyc.adapters.process.runtime import ProcessRuntime
from kyc.adapters.system.clock import SystemClock
from kyc.agent import replica as life
from kyc.agent.entrance import Entrances
from kyc.agent.replica import House
from kyc.agent.replicas import Replicas
from kyc.agent.shared import SharedFiles
from kyc.domain.ids import InstanceId
from kyc.ports.edge import ENTRANCE_PORTS, INSTANCE_DOMAIN
from kyc.ports.runtime import OnPull, ReplicaCommand
from kyc.wire.agent import AnyFact, Desire
from kyc.wire.replica import (
    Identity,
    ProbeOrder,
    ReplicaExited,
    ReplicaOrder,
    ReplicaPrinted,
    ReplicaPulling,
    ReplicaReady,
    ReplicaStarted,
    ReplicaStopped,
    ReplicaUnready,
)
from tests.unit.agent.stage import Stage

SERVER = (
    "exec python3 -S -E -c \"import http.server as h, os; print('up', flush=True); "
    "h.HTTPServer((os.environ['HOST'], int(os.environ['PORT'])), h.SimpleHTTPRequestHandler).serve_forever()\""
)


class Bench:
    """Replicas on real processes; what they tell is kept."""

    def __init__(self, folder: Path) -> None:
        self.told: list[AnyFact] = []
        self._changed = asyncio.Event()
        world = Stage(folder).supervisor._world
        settings = replace(world.settings, path=os.environ["PATH"])
        world = replace(world, settings=settings, tell=self._tell, clock=SystemClock(), runtime=ProcessRuntime())
        processes = ProcessReplicas(ProcessRuntime(), random.Random(1))
        self.entrances = Entrances(world.settings.own_folder, "127.0.0.1", world.rng)
        house = House(
            world=world,
            files=SharedFiles(world),
            runtime=lambda _: processes,
            host="127.0.0.1",
            entrances=self.entrances,
        )
        self.replicas = Replicas(house)
        self._revision = 0

    def _tell(self, fact: AnyFact) -> None:
        self.told.append(fact)
        self._changed.set()

    def want(self, *orders: ReplicaOrder) -> None:
        self._revision += 1
        self.replicas.want(Desire(revision=self._revision, assignment=None, replicas=list(orders)))

    async def until(self, kind: type[AnyFact], count: int = 1) -> AnyFact:
        """Return the fact of that kind, the `count`th."""
        async with asyncio.timeout(60):
            while True:
                found = [fact for fact in self.told if isinstance(fact, kind)]
                if len(found) >= count:
                    return found[count - 1]
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    running = asyncio.create_task(made.replicas.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait([running])


def order(run: str = SERVER, name: str = "web.r1", **changes: object) -> ReplicaOrder:
    usual: dict[str, object] = {
        "replica": name,
        "workload": "web",
        "phase": "run",
        "files": "web@1",
        "run": run,
        "setup": "",
        "envs": {},
        "archive": None,
        "image": "",
        "port": 0,
        "cpus": 0.25,
        "memory_mib": 0,
        "gpus": 0.0,
        "probe": ProbeOrder(path="/", initial_delay_s=30, timeout_s=5, fail_after_s=10),
        "stop_grace_s": 5.0,
    }
    return ReplicaOrder(**{**usual, **changes})  # type: ignore[arg-type]


async def test_it_starts_gets_ready_prints_and_stops(bench: Bench) -> None:
    bench.want(order())
    started = await bench.until(ReplicaStarted)
    ready = await bench.until(ReplicaReady)
    printed = await bench.until(ReplicaPrinted)
    assert isinstance(ready, ReplicaReady)
    assert isinstance(started, ReplicaStarted)
    assert isinstance(printed, ReplicaPrinted)
    assert ready.port == started.port > 0
    assert printed.text.startswith("up\n")
    bench.replicas.loads()
    [load] = bench.replicas.loads()
    assert load.memory_bytes > 0
    bench.want(order(phase="stop"))
    stopped = await bench.until(ReplicaStopped)
    assert isinstance(stopped, ReplicaStopped)
    assert stopped.code == 143
    assert bench.replicas.loads() == []


async def test_the_pull_of_an_image_is_told_now_and_then_and_at_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(_self: ProcessReplicas, _command: ReplicaCommand, told: OnPull) -> None:
        for done in range(101):
            told(done, 100)

    monkeypatch.setattr(ProcessReplicas, "fetch", fetch)
    bench.want(order(image="registry.example/web:1"))
    await bench.until(ReplicaReady)
    pulls = [fact for fact in bench.told if isinstance(fact, ReplicaPulling)]
    assert [(fact.done_bytes, fact.total_bytes) for fact in pulls] == [(0, 100), (100, 100)]
    assert {(fact.replica, fact.image) for fact in pulls} == {("web.r1", "registry.example/web:1")}


async def test_two_share_a_folder_whose_setup_ran_once(bench: Bench) -> None:
    setup = "echo x >> ../count"
    bench.want(order(setup=setup), order(setup=setup, name="web.r2"))
    await bench.until(ReplicaReady, 2)
    [counted] = list(bench.replicas._house.world.settings.work_folder.parent.rglob("count"))
    assert counted.read_text() == "x\n"


async def test_one_that_dies_is_started_again_then_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "DEATHS_BORNE", 2)
    bench.want(order(run="exit 3"))
    first = await bench.until(ReplicaExited)
    last = await bench.until(ReplicaExited, 2)
    assert isinstance(first, ReplicaExited)
    assert isinstance(last, ReplicaExited)
    assert (first.code, first.reason) == (3, "ended with code 3")
    assert first.again_in_s is not None
    assert last.again_in_s is None
    await bench.until(ReplicaStarted, 2)


async def test_one_that_never_answers_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "DEATHS_BORNE", 1)
    bench.want(order(run="sleep 60", probe=ProbeOrder(path="/", initial_delay_s=0.3, timeout_s=1, fail_after_s=1)))
    exited = await bench.until(ReplicaExited)
    assert isinstance(exited, ReplicaExited)
    assert exited.reason.startswith("not ready within 0.3 s: ")


async def test_one_that_stops_answering_is_told_and_started_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "WATCH_S", 0.05)
    quick = ProbeOrder(path="/", initial_delay_s=30, timeout_s=0.3, fail_after_s=0.5)
    hangs = SERVER.replace("serve_forever()", "handle_request(); __import__('time').sleep(60)")
    bench.want(order(run=hangs, probe=quick))
    await bench.until(ReplicaReady)
    await bench.until(ReplicaUnready)
    exited = await bench.until(ReplicaExited)
    assert isinstance(exited, ReplicaExited)
    assert exited.reason.startswith("its probe fails for 0.5 s")
    await bench.until(ReplicaReady, 2)


async def test_a_setup_that_fails_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "DEATHS_BORNE", 1)
    bench.want(order(setup="echo no; exit 4"))
    exited = await bench.until(ReplicaExited)
    assert isinstance(exited, ReplicaExited)
    assert exited.reason == "setup ended with code 4"


async def test_what_is_not_wanted_any_more_is_killed_without_a_word(bench: Bench) -> None:
    bench.want(order())
    await bench.until(ReplicaReady)
    bench.want()
    async with asyncio.timeout(30):
        while bench.replicas.loads():
            await asyncio.sleep(0.01)
    assert not any(isinstance(fact, ReplicaStopped | ReplicaExited) for fact in bench.told)


async def test_one_that_is_to_stop_before_it_began_is_told_as_stopped(bench: Bench) -> None:
    bench.want(order(phase="stop"))
    stopped = await bench.until(ReplicaStopped)
    assert isinstance(stopped, ReplicaStopped)
    assert stopped.code is None


async def test_leaving_stops_all(bench: Bench) -> None:
    bench.want(order(), order(name="web.r2"))
    await bench.until(ReplicaReady, 2)
    await bench.replicas.leave()
    assert sum(isinstance(fact, ReplicaStopped) for fact in bench.told) == 2
    assert not bench.replicas.works


async def test_with_a_certificate_its_entrance_is_told(bench: Bench, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", clock=SystemClock())
    issued = authority.for_instance(InstanceId("i-test"))
    known = Identity(chain=issued.chain, key=issued.key, authority=authority.certificate.read_text())
    bench.entrances.trust(known)
    bench.want(order())
    ready = await bench.until(ReplicaReady)
    assert isinstance(ready, ReplicaReady)
    assert ready.port in ENTRANCE_PORTS
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(authority.for_edge().chain)
    _, writer = await asyncio.open_connection(
        "127.0.0.1", ready.port, ssl=context, server_hostname=f"i-test{INSTANCE_DOMAIN}"
    )
    writer.close()
    bench.want(order(phase="stop"))
    await bench.until(ReplicaStopped)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", ready.port)
