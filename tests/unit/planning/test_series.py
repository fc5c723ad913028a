"""Measurements in little room: nothing made up, peaks kept, bounded for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kyc.planning.series import RINGS, Ring, Sample, Series, steps

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_ring_joins_what_falls_into_one_step_and_forgets_the_oldest() -> None:
    ring = Ring(step_s=10, size=2)
    for second, cpu in ((0, 0.2), (5, 0.4), (10, 1.0), (20, 0.5), (30, 0.25)):
        ring.add(Sample(at=at(second), cpu=cpu, dirty_bytes=second))
    assert [(p.at, p.cpu, p.dirty_bytes) for p in ring.points] == [
        (at(10), 1.0, 10),
        (at(20), 0.5, 20),
        (at(30), 0.25, 30),
    ]


def test_the_peak_of_what_is_at_risk_is_kept_and_unknown_stays_unknown() -> None:
    series = Series()
    for second in range(60):
        series.add(Sample(at=at(second), cpu=0.5, dirty_bytes=100 if second == 31 else 0))
    points = series.points(at(0), step=timedelta(seconds=10))
    assert [p.dirty_bytes for p in points] == [0, 0, 0, 100, 0, 0]
    assert {p.cpu for p in points} == {0.5}
    assert {p.gpu for p in points} == {None}


def test_it_reaches_back_a_day_in_bounded_room() -> None:
    series = Series()
    for second in range(0, 2 * 86_400, 30):
        series.add(Sample(at=at(second), cpu=second / (2 * 86_400)))
    held = sum(len(ring.points) for ring in series.rings)
    assert held <= sum(size + 1 for _, size in RINGS)
    day = series.points(at(86_400), step=timedelta(minutes=10))
    assert day[0].at <= at(86_400 + 600)
    assert day[-1].at == at(2 * 86_400 - 30)
    assert [p.cpu for p in day] == sorted(p.cpu or 0 for p in day)


def test_a_clock_that_goes_back_breaks_nothing() -> None:
    ring = Ring(step_s=1, size=10)
    for second in (5, 4, 6):
        ring.add(Sample(at=at(second), cpu=0.5))
    assert [p.at for p in ring.points] == [at(4), at(6)]


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(1, 1e4))
def test_steps_begin_and_end_as_asked_and_rise(since_s: float, length_s: float, step_s: float) -> None:
    since, until = at(since_s), at(since_s + length_s)
    found = steps(since, until, timedelta(seconds=max(step_s, length_s / 50)))
    assert (found[0], found[-1]) == (since, until)
    assert found == sorted(found)
