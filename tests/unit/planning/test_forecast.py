"""The forecast speaks only with a day behind it, and says how well it did."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest

from kyc.domain.service import Schedule
from kyc.planning.forecast import forecast_demand
from kyc.planning.schedule import is_in_force, scheduled_floor


def daily(minutes: int) -> np.ndarray:
    return 10 + 8 * np.sin(np.arange(minutes) / 1440 * 2 * np.pi)


def test_no_day_no_forecast():
    assert forecast_demand(daily(1500), ahead_min=10) is None
    gap = daily(3000)
    gap[-100] = np.nan
    assert forecast_demand(gap, ahead_min=10) is None


@pytest.mark.parametrize("ahead", [1, 10, 30])
def test_a_daily_course_is_foreseen_better_than_no_change(ahead):
    series = daily(1440 * 2 + 200 + ahead)
    forecast = forecast_demand(series[:-ahead], ahead_min=ahead)
    assert forecast is not None
    assert forecast.demand == pytest.approx(series[-1], rel=0.02)
    assert ahead == 1 or forecast.is_supported


def test_a_course_that_was_other_yesterday_is_not_supported():
    yesterday, today = 10 + 5 * np.sin(np.arange(1600) / 20), np.full(200, 10.0)
    forecast = forecast_demand(np.concatenate((yesterday, today)), ahead_min=10)
    assert forecast is not None
    assert not forecast.is_supported


def test_the_forecast_follows_a_day_that_is_busier_as_a_whole():
    series = np.concatenate((daily(1440), 1.5 * daily(900)))
    forecast = forecast_demand(series[:-10], ahead_min=10)
    assert forecast is not None
    assert forecast.demand == pytest.approx(series[-1], rel=0.05)


MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def test_schedules_hold_on_their_days_and_past_midnight():
    night = Schedule(min_replicas=3, starts=time(22), ends=time(2), days=frozenset({0}))
    assert is_in_force(night, MONDAY.replace(hour=23))
    assert is_in_force(night, MONDAY + timedelta(days=1, hours=1))
    assert not is_in_force(night, MONDAY.replace(hour=1))
    assert not is_in_force(night, MONDAY + timedelta(days=1, hours=23))
    assert not is_in_force(night, MONDAY.replace(hour=12))


def test_the_highest_floor_counts_and_comes_early_enough():
    day = [
        Schedule(min_replicas=3, starts=time(8), ends=time(20)),
        Schedule(min_replicas=9, starts=time(9), ends=time(10)),
    ]
    assert scheduled_floor(day, now=MONDAY.replace(hour=8), lead=timedelta(minutes=5)) == 3
    assert scheduled_floor(day, now=MONDAY.replace(hour=8, minute=56), lead=timedelta(minutes=5)) == 9
    assert scheduled_floor(day, now=MONDAY.replace(hour=21), lead=timedelta(minutes=5)) == 0
