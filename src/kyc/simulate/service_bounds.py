"""What no policy can beat: the cost of a service run with perfect knowledge of its requests.

- fluid: capacity follows the load exactly, in fractions of an instance, one replica at least;
- oracle: nobody is ever refused; each level of instances is rented or given back with the future known (ski rental);
- clairvoyant: the oracle without its least useful rentals, at a given share of requests over capacity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kyc.simulate.service_trace import Arrivals, Floats
from kyc.simulate.service_world import Physics


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """One instance of a level held over a time: what it costs (instance-seconds) and the requests only it serves."""

    level: int
    instance_seconds: int
    requests: float


def fluid_hours(arrivals: Arrivals, physics: Physics) -> float:
    """Return the instance-hours of capacity that follows the load exactly: the lower bound of every policy."""
    per_instance = physics.capacity_rps * physics.replicas_per_instance
    least = physics.capacity_rps * physics.min_replicas
    return float(np.maximum(arrivals.per_second, least).sum()) / per_instance / 3600


def oracle_rentals(arrivals: Arrivals, physics: Physics) -> list[Rental]:
    """Return the cheapest rentals that serve every request in its second, with free moves between instances.

    The first instance is always held. Each further one is held over the seconds in which the load reaches its level,
    and over a gap between them if giving it back would not pay for starting it again.
    """
    per_instance = physics.capacity_rps * physics.replicas_per_instance
    load = arrivals.per_second
    rentals = [Rental(level=0, instance_seconds=arrivals.seconds, requests=arrivals.total)]
    level = 1
    while (above := np.clip(load - level * per_instance, 0, per_instance)).any():
        rentals += _rentals_of_level(level, above, start_s=physics.instance_start_s)
        level += 1
    return rentals


def _rentals_of_level(level: int, above: Floats, *, start_s: int) -> list[Rental]:
    needed = np.flatnonzero(above > 0)
    breaks = np.flatnonzero(np.diff(needed) - 1 > start_s)
    firsts = needed[np.concatenate(([0], breaks + 1))]
    lasts = needed[np.concatenate((breaks, [len(needed) - 1]))]
    sums = np.concatenate(([0.0], np.cumsum(above)))
    return [
        Rental(
            level=level,
            instance_seconds=int(last + 1 - first + min(start_s, first)),
            requests=float(sums[last + 1] - sums[first]),
        )
        for first, last in zip(firsts, lasts, strict=True)
    ]


def oracle_hours(arrivals: Arrivals, physics: Physics) -> float:
    """Return the instance-hours of perfect knowledge with no request over capacity."""
    return sum(rental.instance_seconds for rental in oracle_rentals(arrivals, physics)) / 3600


def clairvoyant_hours(arrivals: Arrivals, physics: Physics, *, over_share: float) -> float:
    """Return the instance-hours of the oracle that drops its rentals with the fewest requests per instance-second,
    as long as no more than `over_share` of the requests is lost: reachable with perfect knowledge, near the optimum.
    """
    rentals = oracle_rentals(arrivals, physics)
    allowed = over_share * arrivals.total
    seconds = sum(rental.instance_seconds for rental in rentals)
    droppable = [rental for rental in rentals if rental.level > 0]
    for rental in sorted(droppable, key=lambda rental: rental.requests / rental.instance_seconds):
        if rental.requests <= allowed:
            allowed -= rental.requests
            seconds -= rental.instance_seconds
    return seconds / 3600
