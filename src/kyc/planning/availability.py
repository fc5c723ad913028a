"""How long spot capacity stays and stays away: a prior learned from recordings, and the belief a job forms from it.

A zone is in one of a few hidden regimes ("nearly always there", "flapping", "gone for hours"). Within a regime the
capacity is semi-Markov: the chance that it stays as it is depends on how long it has been so. The prior holds the
regimes; the belief weighs them by what was seen, tick by tick, also while the job waits or runs on demand.
Used by `planning.deadline` and `planning.zones`; fitted by `simulate.fit`. It decides nothing and reads no file.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_CHANCE = 1e-4  # nothing stays for certain: a belief that rules a regime out could never come back


@dataclass(frozen=True, kw_only=True)
class AvailabilityPrior:
    """Regimes of spot availability, as fitted from recordings.

    `stay[regime][state][age]` is the chance that a zone which is gone (state 0) or there (state 1) is still so
    `step_s` seconds later; `ages` are the buckets' lower edges in steps (the first is 1, the last is open);
    `weights[regime]` is how likely a zone is in that regime before anything is seen. `source` tells its origin.
    """

    step_s: float
    ages: tuple[int, ...]
    weights: tuple[float, ...]
    stay: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
    source: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step_s) and self.step_s > 0):
            raise ValueError(f"step_s is {self.step_s}: it must be a positive number of seconds")
        if self.ages[:1] != (1,) or list(self.ages) != sorted(set(self.ages)):
            raise ValueError(f"ages are {self.ages}: they must rise, from 1")
        if len(self.stay) != len(self.weights) or min(self.weights, default=-1.0) < 0 or sum(self.weights) <= 0:
            raise ValueError("there must be one weight, zero or more, for each regime, and one above zero")
        if any(len(row) != len(self.ages) for regime in self.stay for row in regime):
            raise ValueError("stay must have one chance for each age, in both states, for each regime")

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
            stay = tuple((tuple(gone), tuple(there)) for gone, there in data["stay"])
            return cls(
                step_s=float(data["step_s"]),
                ages=tuple(data["ages"]),
                weights=tuple(data["weights"]),
                stay=stay,
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
                "source": self.source,
            }
        )

    @cached_property
    def table(self) -> Array:
        """The chances to stay as an array of shape (regimes, 2, ages), kept off 0 and 1."""
        import numpy as np  # noqa: PLC0415 - importing the module stays cheap

        return np.clip(np.array(self.stay, dtype=np.float64), LEAST_CHANCE, 1 - LEAST_CHANCE)

    def stays(self, there: bool, age_s: float, span_s: float) -> Array:
        """Return, for each regime, the chance that a zone stays as it has been for `age_s` through `span_s` more."""
        bucket = bisect_right(self.ages, age_s / self.step_s + 1e-9) - 1
        chances: Array = self.table[:, int(there), max(bucket, 0)]
        return chances if span_s == self.step_s else chances ** (span_s / self.step_s)


@dataclass(slots=True, kw_only=True)
class Belief:
    """What is believed of one zone: the weight of each regime, whether it is there, and for how long it has been so."""

    prior: AvailabilityPrior
    weights: Array = field(init=False)
    there: bool | None = field(init=False, default=None)
    age_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        import numpy as np  # noqa: PLC0415

        weights = np.array(self.prior.weights, dtype=np.float64)
        self.weights = weights / weights.sum()

    def observe(self, there: bool, span_s: float) -> None:
        """Take in that the zone is or is not there, `span_s` after the last look (Bayes' rule over the regimes)."""
        if self.there is None:
            self.there, self.age_s = there, span_s
            return
        stayed = self.prior.stays(self.there, self.age_s, span_s)
        likelihood = stayed if there == self.there else 1 - stayed
        weights = self.weights * likelihood
        self.weights = weights / weights.sum()
        self.age_s = self.age_s + span_s if there == self.there else span_s
        self.there = there

    def stays(self, span_s: float) -> Array:
        """Return, for each regime, the chance that the zone stays as it is through the next `span_s`."""
        return self.prior.stays(bool(self.there), self.age_s, span_s)
