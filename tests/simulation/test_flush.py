"""A warning once the flush would not fit the notice, and its end."""

from __future__ import annotations

from datetime import UTC, datetime

from kyc.adapters.fake.catalog import fake_offer
from kyc.control.flush import FlushWatch
from kyc.domain.event import EventKind
from kyc.domain.ids import DeploymentId, InstanceId, WorkloadName, attempt_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState
from kyc.planning.release import flush_fits
from kyc.wire.agent import Pulse
from tests.simulation.world import Master, World

AT = datetime(2026, 5, 1, tzinfo=UTC)
NAME = WorkloadName("train")
HERE = InstanceId("i-1")


def pulse(estimate_s: float | None) -> Pulse:
    name = attempt_id(NAME, 1)
    return Pulse(at=AT, cpu=0, memory=0, disk=0, attempt=name, dirty_bytes=7, flush_estimate_s=estimate_s)


async def test_it_is_told_once_and_when_it_is_over() -> None:
    world = World()
    instance = Instance(
        id=HERE,
        deployment_id=DeploymentId("d-1"),
        offer=fake_offer(),
        state=InstanceState.READY,
        requested_at=AT,
        name="one",
        workload=NAME,
    )
    attempt = Attempt(
        id=attempt_id(NAME, 1),
        workload=NAME,
        number=1,
        instance_id=HERE,
        state=AttemptState.RUNNING,
        created_at=AT,
    )
    await world.store.save(instance, attempt)
    watch = FlushWatch(Master(world).context)
    for estimate_s in (1, 14, 16, 40, 13, 11.4, 5, 100, None, 100):
        await watch.heard(HERE, pulse(estimate_s))
    told = await world.events(EventKind.FLUSH_WARNED, EventKind.FLUSH_FITS)
    assert [(event.kind, event.data["flush_estimate_s"]) for event in told] == [
        (EventKind.FLUSH_WARNED, 16),
        (EventKind.FLUSH_FITS, 11.4),
        (EventKind.FLUSH_WARNED, 100),
        (EventKind.FLUSH_WARNED, 100),
    ]
    assert told[0].subject == NAME
    assert (told[0].data["notice_s"], told[0].data["dirty_bytes"]) == (30, 7)
    await watch.heard(InstanceId("i-unknown"), pulse(100))


def test_what_fits_depends_on_the_provider() -> None:
    assert flush_fits(40, cloud="aws")
    assert not flush_fits(40, cloud="gcp")
    assert not flush_fits(40, cloud="another")
    assert not flush_fits(60, cloud="aws")
