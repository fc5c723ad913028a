"""The local cloud's prices and room, as functions of time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import mean

import pytest

from kyc.adapters.fake.clock import START, FakeClock
from kyc.adapters.local.capacity import Capacity, pool_of, replay_of
from kyc.adapters.local.catalog import SOURCE, LocalCatalog
from kyc.adapters.local.fault import Fault
from kyc.adapters.local.price import spot_price_usd
from kyc.adapters.local.record import Record
from kyc.domain.offer import Purchase

POOL = "local-a/small/spot"


def record(number: int, *, spot: bool = True) -> Record:
    return Record(
        provider_id=f"l-{number}",
        instance_id=f"i-{number}",
        deployment_id="d-1",
        zone="local-a",
        instance_type="small",
        spot=spot,
        user_data="",
        requested_at=float(number),
    )


def test_prices_move_around_thirty_percent_and_never_leave_their_bounds() -> None:
    shares = [float(spot_price_usd(Decimal(1), seed=1, pool=POOL, step=step)) for step in range(2000)]
    assert 0.27 < mean(shares) < 0.35
    assert min(shares) >= 0.10
    assert max(shares) <= 0.90
    assert len(set(shares)) > 500
    assert max(abs(a - b) for a, b in pairwise(shares)) < 0.2


def test_the_same_seed_gives_the_same_prices_and_pools_differ() -> None:
    def path(seed: int, pool: str) -> list[Decimal]:
        return [spot_price_usd(Decimal(1), seed=seed, pool=pool, step=step) for step in range(20)]

    assert path(1, POOL) == path(1, POOL)
    assert path(1, POOL) != path(2, POOL)
    assert path(1, POOL) != path(1, "local-b/small/spot")


async def test_the_catalog_lists_every_pool_with_source_and_time() -> None:
    clock = FakeClock(START + timedelta(seconds=1))
    catalog = LocalCatalog(clock)
    offers = catalog.offers()
    assert len({offer.id for offer in offers}) == len(offers) == 18
    assert all(offer.source == SOURCE and clock.now() - offer.priced_at < timedelta(minutes=5) for offer in offers)
    assert all(offer.price_usd_per_hour < offer.on_demand_usd_per_hour for offer in offers if is_spot(offer.purchase))
    assert all(
        offer.price_usd_per_hour == offer.on_demand_usd_per_hour for offer in offers if not is_spot(offer.purchase)
    )
    assert catalog.offers() == offers
    await clock.advance(300)
    assert catalog.offers() != offers


def is_spot(purchase: Purchase) -> bool:
    return purchase is Purchase.SPOT


def test_a_full_pool_and_a_full_quota_are_different_refusals() -> None:
    capacity = Capacity(room={POOL: 1})
    capacity.admit(POOL, [], 0)
    with pytest.raises(Fault) as full:
        capacity.admit(POOL, [record(1)], 0)
    assert full.value.code == "InsufficientInstanceCapacity"
    capacity.spot_quota = 1
    with pytest.raises(Fault) as quota:
        capacity.admit("local-b/small/spot", [record(1)], 0)
    assert quota.value.code == "MaxSpotInstanceCountExceeded"
    capacity.admit("local-a/small/on_demand", [record(1)], 0)


def test_a_recording_gives_and_takes_room_at_its_speed() -> None:
    replay = replay_of([2, 2, 0, 1], gap_s=600, speed=60, notice_s=120, now=100)
    assert [replay.room(at) for at in (99, 100, 119.9, 120, 130, 140)] == [None, 2, 2, 0, 1, None]
    assert [replay.next_change(at) for at in (100, 120, 130, 140)] == [120, 130, 140, None]


def test_what_a_recording_takes_is_the_oldest_spot_capacity() -> None:
    capacity = Capacity(replays={POOL: replay_of([1], gap_s=10, speed=1, notice_s=30, now=0)})
    living = [record(3), record(1), record(2, spot=False)]
    assert [(one.provider_id, notice) for one, notice in capacity.excess(living, 5)] == [("l-1", 30)]
    assert capacity.excess(living, 11) == []
    assert pool_of(living[2]) == "local-a/small/on_demand"


def test_capacity_survives_as_json() -> None:
    capacity = Capacity(room={POOL: 3}, spot_quota=4)
    capacity.replays[POOL] = replay_of("1101", gap_s=10, speed=2, notice_s=0, now=5)
    assert Capacity.from_json(capacity.to_json()) == capacity


@pytest.mark.parametrize(("ticks", "gap_s", "speed"), [("", 1, 1), ("012", 1, 1), ("01", 0, 1), ("01", 1, -1)])
def test_a_recording_that_makes_no_sense_is_refused(ticks: str, gap_s: float, speed: float) -> None:
    with pytest.raises(Fault):
        replay_of(ticks, gap_s=gap_s, speed=speed, notice_s=0, now=0)
