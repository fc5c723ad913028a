"""Measurements over time in little room: the last minutes by the second, the last hours by the minute.

A ring keeps `size` points of its step; what it takes in between is joined into the point of that step: shares by their
mean, amounts of data at risk by their greatest, since the peak is what could have been lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

RINGS = ((1.0, 180), (10.0, 180), (120.0, 720))  # 3 minutes, 30 minutes, 24 hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was measured at one time: shares from 0 to 1, None where it is not known."""

    at: datetime
    cpu: float | None = None
    memory: float | None = None
    disk: float | None = None
    gpu: float | None = None
    dirty_bytes: int | None = None


@dataclass(slots=True)
class Ring:
    """Points `step_s` apart at the least, `size` of them at most."""

    step_s: float
    size: int
    _closed: deque[Sample] = field(init=False)
    _slot: int = -1
    _open: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._closed = deque(maxlen=self.size)

    def add(self, sample: Sample) -> None:
        """Take a sample; one that is older than the newest is joined to the newest."""
        slot = int(sample.at.timestamp() // self.step_s)
        if slot > self._slot:
            if self._open:
                self._closed.append(joined(self._open))
            self._slot, self._open = slot, []
        self._open.append(sample)

    @property
    def points(self) -> list[Sample]:
        """What it holds, oldest first."""
        return [*self._closed, joined(self._open)] if self._open else []

    @property
    def oldest_at(self) -> datetime | None:
        """From when on it knows."""
        first = next(iter(self._closed), None) or next(iter(self._open), None)
        return None if first is None else first.at

    @property
    def newest_at(self) -> datetime | None:
        """When its last sample was taken."""
        return self._open[-1].at if self._open else None


@dataclass(slots=True)
class Series:
    """Everything that is kept of one thing."""

    rings: tuple[Ring, ...] = field(default_factory=lambda: tuple(Ring(step, size) for step, size in RINGS))

    def add(self, sample: Sample) -> None:
        """Take a sample."""
        for ring in self.rings:
            ring.add(sample)

    def points(self, since: datetime, *, step: timedelta) -> list[Sample]:
        """Return what was measured since, in steps, oldest first, from the finest ring that reaches back so far."""
        reaching = [ring for ring in self.rings if ring.oldest_at is not None and ring.oldest_at <= since]
        chosen = next(iter(reaching), self.rings[-1])
        return thinned((point for point in chosen.points if point.at >= since), step=step)

    @property
    def newest_at(self) -> datetime | None:
        """When something was measured last."""
        return self.rings[0].newest_at


def thinned(samples: Iterable[Sample], *, step: timedelta) -> list[Sample]:
    """Join the samples of each step."""
    step_s = max(step.total_seconds(), 1e-3)
    slots: dict[int, list[Sample]] = {}
    for sample in samples:
        slots.setdefault(int(sample.at.timestamp() // step_s), []).append(sample)
    return [joined(slots[slot]) for slot in sorted(slots)]


def joined(samples: Sequence[Sample]) -> Sample:
    """Return one sample for all, at the time of the last."""
    dirty = [sample.dirty_bytes for sample in samples if sample.dirty_bytes is not None]
    return Sample(
        at=samples[-1].at,
        cpu=_mean([sample.cpu for sample in samples]),
        memory=_mean([sample.memory for sample in samples]),
        disk=_mean([sample.disk for sample in samples]),
        gpu=_mean([sample.gpu for sample in samples]),
        dirty_bytes=max(dirty) if dirty else None,
    )


def steps(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    """Return the moments from `since` to `until`, whole steps of UTC in between, both ends included."""
    step_s = max(step.total_seconds(), 1.0)
    first = (int(since.timestamp() // step_s) + 1) * step_s
    inner = []
    while first < until.timestamp():
        inner.append(datetime.fromtimestamp(first, UTC))
        first += step_s
    return [since, *inner, until] if since < until else [until]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None
