"""The omniscient bound: the least a job could have cost, had the whole recording been known beforehand.

A backward dynamic programme over (tick, slack, what runs, its pending overhead), with the billing and overheads of
`simulate.job` and a hard deadline. It is exact where a part of the tick divides overhead and work, and else below the
true least cost: the overhead is then rounded down and the slack up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kyc.planning.deadline import JobTerms
from kyc.simulate.recording import Bools

Costs = NDArray[np.float64]
MOST_UNITS_A_TICK = 30


def omniscient_cost(terms: JobTerms, available: Bools) -> Costs:
    """Return the least cost in USD of each run, for `available` of shape (runs, ticks); infinite if none is in time."""
    grid = _Grid.of(terms)
    if terms.work_s <= 0:
        return np.zeros(len(available))
    if grid.slack < 0:
        return np.full(len(available), np.inf)
    free = np.zeros((len(available), grid.ticks), dtype=np.bool_)
    known = min(grid.ticks, available.shape[1])
    free[:, :known] = available[:, :known]
    values = _States.at_deadline(grid, len(free))
    for tick in range(grid.ticks - 1, -1, -1):
        values = values.before(grid, free[:, tick, None], grid.ticks - tick)
    return values.idle[:, grid.slack]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The problem in units of time."""

    ticks: int
    tick: int  # units a tick
    overhead: int
    slack: int
    spot: float  # USD a tick
    on_demand: float

    @classmethod
    def of(cls, terms: JobTerms) -> _Grid:
        ticks = max(0, math.floor(terms.deadline_s / terms.tick_s + 1e-9))
        units = _units_a_tick(terms.tick_s, terms.restart_overhead_s, terms.work_s)
        unit = terms.tick_s / units
        return cls(
            ticks=ticks,
            tick=units,
            overhead=math.floor(terms.restart_overhead_s / unit + 1e-9),
            slack=math.ceil((ticks * terms.tick_s - terms.work_s) / unit - 1e-9),
            spot=terms.spot_price * terms.tick_s / 3600,
            on_demand=terms.on_demand_price * terms.tick_s / 3600,
        )

    @property
    def pending(self) -> list[int]:
        """What is left of the overhead after one tick, two, ... to the first that leaves none."""
        levels = max(1, math.ceil(self.overhead / self.tick))
        return [max(0, self.overhead - level * self.tick) for level in range(1, levels + 1)]


@dataclass(frozen=True, slots=True)
class _States:
    """Least cost to finish, each of shape (runs, slack); what runs by how long it has run (`_Grid.pending`)."""

    idle: Costs
    spot: list[Costs]
    on_demand: list[Costs]

    @classmethod
    def at_deadline(cls, grid: _Grid, runs: int) -> _States:
        values = np.zeros((runs, grid.slack + 1))  # no time left: whoever has slack 0 or more has no work left
        return cls(values, [values] * len(grid.pending), [values] * len(grid.pending))

    def before(self, grid: _Grid, free: Bools, left: int) -> _States:
        """Return the values one tick earlier, with `left` ticks to go; `free` tells which runs have spot in it."""
        first = min(grid.overhead, grid.tick)
        wait = _spend(self.idle, grid.tick)
        launch = grid.on_demand + _spend(self.on_demand[0], first)
        on_spot = np.where(free, grid.spot + _spend(self.spot[0], first), np.inf)
        rest = np.minimum(wait, launch)
        spot, on_demand = [], []
        for level, pending in enumerate(grid.pending):
            following = min(level + 1, len(grid.pending) - 1)
            loss = min(pending, grid.tick)
            keep = np.where(free, grid.spot + _spend(self.spot[following], loss), np.inf)
            spot.append(np.minimum(rest, keep))
            held = grid.on_demand + _spend(self.on_demand[following], loss)
            on_demand.append(np.minimum(np.minimum(wait, on_spot), held))
        values = _States(np.minimum(rest, on_spot), spot, on_demand)
        values._finish(left * grid.tick)
        return values

    def _finish(self, left: int) -> None:
        """Set to nothing what it costs to finish where the slack is all the time there is: no work is left."""
        for values in (self.idle, *self.spot, *self.on_demand):
            values[:, left:] = 0


def _spend(values: Costs, units: int) -> Costs:
    """Return the values at so much less slack; infinite where there is not enough."""
    moved = np.full_like(values, np.inf)
    moved[:, units:] = values[:, : max(0, values.shape[1] - units)]
    return moved


def _units_a_tick(tick_s: float, *others_s: float) -> int:
    """Return into how many units to cut a tick so that the others are whole numbers of them; the most if none does."""

    def is_whole(parts: int) -> bool:
        return all(abs(other * parts / tick_s - round(other * parts / tick_s)) < 1e-9 for other in others_s)

    return next((parts for parts in range(1, MOST_UNITS_A_TICK + 1) if is_whole(parts)), MOST_UNITS_A_TICK)
