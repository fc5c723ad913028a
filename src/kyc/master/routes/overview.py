"""`/overview`: everything on one page; and instances' measurements over time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from kyc.domain.errors import NotFoundError
from kyc.domain.event import Event
from kyc.domain.ids import InstanceId
from kyc.master.auth import Served
from kyc.master.overview import metric_point, overview, unsafe_rows
from kyc.planning.recoveries import KINDS, recoveries
from kyc.ports.store import EventFilter, Store
from kyc.wire.api import MetricSeries, Overview

router = APIRouter(tags=["overview"])
_LOOKED_BACK = 20_000  # events of the kinds that tell of interruptions, in pages
_PAGE = 5_000
_SHOWN = 10


@router.get("/overview")
async def get_overview(served: Served) -> Overview:
    """Say how everything is: work, instances by region, what is not yet safe, the last interruptions, money."""
    store, now = served.store, served.clock.now()
    attempts = await store.attempts(live_only=True)
    pulses = {a.instance_id: pulse for a in attempts if (pulse := served.pulses.newest(a.instance_id)) is not None}
    found = recoveries(await told_of_interruptions(store))
    return overview(
        await store.jobs(live_only=True),
        await store.instances(),
        unsafe_rows(attempts, pulses),
        reversed(found[-_SHOWN:]),
        now=now,
    )


@router.get("/instances/{instance_id}/metrics")
async def get_metrics(
    instance_id: str,
    served: Served,
    since: Annotated[AwareDatetime | None, Query(description="Default: an hour ago.")] = None,
    step_s: Annotated[float, Query(ge=1, le=86_400)] = 10,
) -> MetricSeries:
    """Read what the instance's agent measured: CPU, memory, disk, GPU, and how much was not yet safe."""
    if await served.store.instance(InstanceId(instance_id)) is None:
        raise NotFoundError(f"no instance has the id {instance_id[:80]!r}", next_step="`kyc instances` lists them.")
    begin = since or served.clock.now() - timedelta(hours=1)
    points = served.history.points(InstanceId(instance_id), begin, step=timedelta(seconds=step_s))
    return MetricSeries(instance=instance_id, since=begin, step_s=step_s, points=[metric_point(p) for p in points])


async def told_of_interruptions(store: Store) -> list[Event]:
    """Return the newest events that tell of interruptions, oldest first."""
    wanted, last = EventFilter(kinds=KINDS), await store.last_event_seq()
    found: list[Event] = []
    seq = max(0, last - _LOOKED_BACK)
    while page := await store.events_after(seq, limit=_PAGE, wanted=wanted):
        found += page
        seq = page[-1].seq
    return found
