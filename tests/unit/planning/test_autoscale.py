"""The policy `worth`: within its bounds, steady under a constant load, monotone, and it holds when it cannot see."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.domain.service import ScalingRule, Schedule, WorthRule
from kyc.planning.autoscale import Cause, Pace, ServiceView, plan_scale
from kyc.planning.forecast import Forecast

NOW = datetime(2024, 1, 1, 12, tzinfo=UTC)
PACE = Pace(replica_start_s=2, instance_start_s=60)
RULE = ScalingRule(min_replicas=1, max_replicas=400)


def view(demand, *, instances=1, replicas=None, per_instance=4, grain=0.2, **more) -> ServiceView:
    return ServiceView(
        demand=np.asarray(demand, dtype=np.float64),
        grain=grain,
        instances=instances,
        replicas=instances * per_instance if replicas is None else replicas,
        per_instance=per_instance,
        **more,
    )


def decide(demand, rule=RULE, pace=PACE, **more):
    return plan_scale(rule, view(demand, **more), pace, now=NOW)


demands = st.lists(st.one_of(st.floats(0, 60), st.just(math.nan)), max_size=700)


@given(demands, st.integers(0, 30), st.integers(0, 8), st.integers(0, 40), st.booleans(), st.integers(1, 6))
def test_never_below_the_minimum_nor_above_the_maximum(demand, held, least, more, fill, per_instance):
    rule = ScalingRule(min_replicas=least, max_replicas=least + more, worth=WorthRule(fill_instances=fill))
    decision = decide(demand, rule, instances=held, per_instance=per_instance)
    assert least <= decision.replicas <= least + more
    assert math.ceil(least / per_instance) <= decision.instances <= math.ceil((least + more) / per_instance)
    assert decision.replicas <= decision.instances * per_instance
    assert decision.reason


@given(st.lists(st.floats(0, 60), min_size=60, max_size=700), st.integers(1, 20), st.floats(1, 3))
@settings(max_examples=60)
def test_more_load_never_means_fewer_instances(demand, held, factor):
    less = decide(demand, instances=held)
    more = decide(np.asarray(demand) * factor, instances=held)
    assert more.instances >= less.instances
    assert more.replicas >= less.replicas


@given(st.lists(st.floats(0, 60), max_size=600), st.integers(1, 20), st.integers(40, 120))
def test_a_broken_signal_holds(demand, held, missing):
    decision = decide([*demand, *[math.nan] * missing], instances=held)
    assert decision.instances == held
    assert decision.cause is Cause.BROKEN
    assert "missing" in decision.reason


def test_while_one_of_several_signals_is_missing_more_is_bought_and_nothing_given_back():
    held = decide([1.0] * 700, instances=7, lacks_signal=True)
    assert (held.instances, held.cause) == (7, Cause.BROKEN)
    assert decide([1.0] * 700, instances=7).instances < 7
    followed = replace(RULE, worth=replace(RULE.worth, fill_instances=False))
    assert decide([1.0] * 700, followed, instances=7, replicas=20, lacks_signal=True).replicas == 20
    assert decide([30.0] * 700, instances=2, lacks_signal=True).instances > 2


@pytest.mark.parametrize("demand", [[], [0.0] * 100, [math.nan] * 400 + [0.0] * 200])
def test_nothing_is_given_back_on_little_knowledge(demand):
    assert decide(demand, instances=7).instances == 7


@given(st.floats(0, 80), st.integers(1, 25))
@settings(max_examples=50)
def test_a_constant_load_settles_at_once_and_stays(demand, held):
    first = decide([demand] * 600, instances=held)
    again = decide([demand] * 600, instances=first.instances)
    assert not again.is_change


@pytest.mark.parametrize("rps", [3, 10, 14, 15, 30, 47, 100])
def test_a_constant_rate_with_its_chance_does_not_flap(rps):
    arrivals = np.random.default_rng(rps).poisson(rps, 6 * 3600) / 5
    held, turns, last = 1, 0, 1
    for now in range(600, len(arrivals), 10):
        decided = decide(arrivals[now - 600 : now], instances=held).instances
        if decided != held:
            turns += (decided > held) != (last > 0)
            last = 1 if decided > held else -1
            held = decided
    assert turns <= 2
    assert held >= rps / 20


def test_a_peak_is_remembered_then_forgotten():
    quiet, burst = [1.0] * 300, [20.0] * 30
    assert decide([*quiet, *burst]).instances == 5
    assert decide([*quiet, *burst, *[1.0] * 400], instances=5).instances == 5
    later = decide([1.0] * 600, instances=5)
    assert later.instances == 1
    assert later.cause is Cause.UNUSED


def test_replicas_fill_the_instances_or_follow_the_load():
    assert decide([2.0] * 600, instances=2).replicas == 4
    follow = ScalingRule(min_replicas=1, max_replicas=400, worth=WorthRule(fill_instances=False))
    decision = decide([2.0] * 600, follow, instances=2, replicas=8, grain=0.02)
    assert (decision.instances, decision.replicas) == (1, 3)


def test_a_step_is_answered_as_soon_as_instances_are_quick():
    quick = Pace(replica_start_s=0.5, instance_start_s=1)
    step = [0.8] * 100 + [4.0] * 2
    assert decide(step, pace=quick, per_instance=1, grain=0.1).instances >= 3


def test_to_zero_and_from_zero():
    rule = ScalingRule(min_replicas=0, max_replicas=8)
    assert decide([0.0] * 600, rule, instances=1).instances == 0
    assert decide([0.0] * 599 + [0.1], rule, instances=1).instances == 1
    waiting = decide([0.0] * 600, rule, instances=0, waiting=3)
    assert (waiting.instances, waiting.cause) == (1, Cause.WAITING)
    assert decide([], rule, instances=0, waiting=1).instances == 1
    assert decide([0.0] * 600, rule, instances=0).instances == 0


def test_a_schedule_is_a_floor_that_comes_in_time():
    rule = ScalingRule(
        min_replicas=1, max_replicas=40, schedules=(Schedule(min_replicas=12, starts=time(12, 1), ends=time(13)),)
    )
    assert decide([1.0] * 600, rule).instances == 3
    early = plan_scale(rule, view([1.0] * 600), PACE, now=NOW - timedelta(minutes=5))
    assert early.instances == 1


def test_a_forecast_counts_only_while_it_is_better_than_none():
    good = Forecast(demand=9.0, error=0.1, error_of_now=0.3)
    bad = Forecast(demand=9.0, error=0.4, error_of_now=0.3)
    assert decide([1.0] * 600, forecast=good).instances == 3
    assert decide([1.0] * 600, forecast=good).cause is Cause.AHEAD
    assert decide([1.0] * 600, forecast=bad).instances == 1


def test_limits_of_instances_hold_even_for_a_large_load():
    rule = ScalingRule(min_replicas=1, max_replicas=100, max_instances=3)
    decision = decide([80.0] * 600, rule, instances=1)
    assert (decision.instances, decision.replicas) == (3, 12)


def test_the_reason_says_what_and_why():
    reason = decide([10.0] * 600).reason
    assert reason.startswith("1 -> ")
    assert "demand of 10.0 replicas" in reason or "demand now 10.0 replicas" in reason
    assert "1.25%" in reason


def test_the_numbers_of_a_decision_can_be_stored():
    numbers = json.loads(json.dumps(decide([10.0] * 600).numbers))
    assert numbers["was_instances"] == 1
    assert numbers["instances"] >= 3
    assert numbers["demand"] == 10.0
    assert numbers["cause"] in {"now", "record"}
