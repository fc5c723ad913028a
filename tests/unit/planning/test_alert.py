"""A price alert fires once for each crossing, and asks of jobs only what was asked of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.alert import Market, PriceAlert, Side, Then
from kyc.domain.course import Course
from kyc.domain.ids import AlertId, DeploymentId, InstanceId, WorkloadName, attempt_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.domain.offer import Purchase
from kyc.domain.workload import JobSpec
from kyc.planning.alert import (
    Working,
    look,
    plan_move,
    plan_pause,
    plan_resume,
    price_of,
    working_there,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MARKET = Market(cloud="fake", region="fake", instance_type="small")


def alert(side: Side = Side.ABOVE, line: str = "0.10", then: Then = Then.NOTIFY, **more: object) -> PriceAlert:
    return PriceAlert(
        id=AlertId("alert-1"),
        market=MARKET,
        side=side,
        usd_per_hour=Decimal(line),
        then=then,
        created_at=NOW,
        **more,  # type: ignore[arg-type]
    )


def fires(made: PriceAlert, prices: list[str]) -> list[int]:
    found = []
    for number, price in enumerate(prices):
        seen = look(made, Decimal(price), now=NOW)
        made = seen.alert
        if seen.fires:
            found.append(number)
    return found


def working(name: str = "train", *, deadline: timedelta | None = None, zone: str = "fake-a") -> Working:
    spec = JobSpec(name=WorkloadName(name), run="x", deadline=deadline)
    job = Job(name=spec.name, spec=spec, state=JobState.RUNNING, requested_at=NOW, sealed_key="")
    instance = Instance(
        id=InstanceId(f"i-{name}"),
        deployment_id=DeploymentId("d-1"),
        offer=fake_offer(zone=zone, price="0.12"),
        state=InstanceState.READY,
        requested_at=NOW,
        name=name,
        workload=job.name,
    )
    return Working(job=job, instance=instance)


def test_once_for_each_crossing() -> None:
    assert fires(alert(), ["0.05", "0.10", "0.11", "0.20", "0.11", "0.05", "0.12", "0.13"]) == [2, 6]
    assert fires(alert(Side.BELOW), ["0.20", "0.10", "0.09", "0.01", "0.09", "0.11", "0.05"]) == [2, 6]


def test_a_price_beyond_from_the_start_is_a_crossing() -> None:
    assert fires(alert(), ["0.11", "0.12"]) == [0]


def test_a_price_on_the_line_does_not_fire_again_and_again() -> None:
    assert fires(alert(), ["0.101", "0.0999", "0.101", "0.0995", "0.101"]) == [0]
    assert fires(alert(), ["0.101", "0.0989", "0.101"]) == [0, 2]


@given(st.lists(st.decimals("0.01", "1", places=3), max_size=60), st.sampled_from(list(Side)))
def test_between_two_firings_it_was_back(prices: list[Decimal], side: Side) -> None:
    made, back = alert(side), True
    for price in prices:
        seen = look(made, price, now=NOW)
        beyond = price > made.usd_per_hour if side is Side.ABOVE else price < made.usd_per_hour
        if seen.fires:
            assert back
            assert beyond
            back = False
        back = back or seen.returns
        assert not (seen.fires and seen.returns)
        made = seen.alert


def test_the_price_of_a_region_is_its_cheapest_spot_price() -> None:
    offers = [
        fake_offer(zone="fake-a", price="0.05"),
        fake_offer(zone="fake-b", price="0.04"),
        fake_offer(purchase=Purchase.ON_DEMAND, price="0.01"),
        fake_offer(instance_type="large", price="0.01"),
    ]
    assert price_of(alert(), offers) == Decimal("0.04")
    assert price_of(replace(alert(), market=replace(MARKET, zone="fake-a")), offers) == Decimal("0.05")
    assert price_of(alert(), offers[2:]) is None


def test_who_works_there() -> None:
    one, other = working("a"), working("b")
    attempts = [
        Attempt(
            id=attempt_id(w.job.name, 1),
            workload=w.job.name,
            number=1,
            instance_id=w.instance.id,
            state=state,
            created_at=NOW,
        )
        for w, state in ((one, AttemptState.RUNNING), (other, AttemptState.PREPARING))
    ]
    instances = {w.instance.id: w.instance for w in (one, other)}
    jobs = [one.job, other.job]
    assert working_there(alert(), jobs, attempts, instances) == [one]
    assert working_there(alert(workload=other.job.name), jobs, attempts, instances) == []


def test_a_pause_rests_jobs_without_a_deadline_and_ends_with_the_price() -> None:
    free, bound = working("free"), working("bound", deadline=timedelta(hours=1))
    pausing = alert(then=Then.PAUSE)
    [rests] = plan_pause(pausing, [free, bound], "dear")
    assert (rests.name, rests.course) == (free.job.name, Course(wait=True, reason="dear"))
    pausing = replace(pausing, paused=(rests.name,))
    [goes_on] = plan_resume(pausing, [rests, bound.job])
    assert not goes_on.course.wait
    assert plan_resume(pausing, [goes_on]) == []
    assert plan_pause(alert(), [free], "dear") == []


def test_a_move_needs_something_cheaper_elsewhere() -> None:
    there, moving = working(), alert(then=Then.MOVE)
    elsewhere = fake_offer(instance_type="large", price="0.11")
    leaving = plan_move(moving, there, [fake_offer(zone="fake-b", price="0.01"), elsewhere], "dear")
    assert leaving is not None
    assert leaving.state is InstanceState.DRAINING
    assert elsewhere.id in leaving.end_reason
    assert plan_move(moving, there, [fake_offer(price="0.01")], "dear") is None, "the same market"
    assert plan_move(moving, there, [fake_offer(instance_type="large", price="0.12")], "dear") is None, "no cheaper"
    assert plan_move(alert(), there, [elsewhere], "dear") is None
