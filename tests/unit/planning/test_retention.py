"""Which snapshots stay: properties over any history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.snapshot import SnapshotSummary
from kyc.planning.retention import Retention, Tier, plan_retention

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOURLY = Retention(
    last=3,
    tiers=(
        Tier(until=timedelta(hours=6), every=timedelta(hours=1)),
        Tier(until=timedelta(days=3), every=timedelta(days=1)),
    ),
)


def history(*minutes_ago: float, missed: frozenset[int] = frozenset()) -> list[SnapshotSummary]:
    ages = sorted(minutes_ago, reverse=True)
    return [
        SnapshotSummary(
            sequence=number,
            epoch=1,
            taken_at=NOW - timedelta(minutes=age),
            files=1,
            bytes=1,
            missed=("x",) if number in missed else (),
        )
        for number, age in enumerate(ages, 1)
    ]


def test_nothing_is_kept_of_nothing() -> None:
    assert plan_retention([], HOURLY, now=NOW) == {}


def test_the_newest_stay_and_the_rest_thins_out() -> None:
    snapshots = history(*[10 * number for number in range(200)])
    kept = plan_retention(snapshots, HOURLY, now=NOW)
    ages = sorted(
        (NOW - snapshot.taken_at).total_seconds() / 3600 for snapshot in snapshots if snapshot.sequence in kept
    )
    assert len([age for age in ages if age < 0.4]) == 3
    assert 6 <= len([age for age in ages if 0.4 <= age <= 6]) <= 7
    assert 1 <= len([age for age in ages if age > 6]) <= 3


def test_very_old_snapshots_stay_only_as_the_newest() -> None:
    kept = plan_retention(history(*[60 * 24 * days for days in range(30, 40)]), HOURLY, now=NOW)
    assert sorted(kept) == [8, 9, 10]


def test_the_newest_without_missed_files_stays() -> None:
    kept = plan_retention(
        history(*range(60 * 24 * 30, 60 * 24 * 30 + 10), missed=frozenset(range(4, 11))), HOURLY, now=NOW
    )
    assert kept[3] == "the newest that missed no file"


ages = st.lists(st.floats(0, 60 * 24 * 5, allow_nan=False), max_size=60)


@given(ages=ages, last=st.integers(0, 5))
def test_the_newest_always_stays(ages: list[float], last: int) -> None:
    snapshots = history(*ages)
    kept = plan_retention(snapshots, Retention(last=last, tiers=HOURLY.tiers), now=NOW)
    assert all(snapshot.sequence in kept for snapshot in snapshots[-max(1, last) :])


@given(ages=ages, steps=st.lists(st.integers(1, 600), max_size=8))
def test_thinning_step_by_step_keeps_a_history_of_every_span(ages: list[float], steps: list[int]) -> None:
    """Deciding often never loses more than deciding once, but for the day that is just leaving the last tier."""
    snapshots = history(*ages)
    left, now = snapshots, NOW
    for minutes in steps:
        now += timedelta(minutes=minutes)
        kept = plan_retention(left, HOURLY, now=now)
        left = [snapshot for snapshot in left if snapshot.sequence in kept]
    at_once = plan_retention(snapshots, HOURLY, now=now) if steps else {s.sequence for s in snapshots}
    leaving = {s.sequence for s in snapshots if now - s.taken_at > HOURLY.tiers[-1].until - HOURLY.tiers[-1].every}
    assert {snapshot.sequence for snapshot in left} >= set(at_once) - leaving
