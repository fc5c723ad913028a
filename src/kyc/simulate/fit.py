"""Learns an availability prior from recordings: a mixture of regimes, by expectation-maximisation.

Each recording is cut into segments of a few days; a segment is in one regime. What counts in a segment is how often a
state stayed and how often it turned, for both states, after each kind of last spell and at every age. A regime's
chances follow a smooth curve over the age, drawn to that of all recordings where it saw little. All regimes get the
same weight: how often a few zones were in one says little of another zone. The result goes to `planning.availability`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyc.domain.errors import InvalidInputError
from kyc.planning.availability import AvailabilityPrior
from kyc.simulate.recording import Bools, Recording

Floats = NDArray[np.float64]

AGES = (1, 2, 3, 6, 13, 28, 64, 160)  # in steps
SPELLS = (3, 12)
STEP_S = 600.0
SEGMENT_S = 3 * 86400.0
REGIMES = 5
OLDEST = 200  # ages beyond are taken as this one
LIMITS = (0.005, 0.9985)
ROUNDS = 30


def fit_prior(recordings: Iterable[Recording], *, regimes: int = REGIMES, source: str = "") -> AvailabilityPrior:
    """Return the prior of that many regimes; InvalidInputError where the recordings are too short to learn from."""
    looks = [(count, 1 / _offsets(one)) for one in recordings for count in _segments(one)]
    if not looks:
        raise InvalidInputError(f"nothing to learn from: no recording is {SEGMENT_S / 2 / 3600:.0f} hours long")
    counts, shares = np.array([count for count, _ in looks]), np.array([share for _, share in looks])
    stay = _maximise(counts.reshape(len(counts), 2, -1, 2), shares, regimes)
    rows = np.round(stay.reshape(regimes, *counts.shape[1:-1])[..., np.array(AGES) - 1], 4).tolist()
    return AvailabilityPrior(
        step_s=STEP_S,
        ages=AGES,
        weights=(1.0,) * regimes,
        stay=tuple((tuple(map(tuple, gone)), tuple(map(tuple, there))) for gone, there in rows),
        spells=SPELLS,
        source=source,
    )


def save_prior(prior: AvailabilityPrior, path: Path) -> None:
    """Write the prior as JSON."""
    path.write_text(prior.to_json() + "\n")


def load_prior(path: Path) -> AvailabilityPrior:
    """Return the prior in a file that `save_prior` wrote; InvalidInputError where there is none in it."""
    try:
        return AvailabilityPrior.from_json(path.read_text())
    except ValueError as error:
        raise InvalidInputError(f"{path} holds no prior: {error}", next_step="`kyc simulate fit` makes one.") from error


def _offsets(recording: Recording) -> int:
    """From how many of its ticks within a step a recording is looked at: all of it is used, as so many looks."""
    return max(1, int(STEP_S // recording.tick_s))


def _segments(recording: Recording) -> Iterable[Floats]:
    """Yield the counts of each segment, from each offset."""
    length = int(SEGMENT_S / STEP_S)
    for offset in range(_offsets(recording)):
        bits = recording.at(STEP_S, offset).available
        for start in range(0, len(bits) - length // 2, length):
            yield count_stays(bits[start : start + length])


def count_stays(bits: Bools) -> Floats:
    """Return how often it stayed and turned, of shape (2 states, spells, OLDEST ages, stayed or turned)."""
    counts = np.zeros((2, len(SPELLS) + 1, OLDEST, 2))
    spell, age = len(SPELLS) // 2, 1
    for here, following in zip(bits[:-1].tolist(), bits[1:].tolist(), strict=True):
        counts[int(here), spell, min(age, OLDEST) - 1, int(here != following)] += 1
        if here == following:
            age += 1
            continue
        if here:
            spell = int(np.searchsorted(SPELLS, age))
        age = 1
    return counts


def _curves() -> tuple[Floats, Floats, Floats]:
    """Return the curves' terms at every spell and age, how firmly each is drawn to the usual one, and that to 0."""
    ages = np.arange(1, OLDEST + 1)
    log = np.log2(ages)
    common = np.stack([np.ones(OLDEST), log, log**2, ages == 1, ages == 2], axis=-1)
    rows = []
    for spell in range(len(SPELLS) + 1):
        own = np.zeros((OLDEST, 2 * (len(SPELLS) + 1)))
        if spell != len(SPELLS) // 2:
            own[:, 2 * spell], own[:, 2 * spell + 1] = 1.0, log
        rows.append(np.concatenate([common, own], axis=-1))
    firmly = np.array([0.3, 3, 10, 2, 2] + [2.0, 5.0] * (len(SPELLS) + 1))
    loosely = np.array([0.01] * 5 + [1.0] * 2 * (len(SPELLS) + 1))
    return np.concatenate(rows), firmly, loosely


TERMS, FIRMLY, LOOSELY = _curves()


def _logistic(counts: Floats, around: Floats, firmness: Floats) -> Floats:
    """Return the weights of the likeliest curve for counts of shape (spells * ages, stayed or turned), by Newton."""
    weights, seen = around.copy(), counts.sum(1) > 0
    terms, looks, stayed = TERMS[seen], counts[seen].sum(1), counts[seen, 0]
    for _ in range(15):
        chances = _sigmoid(terms @ weights)
        slope = terms.T @ (looks * chances - stayed) + firmness * (weights - around)
        bend = (terms * (looks * chances * (1 - chances))[:, None]).T @ terms + np.diag(firmness)
        step = np.clip(np.linalg.solve(bend, slope), -2, 2)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _maximise(counts: Floats, shares: Floats, regimes: int) -> Floats:
    """Return the regimes' chances to stay: (regimes, 2, spells * ages). They begin as levels of availability.

    `shares`: how much each segment counts, less than 1 where the same hours are looked at several times.
    """
    levels = counts[:, 1].sum((1, 2)) / counts.sum((1, 2, 3))
    members = np.eye(regimes)[np.minimum((levels * regimes).astype(int), regimes - 1)] * 0.9 + 0.1 / regimes
    zeros, stay = np.zeros(TERMS.shape[1]), np.empty(0)
    pooled = np.einsum("n,nsac->sac", shares, counts)
    usual = [_logistic(pooled[state], zeros, LOOSELY) for state in (0, 1)]
    for _ in range(ROUNDS):
        weights = (members.sum(0) + 0.5) / (len(counts) + 0.5 * regimes)
        seen = np.einsum("nk,nsac->ksac", members * shares[:, None], counts)
        fits = [[_logistic(kind[state], usual[state], FIRMLY) for state in (0, 1)] for kind in seen]
        stay = np.clip(_sigmoid(np.array(fits) @ TERMS.T), *LIMITS)
        members = np.log(weights) + np.einsum("nsa,ksa->nk", counts[..., 0], np.log(stay))
        members += np.einsum("nsa,ksa->nk", counts[..., 1], np.log(1 - stay))
        members = np.exp(members - members.max(1, keepdims=True))
        members /= members.sum(1, keepdims=True)
    return stay


def _sigmoid(values: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-values))
    return result
