"""A recorded request trace as arrivals per second, the only thing the service simulator knows of the world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kyc.domain.errors import InvalidInputError

Floats = npt.NDArray[np.float64]

_COLUMNS = "t_seconds,requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Requests in each second; `cumulative[t]` is how many came before second `t` (one longer than `per_second`)."""

    per_second: Floats
    cumulative: Floats

    @property
    def seconds(self) -> int:
        """How long the trace is."""
        return len(self.per_second)

    @property
    def total(self) -> float:
        """How many requests it has."""
        return float(self.cumulative[-1])

    def mean(self, start: int, end: int) -> float:
        """Return the mean requests/s of the seconds `start` (0 if earlier) to before `end`; 0 for an empty span."""
        start = max(0, start)
        if end <= start:
            return 0.0
        return float(self.cumulative[end] - self.cumulative[start]) / (end - start)


def arrivals_of(per_second: Floats) -> Arrivals:
    """Return the arrivals with their sums."""
    return Arrivals(per_second=per_second, cumulative=np.concatenate(([0.0], np.cumsum(per_second))))


def read_arrivals(path: Path, *, scale: float = 1.0, seed: int = 7) -> Arrivals:
    """Read a CSV with the columns t_seconds,requests (arrivals in [t, t + step)) as arrivals per second.

    Whole counts per second are taken as they are. A coarser step, or a scale, gives a rate (interpolated between the
    steps' mid-points), from which each second is drawn as a Poisson number. Raise InvalidInputError for other content.
    """
    times, counts = _read_columns(path)
    step = _step(path, times)
    if step == 1 and scale == 1:
        return arrivals_of(counts)
    seconds = np.arange(round(len(times) * step))
    rate = np.interp(seconds, times - times[0] + step / 2, counts * (scale / step))
    return arrivals_of(np.random.default_rng(seed).poisson(rate).astype(np.float64))


def _read_columns(path: Path) -> tuple[Floats, Floats]:
    try:
        with path.open(encoding="utf-8") as lines:
            header = lines.readline().strip().replace(" ", "")
            if header != _COLUMNS:
                raise InvalidInputError(f"{path}: the first line is {header!r}", next_step=f"Make it {_COLUMNS!r}.")
            rows = np.loadtxt(lines, delimiter=",", ndmin=2, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path}: {error}", next_step=f"Give a CSV with the columns {_COLUMNS}.") from error
    if len(rows) < 2 or not np.isfinite(rows).all() or (rows[:, 1] < 0).any():
        raise InvalidInputError(f"{path}: needs two rows at least, of finite numbers, no count below 0")
    return rows[:, 0].copy(), rows[:, 1].copy()


def _step(path: Path, times: Floats) -> float:
    steps = np.diff(times)
    if steps[0] <= 0 or not np.allclose(steps, steps[0]):
        raise InvalidInputError(f"{path}: t_seconds must grow by the same step in each row")
    return float(steps[0])
