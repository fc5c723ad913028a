"""Buying spreads over pools as their risk asks, and spot is backed as the rule says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.offer import Pool
from kyc.domain.service import SpotRule
from kyc.planning.spread import (
    PoolOffer,
    extra_for_risk,
    plan_fleet_size,
    plan_spot_mix,
    plan_spread,
)


def pool(zone: str) -> Pool:
    return Pool(cloud="aws", zone=zone, instance_type="m7i.large")


def offer(zone: str, price: float, rate: float | None = 0.05) -> PoolOffer:
    return PoolOffer(pool=pool(zone), price_usd_per_hour=price, interruptions_per_hour=rate)


def test_without_risk_the_cheapest_pool_takes_all():
    (choice,) = plan_spread([offer("a", 0.02), offer("b", 0.03)], {}, count=5, loss_usd=0)
    assert (choice.pool, choice.count) == (pool("a"), 5)


def test_correlated_loss_spreads_evenly_over_equals_and_by_price_otherwise():
    even = plan_spread([offer("a", 0.02), offer("b", 0.02)], {}, count=6, loss_usd=0.1)
    assert [choice.count for choice in even] == [3, 3]
    uneven = plan_spread([offer("a", 0.02), offer("b", 0.04)], {}, count=6, loss_usd=0.1)
    assert [choice.count for choice in uneven] == [4, 2]


def test_what_is_there_counts_and_an_unknown_risk_is_no_good_sign():
    (choice,) = plan_spread([offer("a", 0.02), offer("b", 0.02)], {pool("a"): 3}, count=2, loss_usd=0.1)
    assert choice.pool == pool("b")
    assert "2 there" in choice.reason
    (safe,) = plan_spread([offer("a", 0.02, None), offer("b", 0.02, 0.01)], {}, count=1, loss_usd=0.1)
    assert safe.pool == pool("b")
    assert plan_spread([], {}, count=3, loss_usd=1) == []


@pytest.mark.parametrize(
    ("rule", "wanted", "ready", "mix"),
    [
        (SpotRule(), 4, 0, (4, 0)),
        (SpotRule(extra=1), 4, 4, (5, 0)),
        (SpotRule(on_demand_base=1), 4, 0, (3, 1)),
        (SpotRule(fallback=True), 4, 1, (4, 3)),
        (SpotRule(extra=2, fallback=True), 4, 0, (6, 4)),
        (SpotRule(extra=1, on_demand_base=2, fallback=True), 4, 3, (3, 2)),
        (SpotRule(on_demand_base=9, fallback=True), 4, 0, (0, 4)),
        (SpotRule(extra=2), 0, 0, (0, 0)),
    ],
)
def test_skyserves_mix(rule, wanted, ready, mix):
    plan = plan_spot_mix(rule, wanted=wanted, ready_spot=ready)
    assert (plan.spot, plan.on_demand) == mix
    assert plan.reason


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 30), st.integers(0, 30))
def test_with_fallback_what_is_wanted_is_there(extra, base, wanted, ready):
    rule = SpotRule(extra=extra, on_demand_base=base, fallback=True)
    mix = plan_spot_mix(rule, wanted=wanted, ready_spot=ready)
    assert mix.on_demand + min(ready, mix.spot) >= wanted
    assert mix.on_demand <= wanted


def test_extra_instances_carry_extra_replicas_and_stand_ins_do_not():
    rule = SpotRule(extra=1, fallback=True)
    size = plan_fleet_size(rule, instances=4, replicas=16, per_instance=4, ready_spot=3)
    assert (size.spot, size.on_demand, size.instances, size.replicas) == (5, 2, 7, 20)
    assert plan_fleet_size(rule, instances=0, replicas=0, per_instance=4, ready_spot=0).replicas == 0


def test_the_reserve_grows_with_risk_and_with_what_one_pool_holds():
    assert extra_for_risk([(4, 0.0)], replace_s=60) == 0
    assert extra_for_risk([(1, 0.1)] * 4, replace_s=60) == 1
    assert extra_for_risk([(4, 0.1)], replace_s=60) == 4
    assert extra_for_risk([(1, 0.1)] * 4, replace_s=60, tolerance=0.5) == 0
