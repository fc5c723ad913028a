"""How long to wait before the next try."""

from __future__ import annotations

from typing import Protocol

FIRST_S = 0.2
LONGEST_S = 5.0


class Uniform(Protocol):
    """What waiting needs of chance; `random.Random` is one."""

    def uniform(self, a: float, b: float, /) -> float: ...


def wait_s(failures: int, rng: Uniform) -> float:
    """Return the seconds to wait after so many failures in a row (1 or more), between 0.2 and 5.

    It doubles with each failure; half of it is drawn by lot, so that many agents do not come back at one instant.
    """
    full = min(LONGEST_S, FIRST_S * 2 ** min(failures, 10))
    return rng.uniform(full / 2, full)
