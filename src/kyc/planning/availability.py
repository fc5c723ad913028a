"""How long spot capacity stays and stays away: a prior learned from recordings, and the belief a job forms from it.

A zone is in one of a few hidden regimes ("nearly always there", "flapping", "gone for hours"), and after some days in
another one: what was seen long ago says less than what was seen just now. Within a regime the chance that the capacity
stays as it is depends on how long it has been so, and on how long it was last there without a break: short spells
follow short ones. The prior holds the regimes; the belief weighs them by what was seen, tick by tick, also while the
job waits or runs on demand.
Used by `planning.deadline` and `planning.zones`; fitted by `simulate.fit`. It decides nothing and reads no file.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from kyc.domain.course import Learned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Numbers = TypeVar("Numbers", NDArray[np.float32], NDArray[np.float64])

FIRST_AGE_STEPS = 6  # what is seen first began before: the middle of what a look at any time comes upon
REGIME_S = 2 * 86400.0  # how long a zone stays in a regime, on average
LEAST_CHANCE = 1e-4  # nothing stays for certain: a belief that rules a regime out could never come back


@dataclass(frozen=True, kw_only=True)
class AvailabilityPrior:
    """Regimes of spot availability, as fitted from recordings.

    `stay[regime][state][spell][age]` is the chance that a zone which is gone (state 0) or there (state 1) is still so
    `step_s` seconds later, at the `ages` in steps (from 1; between two of them by a straight line). `spells` are the
    greatest lengths in steps of all kinds of the last spell but the longest; none: it makes no difference.
    `weights[regime]` is how likely a zone is in that regime before anything is seen. `source` tells its origin.
    """

    step_s: float
    ages: tuple[int, ...]
    weights: tuple[float, ...]
    stay: tuple[tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]], ...]
    spells: tuple[int, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step_s) and self.step_s > 0):
            raise ValueError(f"step_s is {self.step_s}: it must be a positive number of seconds")
        if self.ages[:1] != (1,) or list(self.ages) != sorted(set(self.ages)):
            raise ValueError(f"ages are {self.ages}: they must rise, from 1")
        if len(self.stay) != len(self.weights) or min(self.weights, default=-1.0) < 0 or sum(self.weights) <= 0:
            raise ValueError("there must be one weight, zero or more, for each regime, and one above zero")
        kinds = [kind for regime in self.stay for kind in regime]
        if any(len(kind) != len(self.spells) + 1 or any(len(row) != len(self.ages) for row in kind) for kind in kinds):
            raise ValueError("stay must have one chance for each age, after each kind of spell, in both states")

    @classmethod
    def default(cls) -> AvailabilityPrior:
        """Return the built-in prior (see `planning.prior` for what it was fitted to)."""
        from kyc.planning.prior import DEFAULT  # noqa: PLC0415 - it needs this class

        return DEFAULT

    @classmethod
    def from_json(cls, text: str) -> AvailabilityPrior:
        """Return the prior that `to_json` wrote; ValueError where the text is not one."""
        try:
            data: dict[str, Any] = json.loads(text)
            stay = tuple((tuple(map(tuple, gone)), tuple(map(tuple, there))) for gone, there in data["stay"])
            return cls(
                step_s=float(data["step_s"]),
                ages=tuple(data["ages"]),
                weights=tuple(data["weights"]),
                stay=stay,
                spells=tuple(data.get("spells", ())),
                source=str(data.get("source", "")),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an availability prior: {error!r}") from error

    def to_json(self) -> str:
        """Return the prior as one JSON object."""
        return json.dumps(
            {
                "step_s": self.step_s,
                "ages": self.ages,
                "weights": self.weights,
                "stay": self.stay,
                "spells": self.spells,
                "source": self.source,
            }
        )

    @cached_property
    def table(self) -> Array:
        """The chances to stay as an array of shape (regimes, 2, spells, ages), kept off 0 and 1."""
        import numpy as np  # noqa: PLC0415 - importing the module stays cheap

        return np.clip(np.array(self.stay, dtype=np.float64), LEAST_CHANCE, 1 - LEAST_CHANCE)

    @cached_property
    def shares(self) -> Array:
        """The weights, in sum 1."""
        import numpy as np  # noqa: PLC0415

        weights = np.array(self.weights, dtype=np.float64)
        shares: Array = weights / weights.sum()
        return shares

    def spell_of(self, age_s: float) -> int:
        """Return the kind of a spell of that length."""
        return bisect_left(self.spells, age_s / self.step_s - 1e-9)

    def stays(self, there: bool, spell: int, age_s: float, span_s: float) -> Array:
        """Return, for each regime, the chance that a zone stays as it has been for `age_s` through `span_s` more."""
        chances = self.at_age(self.table[:, int(there), spell], age_s)
        return chances if span_s == self.step_s else chances ** (span_s / self.step_s)

    def at_age(self, chances: Array, age_s: float) -> Array:
        """Return the chances, whose last axis are the ages, at one age."""
        age, ages = age_s / self.step_s, self.ages
        high = bisect_right(ages, age)
        if high == 0 or high == len(ages):
            return chances[..., max(0, high - 1)]
        share = (age - ages[high - 1]) / (ages[high] - ages[high - 1])
        at: Array = chances[..., high - 1] + share * (chances[..., high] - chances[..., high - 1])
        return at


def mixed(values: Numbers, others: Numbers, span_s: float) -> Numbers:
    """Return the values of the regimes after that time, in which the zone may have come into any of the `others`."""
    stays = math.exp(-span_s / REGIME_S)
    return stays * values + (1 - stays) * others


@dataclass(slots=True, kw_only=True)
class Belief:
    """What is believed of one zone: the weight of each regime, whether it is there, for how long it has been so.

    `spell` is the kind of its last spell there; where none was seen to its end it is one of the middle kind.
    """

    prior: AvailabilityPrior
    weights: Array = field(init=False)
    there: bool | None = field(init=False, default=None)
    age_s: float = field(init=False, default=0.0)
    spell: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.weights = self.prior.shares
        self.spell = len(self.prior.spells) // 2

    def learned(self) -> Learned | None:
        """Return what is to be kept; None where nothing was seen yet."""
        if self.there is None:
            return None
        weights = tuple(round(weight, 9) for weight in self.weights.tolist())
        return Learned(source=self.prior.source, weights=weights, there=self.there, age_s=self.age_s, spell=self.spell)

    def recall(self, learned: Learned) -> bool:
        """Take up what was kept; False, and nothing is changed, where it is of another prior."""
        fits = learned.source == self.prior.source and len(learned.weights) == len(self.weights)
        if not fits or sum(learned.weights) <= 0:
            return False
        self.weights = self.weights * 0 + learned.weights
        self.weights /= self.weights.sum()
        self.there, self.age_s = learned.there, learned.age_s
        self.spell = min(learned.spell, len(self.prior.spells))
        return True

    def observe(self, there: bool, span_s: float) -> None:
        """Take in that the zone is or is not there, `span_s` after the last look (Bayes' rule over the regimes)."""
        if self.there is None:
            self.there, self.age_s = there, max(span_s, FIRST_AGE_STEPS * self.prior.step_s)
            return
        stayed = self.stays(span_s)
        likelihood = stayed if there == self.there else 1 - stayed
        weights = self.weights * likelihood
        total = weights.sum()
        weights = weights / total if total > 0 else self.prior.shares  # a clock that jumped by a season tells nothing
        self.weights = mixed(weights, self.prior.shares, span_s)
        if self.there and not there:
            self.spell = self.prior.spell_of(self.age_s)
        self.age_s = self.age_s + span_s if there == self.there else span_s
        self.there = there

    def stays(self, span_s: float) -> Array:
        """Return, for each regime, the chance that the zone stays as it is through the next `span_s`."""
        return self.prior.stays(bool(self.there), self.spell, self.age_s, span_s)

    def expected_stay_s(self) -> float:
        """Return how long the zone is expected to stay as it is from now on, by the regimes' weights (seconds)."""
        step_s, ages = self.prior.step_s, self.prior.ages
        chances = self.prior.table[:, int(bool(self.there)), self.spell]
        left = step_s / (1 - chances[:, -1])  # from the last age on every step is like the other
        age = max(1.0, self.age_s / step_s)
        for place in range(len(ages) - 2, -1, -1):
            if ages[place + 1] <= age:
                break
            chance = chances[:, place]
            through = chance ** (ages[place + 1] - max(age, ages[place]))
            left = step_s * chance * (1 - through) / (1 - chance) + through * left
        return float(self.weights @ left)
