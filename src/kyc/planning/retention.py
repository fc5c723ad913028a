"""Which snapshots stay: the newest few, and a history that gets thinner the further back it goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kyc.domain.snapshot import SnapshotSummary

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Of the snapshots younger than `until`, one for each `every` stays."""

    until: timedelta
    every: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The newest `last` stay whatever their age; the tiers go from the youngest to the oldest.

    Each tier's `every` should be a multiple of the one before, so that what a younger tier kept is there for the older.
    """

    last: int = 10
    tiers: tuple[Tier, ...] = (
        Tier(until=timedelta(hours=1), every=timedelta(minutes=5)),
        Tier(until=timedelta(days=1), every=timedelta(hours=1)),
        Tier(until=timedelta(days=14), every=timedelta(days=1)),
    )


def plan_retention(snapshots: Iterable[SnapshotSummary], retention: Retention, *, now: datetime) -> dict[int, str]:
    """Return the sequences that stay, each with its reason; all others may go.

    The newest always stays, and so does the newest that missed no file. Of a tier's span the oldest stays, so that one
    decision does not undo the next.
    """
    newest_first = sorted(snapshots, key=lambda snapshot: snapshot.sequence, reverse=True)
    kept: dict[int, str] = {}
    for snapshot in newest_first[: max(1, retention.last)]:
        kept[snapshot.sequence] = f"one of the newest {max(1, retention.last)}"
    whole = next((snapshot for snapshot in newest_first if not snapshot.missed), None)
    if whole is not None:
        kept.setdefault(whole.sequence, "the newest that missed no file")
    taken: set[tuple[timedelta, int]] = set()
    for snapshot in reversed(newest_first):
        tier = _tier(retention, now - snapshot.taken_at)
        if tier is None:
            continue
        span = (tier.every, (snapshot.taken_at - _EPOCH) // tier.every)
        if span not in taken:
            taken.add(span)
            kept.setdefault(snapshot.sequence, f"the first within {tier.every}")
    return kept


def _tier(retention: Retention, age: timedelta) -> Tier | None:
    return next((tier for tier in retention.tiers if age <= tier.until), None)
