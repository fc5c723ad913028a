"""Makes recordings up, for whoever has none: `kyc simulate trace`. They tell what spot is like, not what it was.

Spot comes and goes as the built-in availability prior says: each zone is in one of its regimes, and in another one
after some days. Requests follow the time of day, with noise and now and then a rush. The same seed makes the same
recording.
"""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
from numpy.random import Generator

from kyc.domain.errors import InvalidInputError
from kyc.planning.availability import AvailabilityPrior

ON_DEMAND_USD, SPOT_SHARE = 3.06, (0.25, 0.45)  # an hour; what spot costs of it, from the cheapest zone to the dearest
REGIME_DAYS = 3.0  # how long a regime lasts on average
MOST_DAYS, MOST_ZONES = 366, 50
REQUESTS_STEP_S, USUAL_RPS = 60, 20.0
RUSHES_A_DAY, RUSH_MINUTES, RUSH = 1.5, 20, 3.0


def write_spot(path: Path, *, zones: int, days: float, seed: int) -> None:
    """Write a recording of so many zones, for `simulate job`, `fleet` and `sweep`; gzip JSON."""
    _check(days)
    if not 1 <= zones <= MOST_ZONES:
        raise InvalidInputError(f"{zones} zones cannot be made", next_step=f"Ask for 1 to {MOST_ZONES}.")
    prior, rng = AvailabilityPrior.default(), np.random.default_rng(seed)
    steps = max(1, round(days * 86400 / prior.step_s))
    shares = np.linspace(*SPOT_SHARE, zones)
    made = {
        f"made-up-{place + 1}": {
            "gap_seconds": prior.step_s,
            "avail": "".join("1" if there else "0" for there in spot_of_zone(prior, steps, rng)),
            "spot_price_rle": [[0, round(ON_DEMAND_USD * float(shares[place]), 4)]],
        }
        for place in range(zones)
    }
    data = {"source": f"made up by kyc simulate trace --seed {seed}", "zones": made}
    path.write_bytes(gzip.compress(json.dumps(data).encode(), mtime=0))


def spot_of_zone(prior: AvailabilityPrior, steps: int, rng: Generator) -> list[bool]:
    """Return in which steps spot can be had, by the prior's chances to stay."""
    weights = np.array(prior.weights) / sum(prior.weights)
    regime, there, age, spell = int(rng.choice(len(weights), p=weights)), bool(rng.random() < 0.5), 1, 0
    leaves = prior.step_s / (REGIME_DAYS * 86400)
    states = []
    for _ in range(steps):
        states.append(there)
        if rng.random() < leaves:
            regime = int(rng.choice(len(weights), p=weights))
        stays = prior.at_age(prior.table[regime, int(there), spell], age * prior.step_s)
        if rng.random() < stays:
            age += 1
            continue
        if there:
            spell = prior.spell_of(age * prior.step_s)
        there, age = not there, 1
    return states


def write_requests(path: Path, *, days: float, seed: int) -> None:
    """Write the requests of each minute, for `simulate service`; CSV with t_seconds,requests."""
    _check(days)
    rng = np.random.default_rng(seed)
    minutes = max(1, round(days * 86400 / REQUESTS_STEP_S))
    at = np.arange(minutes) * REQUESTS_STEP_S
    by_day = 1 - 0.7 * np.cos(2 * math.pi * at / 86400)  # least at midnight
    rush = np.ones(minutes)
    for start in np.flatnonzero(rng.random(minutes) < RUSHES_A_DAY * REQUESTS_STEP_S / 86400):
        rush[start : start + RUSH_MINUTES] *= RUSH
    requests = rng.poisson(USUAL_RPS * REQUESTS_STEP_S * by_day * rush)
    lines = [f"{second},{count}" for second, count in zip(at.tolist(), requests.tolist(), strict=True)]
    path.write_text("\n".join(["t_seconds,requests", *lines]) + "\n", encoding="utf-8")


def _check(days: float) -> None:
    if not 0 < days <= MOST_DAYS:
        raise InvalidInputError(f"{days:g} days cannot be made", next_step=f"Ask for more than 0, at most {MOST_DAYS}.")
