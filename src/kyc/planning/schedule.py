"""Floors that a person has set for known times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from kyc.domain.service import Schedule


def scheduled_floor(schedules: Iterable[Schedule], *, now: datetime, lead: timedelta) -> int:
    """Return the replicas that the schedules ask for now, or will within `lead` (the time a new instance takes)."""
    moments = (now, now + lead)
    return max((s.min_replicas for s in schedules if any(is_in_force(s, at) for at in moments)), default=0)


def is_in_force(schedule: Schedule, at: datetime) -> bool:
    """Say whether the schedule holds at the time (UTC); one that ends before it starts goes on after midnight."""
    clock, day = at.time().replace(tzinfo=None), at.weekday()
    if schedule.starts <= schedule.ends:
        return day in schedule.days and schedule.starts <= clock < schedule.ends
    if clock >= schedule.starts:
        return day in schedule.days
    return clock < schedule.ends and (day - 1) % 7 in schedule.days
