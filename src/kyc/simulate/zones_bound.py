"""The omniscient bound for several zones: the least a job could have cost, had all recordings been known beforehand.

As `simulate.bound`, with one more thing to run on for each zone, each tick at that zone's own price. A move between two
zones pays the overhead. Below the true least cost where the overhead or the deadline is not a whole number of units.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kyc.planning.zones import ZonesTerms
from kyc.simulate.zones import Fleet

Costs = NDArray[np.float64]
UNITS_A_TICK = 13  # of 195 s: 15 s, which divides the usual overheads


def zones_cost(terms: ZonesTerms, fleet: Fleet, *, units: int = UNITS_A_TICK) -> float:
    """Return the least cost in USD of a job that ends in time; infinite where none can."""
    if terms.work_s <= 0:
        return 0.0
    ticks = max(0, math.floor(terms.deadline_s / terms.tick_s + 1e-9))
    unit_s = terms.tick_s / units
    slack = math.ceil((ticks * terms.tick_s - terms.work_s) / unit_s - 1e-9)
    if slack < 0:
        return math.inf
    overhead = math.floor(terms.restart_overhead_s / unit_s + 1e-9)
    levels = [max(0, overhead - (level + 1) * units) for level in range(max(1, math.ceil(overhead / units)))]
    kinds = len(fleet.zones) + 1  # the last one is on demand
    idle = np.zeros(slack + 1)
    held = np.zeros((kinds, len(levels), slack + 1))
    for tick in range(ticks - 1, -1, -1):
        price = np.full((kinds, 1), math.inf)
        price[-1] = terms.on_demand_price
        for zone, usd in fleet.live(tick).items():
            price[fleet.zones.index(zone)] = usd
        price *= terms.tick_s / 3600
        launch = (price + _spend(held[:, 0], min(overhead, units))).min(axis=0)
        rest = np.minimum(_spend(idle, units), launch)
        earlier = np.empty_like(held)
        for level, pending in enumerate(levels):
            after = held[:, min(level + 1, len(levels) - 1)]
            earlier[:, level] = np.minimum(rest, price + _spend(after, min(pending, units)))
        idle, held = rest, earlier
        left = (ticks - tick) * units
        idle[left:] = 0
        held[..., left:] = 0
    return float(idle[slack])


def _spend(values: Costs, units: int) -> Costs:
    """Return the values at so much less slack; infinite where there is not enough."""
    moved = np.full_like(values, np.inf)
    moved[..., units:] = values[..., : max(0, values.shape[-1] - units)]
    return moved
