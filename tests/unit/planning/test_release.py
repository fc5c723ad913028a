"""When a noticed instance stops its work by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.planning.release import Pressure, plan_grace_s, plan_margin_s

seconds = st.floats(min_value=0, max_value=3600, allow_nan=False)
pressures = st.builds(Pressure, notice_s=seconds, flush_estimate_s=seconds, stop_grace_s=seconds)


@pytest.mark.parametrize(
    ("notice_s", "flush_s", "grace_s", "margin_s"),
    [
        (120, 0.1, 10, 24),  # EC2: a fifth of the notice is more than grace and flush need
        (120, 0.1, 60, 60.6),  # a grace gets half of what the flush leaves at most
        (120, 30, 10, 71),  # much to flush
        (30, 0.1, 10, 11.2),  # GCP and Azure
        (5, 0.1, 10, 3.1),  # too short for the grace: work and grace share what the flush leaves
        (5, 60, 10, 5),  # hopeless: flush at once
        (0, 0, 0, 0),
    ],
)
def test_margins_of_known_notices(notice_s: float, flush_s: float, grace_s: float, margin_s: float) -> None:
    pressure = Pressure(notice_s=notice_s, flush_estimate_s=flush_s, stop_grace_s=grace_s)
    assert plan_margin_s(pressure) == pytest.approx(margin_s)


@given(pressures)
def test_a_margin_is_within_the_notice_and_holds_the_flush_where_it_can(pressure: Pressure) -> None:
    margin_s = plan_margin_s(pressure)
    assert 0 <= margin_s <= pressure.notice_s
    assert margin_s >= min(pressure.notice_s, 2 * pressure.flush_estimate_s + 1) - 1e-9


@given(pressures, seconds)
def test_more_to_flush_never_makes_the_margin_shorter(pressure: Pressure, more_s: float) -> None:
    heavier = Pressure(
        notice_s=pressure.notice_s,
        flush_estimate_s=pressure.flush_estimate_s + more_s,
        stop_grace_s=pressure.stop_grace_s,
    )
    assert plan_margin_s(heavier) >= plan_margin_s(pressure) - 1e-9


@given(pressures)
def test_grace_and_flush_fit_into_the_margin(pressure: Pressure) -> None:
    margin_s = plan_margin_s(pressure)
    grace_s = plan_grace_s(
        left_s=margin_s, flush_estimate_s=pressure.flush_estimate_s, stop_grace_s=pressure.stop_grace_s
    )
    assert 0 <= grace_s <= pressure.stop_grace_s
    assert grace_s == 0 or grace_s + 2 * pressure.flush_estimate_s + 1 <= margin_s + 1e-6


def test_without_an_end_the_whole_grace_is_given() -> None:
    assert plan_grace_s(left_s=None, flush_estimate_s=100, stop_grace_s=10) == 10
