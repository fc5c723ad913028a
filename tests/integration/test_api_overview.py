"""`/overview`, measurements and money over time, by the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from kyc.domain.event import Event, EventKind
from kyc.domain.ids import InstanceId
from kyc.wire.agent import Pulse
from kyc.wire.api import CostSeries, MetricSeries, Overview, WorkloadDetail
from tests.integration.stand import JOB, Stand, in_process, make_stand, read, told


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return make_stand(tmp_path)


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(stand) as client:
        yield client


async def test_an_empty_master_has_an_empty_page(client: httpx.AsyncClient) -> None:
    page = read(await client.get("/overview"), Overview)
    assert (page.running_jobs, page.instances, page.regions, page.unsafe, page.recoveries) == (0, 0, [], [], [])
    assert page.spent_usd == 0


async def test_the_last_interruptions_are_measured(stand: Stand, client: httpx.AsyncClient) -> None:
    now = stand.context.clock.now()

    def event(after_s: float, kind: EventKind, subject: str, **data: object) -> Event:
        return Event(kind=kind, subject=subject, at=now + timedelta(seconds=after_s), data=data)

    await stand.store.save(
        events=[
            event(0, EventKind.INSTANCE_NOTICED, "i-1", notice="interruption", workload="train"),
            event(1, EventKind.REPLACEMENT_REQUESTED, "train", replaces="i-1", instance="i-2"),
            event(3, EventKind.JOB_RESUMED, "train"),
        ]
    )
    [row] = read(await client.get("/overview"), Overview).recoveries
    assert (row.instance, row.replacement, row.to_replacement_requested_s, row.to_resumed_s) == ("i-1", "i-2", 1, 3)
    job = (await client.post("/jobs", json={"file": JOB})).json()["name"]
    assert job == "train"
    assert read(await client.get("/workloads/train"), WorkloadDetail).recoveries == []
    stored = await stand.store.job(job)
    assert stored is not None
    await stand.store.save(replace(stored, interruptions=1))
    assert read(await client.get("/workloads/train"), WorkloadDetail).recoveries == [row]


async def test_what_agents_measured(stand: Stand, client: httpx.AsyncClient) -> None:
    deployment = (await client.post("/deployments", json={})).json()
    [instance] = deployment["instances"]
    now = stand.context.clock.now()
    for second in range(30):
        pulse = Pulse(at=now - timedelta(seconds=30 - second), cpu=0.5, memory=0.25, disk=0.1, dirty_bytes=second)
        stand.pulses.heard(InstanceId(instance), pulse)
    series = read(await client.get(f"/instances/{instance}/metrics", params={"step_s": 10}), MetricSeries)
    assert {point.cpu for point in series.points} == {0.5}
    assert series.points[-1].dirty_bytes == 29
    later = {"since": (now - timedelta(seconds=5.5)).isoformat(), "step_s": 1}
    assert len(read(await client.get(f"/instances/{instance}/metrics", params=later), MetricSeries).points) == 5
    told(await client.get("/instances/i-none/metrics"), 404)
    told(await client.get(f"/instances/{instance}/metrics", params={"since": "2026-01-01T00:00:00"}), 422)


async def test_money_over_time(client: httpx.AsyncClient) -> None:
    assert read(await client.get("/cost/series"), CostSeries).points[-1].spent_usd == 0
    told(await client.get("/cost/series", params={"name": "none"}), 404)
