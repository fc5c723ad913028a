"""Signals become a demand in replicas; a gap is unknown, never nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.service import SignalKind, Target
from kyc.planning.demand import Reading, busiest, demand_of, demand_series, excess, grain_of


@pytest.mark.parametrize(
    ("kind", "per_replica", "value", "demand"),
    [
        (SignalKind.REQUESTS, 5, 12, 2.4),
        (SignalKind.CONCURRENCY, 10, 25, 2.5),
        (SignalKind.QUEUE, 2, 8, 4),
        (SignalKind.CUSTOM, 3, 0, 0),
        (SignalKind.CPU, 70, 35, 2),
        (SignalKind.CPU, 70, 100, 8),  # used up: how much more is asked for cannot be seen
        (SignalKind.LATENCY, 200, 1000, 8),  # at most twice what there is
        (SignalKind.LATENCY, 200, 10, 2),  # at least half
    ],
)
def test_each_signal_means_a_number_of_replicas(kind, per_replica, value, demand):
    assert demand_of(Target(kind=kind, per_replica=per_replica), value, ready_replicas=4) == pytest.approx(demand)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_a_value_that_cannot_be_is_unknown(value):
    assert math.isnan(demand_of(Target(kind=SignalKind.REQUESTS, per_replica=5), value, ready_replicas=1))


def test_a_reading_holds_on_for_a_while_then_the_load_is_unknown():
    readings = [Reading(second=100, value=3.0), Reading(second=110, value=None), Reading(second=112, value=1.0)]
    series = demand_series(readings, now=114, span_s=15, carry_s=5)
    assert np.isnan(series[0])
    assert series[1:6].tolist() == [3.0] * 5
    assert np.isnan(series[6:13]).all()
    assert series[13:].tolist() == [1.0, 1.0]


def test_of_several_signals_the_one_that_asks_for_most_counts():
    both = busiest([np.array([1.0, math.nan, math.nan]), np.array([2.0, 3.0, math.nan])])
    assert both[:2].tolist() == [2.0, 3.0]
    assert math.isnan(both[2])


@given(st.floats(0.1, 300), st.floats(0, 400))
def test_the_excess_of_a_poisson_number_is_its_sum(mean, above):
    numbers = np.arange(0, 1200)
    logs = numbers * math.log(mean) - mean - np.array([math.lgamma(n + 1) for n in numbers])
    exact = float((np.exp(logs) * np.clip(numbers - round(above, 3), 0, None)).sum())
    assert excess(mean, above, 1.0) == pytest.approx(exact, abs=2e-3 + 1e-3 * exact)


def test_large_numbers_pass_into_the_normal_law_without_a_step():
    below, beyond = excess(399.9, 420, 1.0), excess(400.1, 420, 1.0)
    assert below == pytest.approx(beyond, rel=0.05)


def test_the_grain_of_requests_is_one_and_of_others_measured():
    noise = np.random.default_rng(1).poisson(40, 5000) / 10
    assert grain_of(Target(kind=SignalKind.REQUESTS, per_replica=10), noise) == pytest.approx(0.1)
    assert grain_of(Target(kind=SignalKind.CONCURRENCY, per_replica=10), noise) == pytest.approx(0.1, rel=0.1)
    assert grain_of(Target(kind=SignalKind.CPU, per_replica=70), np.full(10, 3.0)) == 0
