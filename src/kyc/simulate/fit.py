"""Learns an availability prior from recordings: a mixture of semi-Markov regimes, by expectation-maximisation.

Each recording is cut into segments of a few days; a segment is in one regime. What counts in a segment is, for both
states and every age, how often the state stayed and how often it turned. The result goes to `planning.availability`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyc.planning.availability import AvailabilityPrior
from kyc.simulate.recording import Bools, Recording

Floats = NDArray[np.float64]

AGES = (1, 2, 3, 5, 9, 17, 33)  # in steps
STEP_S = 600.0
SEGMENT_S = 3 * 86400.0
PSEUDO_COUNTS = 2.0  # a regime's chance to stay is drawn to that of all recordings by so many observations
LIMITS = (0.01, 0.9995)


def fit_prior(
    recordings: Iterable[Recording], *, regimes: int = 6, source: str = "", rng: np.random.Generator | None = None
) -> AvailabilityPrior:
    """Return the prior of the given number of regimes; ValueError where the recordings are too short to learn from."""
    counts = np.array([count for one in recordings for count in _segments(one)])
    if not len(counts):
        raise ValueError(f"nothing to learn from: no recording is {SEGMENT_S / 2 / 3600:.0f} hours long")
    weights, stay = _best_of(counts, regimes, rng or np.random.default_rng(0))
    return AvailabilityPrior(
        step_s=STEP_S,
        ages=AGES,
        weights=tuple(np.round(weights, 5).tolist()),
        stay=tuple((tuple(gone), tuple(there)) for gone, there in np.round(stay, 5).tolist()),
        source=source,
    )


def save_prior(prior: AvailabilityPrior, path: Path) -> None:
    """Write the prior as JSON."""
    path.write_text(prior.to_json() + "\n")


def load_prior(path: Path) -> AvailabilityPrior:
    """Return the prior in a file that `save_prior` wrote; ValueError where there is none in it."""
    return AvailabilityPrior.from_json(path.read_text())


def _segments(recording: Recording) -> Iterable[Floats]:
    """Yield the counts of each segment, of shape (2, ages, stayed or turned).

    A recording finer than a step is looked at from each of its ticks within the step in turn, which uses all of it.
    """
    length = int(SEGMENT_S / STEP_S)
    for offset in range(max(1, int(STEP_S // recording.tick_s))):
        bits = recording.at(STEP_S, offset).available
        for start in range(0, len(bits) - length // 2, length):
            yield count_stays(bits[start : start + length])


def count_stays(bits: Bools) -> Floats:
    """Return, by state and age bucket, how often it stayed and how often it turned: shape (2, ages, 2)."""
    counts = np.zeros((2, len(AGES), 2))
    same = bits[1:] == bits[:-1]
    places = np.arange(len(bits))
    turned_at = np.maximum.accumulate(np.where(np.append(True, ~same), places, 0))
    buckets = np.searchsorted(AGES, places - turned_at + 1, side="right") - 1
    np.add.at(counts, (bits[:-1].astype(int), buckets[:-1], 1 - same.astype(int)), 1)
    return counts


def _best_of(counts: Floats, regimes: int, rng: np.random.Generator, starts: int = 6) -> tuple[Floats, Floats]:
    """Return weights and chances of the likeliest of several fits from random starts."""
    fits = [_maximise(counts, rng.dirichlet(np.full(regimes, 0.3), len(counts))) for _ in range(starts)]
    _, weights, stay = max(fits, key=lambda fit: fit[0])
    order = np.argsort(weights)[::-1]
    return weights[order], stay[order]


def _maximise(counts: Floats, members: Floats, rounds: int = 200) -> tuple[float, Floats, Floats]:
    """Return log-likelihood, weights and chances to stay, from a first guess of each segment's regime."""
    pooled = counts.sum(0)
    usual = (pooled[..., 0] + 1) / (pooled.sum(-1) + 2)
    regimes, total = members.shape[1], 0.0
    for _ in range(rounds):
        weights = (members.sum(0) + 0.5) / (len(counts) + 0.5 * regimes)
        seen = np.einsum("nk,nbac->kbac", members, counts)
        stay = (seen[..., 0] + 2 * PSEUDO_COUNTS * usual) / (seen.sum(-1) + 2 * PSEUDO_COUNTS)
        stay = np.clip(stay, *LIMITS)
        members = np.log(weights) + np.einsum("nba,kba->nk", counts[..., 0], np.log(stay))
        members += np.einsum("nba,kba->nk", counts[..., 1], np.log(1 - stay))
        peak = members.max(1, keepdims=True)
        total = float((peak[:, 0] + np.log(np.exp(members - peak).sum(1))).sum())
        members = np.exp(members - peak)
        members /= members.sum(1, keepdims=True)
    return total, weights, stay
