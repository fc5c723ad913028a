"""What load asks for, in replicas: any signal becomes a demand, and the chance of more demand than capacity.

One unit for all signals: a demand of 3.2 means that 3.2 replicas would be used to their target.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kyc.domain.service import SignalKind, Target

Floats = npt.NDArray[np.float64]

_WHOLE = frozenset({SignalKind.REQUESTS, SignalKind.CONCURRENCY, SignalKind.QUEUE, SignalKind.CUSTOM})
_SATURATED_PERCENT = 98.0
_MISSING_LOOK_S = 10
_LATENCY_STEP = 2.0  # latency says whether there is too much load, not how much: one look at most doubles or halves


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A signal's value at a second (since any fixed time); None where it could not be read."""

    second: int
    value: float | None


def demand_of(target: Target, value: float, *, ready_replicas: int) -> float:
    """Return the demand that a signal's value means, in replicas; NaN for a value that cannot be.

    A CPU that is used up hides how much more is asked for, so it counts as a doubling.
    """
    if not math.isfinite(value) or value < 0 or target.per_replica <= 0:
        return math.nan
    if target.kind in _WHOLE:
        return value / target.per_replica
    if ready_replicas == 0:
        return 0.0
    ratio = value / target.per_replica
    if target.kind is SignalKind.LATENCY:
        ratio = min(_LATENCY_STEP, max(1 / _LATENCY_STEP, ratio))
    elif value >= _SATURATED_PERCENT:
        ratio = max(2.0, ratio)
    return ready_replicas * ratio


def demand_series(readings: Iterable[Reading], *, now: int, span_s: int, carry_s: int = 5) -> Floats:
    """Return the demand of each of the last `span_s` whole seconds before `now`, newest last; NaN where unknown.

    `readings` hold demands. A reading holds on for up to `carry_s` seconds until the next one; of several in one
    second the last counts. A gap is unknown, never 0: a signal that is not there says nothing about the load.
    """
    series = np.full(span_s, math.nan)
    start = now - span_s
    for reading in sorted(readings, key=lambda item: item.second):
        index = reading.second - start
        if not -carry_s <= index < span_s:
            continue
        value = math.nan if reading.value is None else reading.value
        series[max(0, index) : max(0, index + carry_s)] = value
    return series


def busiest(series: Sequence[Floats]) -> Floats:
    """Return the largest demand of several signals in each second; unknown only where all of them are."""
    if not series:
        return np.zeros(0)
    known = np.stack(series)
    blank = np.isnan(known)
    return np.where(blank.all(axis=0), math.nan, np.where(blank, -math.inf, known).max(axis=0))


def is_missing(series: Floats) -> bool:
    """Say whether a signal is unknown now, or was a moment ago: what has just come back is not trusted at once."""
    return bool(np.isnan(series[-_MISSING_LOOK_S:]).any())


def grain_of(target: Target, demand: Floats) -> float:
    """Return the size of one event in replicas: how coarse the demand's chance is (variance / mean).

    Requests come one by one and are gone within their second (Poisson), so each is 1 / target. What else may come
    is measured from second to second (von Neumann, 1941: half the mean square of successive differences).
    """
    if target.kind is SignalKind.REQUESTS:
        return 1 / target.per_replica
    known = demand[~np.isnan(demand)]
    mean = float(known.mean()) if len(known) else 0.0
    if len(known) < 2 or mean <= 0:
        return 0.0
    return float(np.square(np.diff(known)).mean()) / 2 / mean


def excess(mean: float, capacity: float, grain: float) -> float:
    """Return the expected demand above the capacity, all in replicas: E max(0, X - capacity).

    X is `grain` times a Poisson number; a grain of 0 means that X is always its mean.
    """
    if grain <= 0 or mean <= 0:
        return max(0.0, mean - capacity)
    return grain * _poisson_excess(round(mean / grain, 3), round(capacity / grain, 3))


@lru_cache(maxsize=8192)
def _poisson_excess(mean: float, above: float) -> float:
    """Return E max(0, N - above) of a Poisson number; by the normal law where the mean is large."""
    if mean <= 0:
        return 0.0
    spread = math.sqrt(mean)
    z = (above - mean) / spread
    if z > 9:
        return 0.0
    if mean > 400:
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return spread * (density - z * math.erfc(z / math.sqrt(2)) / 2)
    return _sum_excess(mean, above)


def _sum_excess(mean: float, above: float) -> float:
    number = max(0, math.floor(above) + 1)
    chance = math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
    total = 0.0
    while chance > 1e-15 or number < mean:
        total += (number - above) * chance
        number += 1
        chance *= mean / number
    return total
