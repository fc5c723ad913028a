"""How often a pool takes its instances away, in interruptions per hour of one instance.

Three things are known, and each counts for what it is worth: what the provider says of the type in the region, what
happened to our own instances in the pool (the older, the less), and that a pool which has just taken one is about to
take more: of 2,635 real interruptions over 92 % came with others of the same type and zone within three minutes
(Spot-and-Scoot, arXiv 2604.16457).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kyc.domain.instance import Instance
from kyc.domain.offer import Offer, Pool, Purchase

UNKNOWN_PER_HOUR = 0.05  # where nobody says anything: far worse than any provider's band, so that knowing pays
MEMORY = timedelta(days=7)  # after which an own experience counts for 1/e
PRIOR_HOURS = 48.0  # the provider's word weighs as much as this many hours of our own
WAVE = timedelta(minutes=3)  # how long a wave of interruptions in one pool lasts (source above)
WAVE_CHANCE = 0.92  # that an interruption comes with another one
_HOURS_A_MONTH = 730.0
_LONGEST_H = 1e6  # keeps any number of hours within what a timedelta holds

# AWS Spot Advisor: the share of instances interrupted in the last month; the middle of each band as a rate,
# -ln(1 - share) / 730 h. The last band has no upper end; 25 % is taken.
BANDS: Mapping[str, float] = {
    band: -math.log1p(-share) / _HOURS_A_MONTH
    for band, share in {"<5%": 0.025, "5-10%": 0.075, "10-15%": 0.125, "15-20%": 0.175, ">20%": 0.25}.items()
}


def rate_of_band(band: str) -> float | None:
    """Return the interruptions per hour that a provider's band means; None for one that says nothing."""
    return BANDS.get(band)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRecord:
    """What we saw of one pool: hours run and interruptions, both faded by age, and the time of the last of these."""

    hours: float = 0.0
    interruptions: float = 0.0
    last_at: datetime | None = None


_NOTHING = PoolRecord()


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBook:
    """Our own record of every pool, as of `read_at`; empty at first."""

    pools: Mapping[Pool, PoolRecord] = field(default_factory=dict)
    read_at: datetime | None = None

    def rate(self, offer: Offer) -> float:
        """Return how many interruptions the offer is expected to have in the next hour; zero for on-demand."""
        return self.expected(offer, hours=1.0)

    def expected(self, offer: Offer, *, hours: float) -> float:
        """Return how many interruptions the offer is expected to have in the next hours; zero for on-demand."""
        if offer.purchase is Purchase.ON_DEMAND:
            return 0.0
        record = self.pools.get(offer.pool, _NOTHING)
        return self._steady(record, offer.interruptions_per_hour) * hours + self._wave(record, hours)

    def _steady(self, record: PoolRecord, told_per_hour: float | None) -> float:
        """The provider's word (None: unknown) and our record, weighed by hours (the mean of a Gamma posterior)."""
        prior = UNKNOWN_PER_HOUR if told_per_hour is None else max(0.0, told_per_hour)
        return (prior * PRIOR_HOURS + record.interruptions) / (PRIOR_HOURS + record.hours)

    def _wave(self, record: PoolRecord, hours: float) -> float:
        """What the last interruption still brings with it: WAVE_CHANCE right after it, fading with the wave."""
        if record.last_at is None or self.read_at is None:
            return 0.0
        age = max(timedelta(), self.read_at - record.last_at) / WAVE
        ahead = timedelta(hours=min(hours, _LONGEST_H)) / WAVE
        return WAVE_CHANCE * math.exp(-age) * -math.expm1(-ahead)


def read_risks(instances: Iterable[Instance], *, now: datetime) -> RiskBook:
    """Return the record that these instances make, ended ones too. Times in the future (clocks jump) count as now."""
    records: dict[Pool, PoolRecord] = {}
    for instance in instances:
        if instance.offer.purchase is Purchase.SPOT:
            pool = instance.offer.pool
            records[pool] = _with(records.get(pool, PoolRecord()), instance, now)
    return RiskBook(pools=records, read_at=now)


def _with(record: PoolRecord, instance: Instance, now: datetime) -> PoolRecord:
    hours = 0.0
    if instance.started_at is not None:
        end = min(instance.ended_at or now, now)
        hours = _faded_hours(instance.started_at, end, now=now)
    taken = instance.interrupted_at
    if taken is None:
        return PoolRecord(hours=record.hours + hours, interruptions=record.interruptions, last_at=record.last_at)
    taken = min(taken, now)
    last = taken if record.last_at is None else max(record.last_at, taken)
    weight = math.exp(-((now - taken) / MEMORY))
    return PoolRecord(hours=record.hours + hours, interruptions=record.interruptions + weight, last_at=last)


def _faded_hours(start: datetime, end: datetime, *, now: datetime) -> float:
    """The integral of exp(-age / MEMORY) over the time it ran, in hours."""
    if end <= start:
        return 0.0
    memory_h = MEMORY / timedelta(hours=1)
    return memory_h * (math.exp(-((now - end) / MEMORY)) - math.exp(-((now - start) / MEMORY)))
