"""What the load will be when an instance bought now is ready, from the same time of the day before.

Used only where history supports it: a day of it at least, and in the last hour the forecast must have been nearer the
truth than "the same as now".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_DAY_MIN = 24 * 60
_HOUR_MIN = 60
_SMOOTH_MIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The demand expected, in replicas, and the mean errors of the last hour that speak for it."""

    demand: float
    error: float
    error_of_now: float

    @property
    def is_supported(self) -> bool:
        """Whether it did better in the last hour than to expect no change."""
        return self.error < self.error_of_now


def forecast_demand(minutes: Floats, *, ahead_min: int) -> Forecast | None:
    """Return what to expect `ahead_min` minutes from now, None without a day's whole history.

    `minutes` is the mean demand of each past minute, oldest first, the last one being the newest whole minute; NaN
    where unknown. The forecast is yesterday's at that time, times what the last hour was to yesterday's (0.5 to 2).
    """
    ahead_min = max(1, ahead_min)
    needed = _DAY_MIN + 2 * _HOUR_MIN + ahead_min + _SMOOTH_MIN
    if len(minutes) < needed:
        return None
    recent = minutes[-needed:]
    if np.isnan(recent).any():
        return None
    sums = np.concatenate(([0.0], np.cumsum(recent)))
    ends = len(recent) + 1 - np.arange(_HOUR_MIN, 0, -1)  # the moments of the last hour, as counts of known minutes
    predicted = _at(sums, ends - ahead_min, ahead_min)
    truth = recent[ends - 1]
    before = _mean(sums, ends - ahead_min, _SMOOTH_MIN)
    return Forecast(
        demand=float(_at(sums, np.array([len(recent)]), ahead_min)[0]),
        error=float(np.abs(predicted - truth).mean()),
        error_of_now=float(np.abs(before - truth).mean()),
    )


def _at(sums: Floats, moments: npt.NDArray[np.int64], ahead_min: int) -> Floats:
    """Forecast from each moment, knowing only the minutes before it."""
    yesterday = _mean(sums, moments - _DAY_MIN, _HOUR_MIN)
    ratio = np.clip(_mean(sums, moments, _HOUR_MIN) / np.maximum(yesterday, 1e-9), 0.5, 2.0)
    middle = moments - _DAY_MIN + ahead_min + _SMOOTH_MIN // 2
    return ratio * _mean(sums, middle, _SMOOTH_MIN)


def _mean(sums: Floats, ends: npt.NDArray[np.int64], width: int) -> Floats:
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / np.maximum(ends - starts, 1)
