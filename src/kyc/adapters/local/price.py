"""Simulated spot prices: a mean-reverting random walk that is a pure function of seed, pool and time.

The logarithm of the price follows an AR(1) process in steps of 5 minutes, written as its moving average over past
noise (x_t = sum of a^k e_(t-k)), so that the price at any time needs no history, and is the same for all who ask.
"""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal

STEP_S = 300
_MEAN_SHARE = 0.30  # of the on-demand price
_REVERSION = 0.9  # what is left of a shock after one step
_NOISE = 0.07  # standard deviation of a step; that of the whole is _NOISE / sqrt(1 - _REVERSION^2) = 0.16
_TERMS = 60  # 0.9^60 < 0.002: older noise does not count
_LEAST_SHARE, _MOST_SHARE = 0.10, 0.90


def step_at(epoch_s: float) -> int:
    """Return the number of the price step that holds at the time."""
    return math.floor(epoch_s / STEP_S)


def spot_price_usd(on_demand: Decimal, *, seed: int, pool: str, step: int) -> Decimal:
    """Return the pool's spot price in the step, rounded to a hundredth of a cent."""
    walk = sum(_REVERSION**k * _NOISE * _normal(f"{seed}/{pool}/{step - k}") for k in range(_TERMS))
    share = min(_MOST_SHARE, max(_LEAST_SHARE, _MEAN_SHARE * math.exp(walk)))
    return (on_demand * Decimal(share)).quantize(Decimal("0.0001"))


def _normal(key: str) -> float:
    """Return a standard normal number that depends on the key only (Box-Muller)."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    u = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 1)
    v = int.from_bytes(digest[8:], "big") / 2**64
    return math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)
