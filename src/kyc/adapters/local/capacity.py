"""How many instances a pool has room for: a number that was set, or a recording of a real pool that is replayed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from kyc.adapters.local.fault import BAD_REQUEST, NO_CAPACITY, NO_QUOTA, Fault
from kyc.adapters.local.record import Record

DEFAULT_ROOM = 16  # a laptop's patience, not a price list's


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A recording: room in each tick of `gap_s`, played `speed` times as fast from `started_at` on, once."""

    counts: tuple[int, ...]
    gap_s: float
    speed: float
    notice_s: float
    started_at: float

    def room(self, now: float) -> int | None:
        """Return how many instances may run; None before and after the recording."""
        tick = int((now - self.started_at) * self.speed // self.gap_s)
        return self.counts[tick] if 0 <= tick < len(self.counts) else None

    def next_change(self, now: float) -> float | None:
        """Return when the room changes next, None if it never does again."""
        for tick in range(max(0, int((now - self.started_at) * self.speed // self.gap_s)) + 1, len(self.counts) + 1):
            if tick == len(self.counts) or self.counts[tick] != self.counts[tick - 1]:
                return self.started_at + tick * self.gap_s / self.speed
        return None


def replay_of(availability: str | list[int], *, gap_s: float, speed: float, notice_s: float, now: float) -> Replay:
    """Read a recording: a string of 0 and 1 (1: to be had, without limit), or a list of instances up."""
    if not availability or gap_s <= 0 or speed <= 0 or notice_s < 0:
        raise Fault(BAD_REQUEST, "a recording needs ticks, a positive gap and speed, and a notice of 0 or more")
    if isinstance(availability, str):
        if set(availability) - {"0", "1"}:
            raise Fault(BAD_REQUEST, "an availability string holds only 0 and 1")
        counts = tuple(DEFAULT_ROOM if tick == "1" else 0 for tick in availability)
    else:
        counts = tuple(int(count) for count in availability)
    return Replay(counts=counts, gap_s=gap_s, speed=speed, notice_s=notice_s, started_at=now)


@dataclass(slots=True)
class Capacity:
    """The room of every pool (`zone/type/spot` or `zone/type/on_demand`), and the account's spot quota."""

    room: dict[str, int] = field(default_factory=dict)
    replays: dict[str, Replay] = field(default_factory=dict)
    spot_quota: int | None = None

    def room_in(self, pool: str, now: float) -> int:
        """Return how many instances the pool can hold now."""
        replay = self.replays.get(pool)
        replayed = replay.room(now) if replay else None
        return replayed if replayed is not None else self.room.get(pool, DEFAULT_ROOM)

    def admit(self, pool: str, running: Iterable[Record], now: float) -> None:
        """Raise Fault if the pool or the quota has no room for one more than what is running."""
        living = list(running)
        if pool.endswith("/spot") and self.spot_quota is not None:
            spot = sum(1 for record in living if record.spot)
            if spot >= self.spot_quota:
                raise Fault(NO_QUOTA, f"Max spot instance count exceeded: {self.spot_quota} are allowed.")
        if sum(1 for record in living if pool_of(record) == pool) >= self.room_in(pool, now):
            zone, instance_type, purchase = pool.split("/")
            raise Fault(
                NO_CAPACITY,
                f"There is no {purchase.replace('_', '-')} capacity for {instance_type} in {zone} now.",
            )

    def excess(self, running: Iterable[Record], now: float) -> list[tuple[Record, float]]:
        """Return what a replayed pool has no room for any more, oldest first, each with its notice in seconds."""
        found: list[tuple[Record, float]] = []
        living = sorted((record for record in running if record.deadline_at is None), key=lambda one: one.requested_at)
        for pool, replay in self.replays.items():
            room = replay.room(now)
            if room is None:
                continue
            members = [record for record in living if pool_of(record) == pool]
            found += [(record, replay.notice_s) for record in members[: max(0, len(members) - room)]]
        return found

    def next_change(self, now: float) -> float | None:
        """Return when a replayed pool changes next."""
        changes = [change for one in self.replays.values() if (change := one.next_change(now)) is not None]
        return min(changes, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(raw: dict[str, Any]) -> Capacity:
        """Return what `to_json` made."""
        replays = {pool: Replay(**{**one, "counts": tuple(one["counts"])}) for pool, one in raw["replays"].items()}
        return Capacity(room=raw["room"], replays=replays, spot_quota=raw["spot_quota"])


def pool_of(record: Record) -> str:
    """Return the pool an instance draws from."""
    return pool_name(record.zone, record.instance_type, spot=record.spot)


def pool_name(zone: str, instance_type: str, *, spot: bool) -> str:
    """Return a pool's name."""
    return f"{zone}/{instance_type}/{'spot' if spot else 'on_demand'}"
