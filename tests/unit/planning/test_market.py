"""Expected cost to finish: what makes an offer better than another, and the numbers that are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import AttemptId, DeploymentId, InstanceId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.domain.offer import Offer, Purchase
from kyc.domain.progress import Pace
from kyc.domain.workload import JobSpec, Requirement
from kyc.planning.ahead import foresee_work
from kyc.planning.egress import EGRESS, THIS_MACHINE, Place, egress_usd_per_gb
from kyc.planning.market import ASSUMED_WORK, Market, WorkAhead, expect, rank_work
from kyc.planning.recovery import JobView
from kyc.planning.risk import read_risks

ANYTHING = [Requirement()]
HOUR = timedelta(hours=1)


def offer(cloud: str = "aws", region: str = "east", *, price: str = "1", **changes: object) -> Offer:
    made = replace(fake_offer(cloud=cloud, zone=f"{region}-a", price=price), region=region, interruptions_per_hour=0.0)
    return replace(made, on_demand_usd_per_hour=Decimal(3), **changes)


def best(*offers: Offer, ahead: WorkAhead | None = None) -> Offer:
    return rank_work(offers, ANYTHING, ahead=ahead or WorkAhead(), market=Market()).best_first[0].offer


def test_the_formula_by_hand() -> None:
    ahead = WorkAhead(
        work=10 * HOUR,
        restart=timedelta(minutes=3),
        lost=timedelta(minutes=2),
        data_at=Place(cloud="aws", region="west"),
        restore_bytes=50_000_000_000,
        written_bytes_per_h=2e9,
    )
    found = expect(offer(interruptions_per_hour=0.1), ahead, Market(startup_s={"aws": 360}))
    assert found.interruptions == pytest.approx(1.0)
    assert found.hours == pytest.approx(0.1 + 10 + 1.0 * (0.1 + 5 / 60))
    assert found.transfer_usd == pytest.approx(50 * 2 * 0.02 + 20 * 0.02)
    assert found.usd == pytest.approx(found.hours * 1 + found.transfer_usd)


def test_often_interrupted_is_dear_where_a_restart_is() -> None:
    calm, wild = offer(price="1.00"), offer(price="0.95", zone="w", interruptions_per_hour=0.5)
    assert best(calm, wild, ahead=WorkAhead(work=HOUR, restart=timedelta(seconds=1))) == wild
    assert best(calm, wild, ahead=WorkAhead(work=HOUR, restart=HOUR)) == calm


def test_data_keeps_work_where_it_lies() -> None:
    here, far = offer("aws", "east", price="1.00"), offer("aws", "west", price="0.90")
    other = offer("gcp", "x", price="0.90")
    data = Place(cloud="aws", region="east")
    assert best(here, far, ahead=WorkAhead(data_at=data)) == far
    assert best(here, far, other, ahead=WorkAhead(data_at=data, restore_bytes=100_000_000_000)) == here
    long = WorkAhead(data_at=data, restore_bytes=100_000_000_000, work=1000 * HOUR)
    assert best(here, far, ahead=long) == far


def test_a_slow_start_weighs_on_short_work() -> None:
    slow, quick = offer("azure", price="0.99"), offer("aws", price="1.00")
    assert best(slow, quick, ahead=WorkAhead(work=timedelta(minutes=5))) == quick
    assert best(slow, quick, ahead=WorkAhead(work=100 * HOUR)) == slow


def test_on_demand_below_spot_is_taken_and_equal_spot_comes_first() -> None:
    spot, sure = offer(price="1"), offer(price="1", purchase=Purchase.ON_DEMAND)
    assert best(sure, spot) == spot
    assert best(replace(sure, price_usd_per_hour=Decimal("0.9")), spot).purchase is Purchase.ON_DEMAND


@pytest.mark.parametrize("price", ["0", "-1"])
def test_a_price_that_cannot_be_is_no_offer(price: str) -> None:
    ranking = rank_work([offer(price=price)], ANYTHING, ahead=WorkAhead(), market=Market())
    assert ranking.best_first == []
    assert ranking.story() == {}


def test_an_avoided_pool_is_the_last_resort() -> None:
    cheap, dear = offer(price="0.1"), offer(price="5", zone="b")
    ranking = rank_work([cheap, dear], ANYTHING, avoid={cheap.pool}, ahead=WorkAhead(), market=Market())
    assert [one.offer for one in ranking.best_first] == [dear, cheap]
    assert ranking.best_first[1].avoided


def taken(of: Offer, *, refused: bool) -> Instance:
    """Return an instance of ours that the provider interrupted, or never gave, ten minutes ago."""
    at = START - timedelta(minutes=10)
    return Instance(
        id=InstanceId("i-1"),
        deployment_id=DeploymentId("d-1"),
        name="one",
        offer=of,
        state=InstanceState.FAILED if refused else InstanceState.TERMINATED,
        requested_at=at - HOUR,
        started_at=None if refused else at - HOUR,
        ended_at=at,
        interrupted_at=at,
    )


@pytest.mark.parametrize("refused", [False, True])
def test_a_pool_that_took_or_refused_our_instance_ranks_lower_by_what_it_may_cost(refused: bool) -> None:
    first, second = offer(zone="east-a"), offer(zone="east-b")
    risks = read_risks([taken(first, refused=refused)], now=START)
    ahead = WorkAhead(work=8 * HOUR)
    assert best(first, second, ahead=ahead) == first
    ranking = rank_work([first, second], ANYTHING, ahead=ahead, market=Market(risks=risks))
    assert [one.offer for one in ranking.best_first] == [second, first]
    assert ranking.best_first[1].interruptions > ranking.best_first[0].interruptions
    weeks_later = read_risks([taken(first, refused=refused)], now=START + timedelta(weeks=20))
    forgotten = rank_work([first, second], ANYTHING, ahead=ahead, market=Market(risks=weeks_later))
    assert forgotten.best_first[1].usd == pytest.approx(forgotten.best_first[0].usd, rel=1e-6)


def test_the_numbers_are_json_and_name_the_next_best() -> None:
    offers = [offer(price=price, zone=price) for price in ("1", "2", "3", "4", "5")]
    story = rank_work(offers, ANYTHING, ahead=WorkAhead(), market=Market()).story()
    assert msgspec.json.decode(msgspec.json.encode(story)) == story
    assert story["considered"] == 5
    assert story["work_known"] is False
    assert story["work_hours"] == ASSUMED_WORK / HOUR
    others = story["others"]
    assert isinstance(others, list)
    assert [other["price_usd_per_hour"] for other in others] == [2, 3, 4]


def test_no_work_left_and_no_offers_are_no_error() -> None:
    none = rank_work([], ANYTHING, ahead=WorkAhead(work=timedelta()), market=Market())
    assert none.best_first == []
    one = expect(offer(), WorkAhead(work=timedelta(hours=-1)), Market())
    assert one.work_h == 0
    assert one.usd_per_work_hour == one.usd


def test_egress_prices() -> None:
    aws, west, gcp = Place(cloud="aws", region="east"), Place(cloud="aws", region="west"), Place(cloud="gcp")
    assert egress_usd_per_gb(aws, aws) == 0
    assert egress_usd_per_gb(aws, west) == EGRESS["aws"].to_region
    assert egress_usd_per_gb(aws, gcp) == egress_usd_per_gb(aws, THIS_MACHINE) == EGRESS["aws"].to_internet
    assert egress_usd_per_gb(THIS_MACHINE, aws) == 0
    assert egress_usd_per_gb(Place(cloud="nobody"), aws) > 0


def test_what_is_ahead_follows_from_what_was_seen() -> None:
    pace = Pace(attempt=AttemptId("train.1"), first=5, first_at=START, last=25, last_at=START + timedelta(seconds=2880))
    job = Job(
        name=WorkloadName("train"),
        spec=JobSpec(name=WorkloadName("train"), run="x"),
        state=JobState.RUNNING,
        requested_at=START,
        started_at=START,
        sealed_key=b"",
        step=25,
        step_total=100,
        pace=pace,
    )
    instance = Instance(
        id=InstanceId("i-1"),
        deployment_id=DeploymentId("d-1"),
        offer=offer("aws"),
        state=InstanceState.LOST,
        requested_at=START,
        name="one",
    )
    attempt = Attempt(
        id=AttemptId("train.1"),
        workload=job.name,
        number=1,
        instance_id=instance.id,
        state=AttemptState.LOST,
        created_at=START,
        started_at=START + timedelta(seconds=100),
    )
    snapshots = [
        Event(
            kind=EventKind.SNAPSHOT_COMMITTED, subject="train", at=START + n * HOUR, data={"bytes": b, "sent_bytes": s}
        )
        for n, b, s in ((0, 10, 10), (1, 40, 30), (2, 70, 30))
    ]
    view = JobView(job=job, attempts=[attempt], instances={instance.id: instance})
    ahead = foresee_work(view, snapshots, data_at=THIS_MACHINE)
    assert ahead.work == 3 * HOUR
    assert ahead.restart == timedelta(seconds=25)  # 100 s, of which AWS itself takes 75
    assert (ahead.restore_bytes, ahead.written_bytes_per_h) == (70, 30)
    new = foresee_work(JobView(job=replace(job, step=None), attempts=[], instances={}), [], data_at=THIS_MACHINE)
    assert (new.work, new.restore_bytes, new.written_bytes_per_h) == (None, 0, 0)
    back = replace(job, pace=replace(pace, last_at=START - HOUR))
    unknown = foresee_work(JobView(job=back, attempts=[], instances={}), snapshots[:1], data_at=THIS_MACHINE)
    assert unknown.work is None  # a clock that jumped back tells nothing
