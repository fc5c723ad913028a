"""Slows down the guessing of passwords: after some wrong ones for a name, nobody may try it for a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kyc.domain.errors import ThrottledError

MOST_WRONG = 5
WAIT = timedelta(seconds=30)
_MOST_NAMES = 10_000


@dataclass(slots=True)
class Throttle:
    """Wrong tries in a row, by name, in memory: a restart forgives."""

    _wrong: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def check(self, name: str, *, now: datetime) -> None:
        """Raise ThrottledError if the name has to wait."""
        count, last = self._wrong.get(name, (0, now))
        left_s = (last + WAIT - now).total_seconds()
        if count >= MOST_WRONG and left_s > 0:
            raise ThrottledError(
                f"too many wrong passwords for {name[:80]!r}", next_step=f"Wait {left_s:.0f} seconds, then try again."
            )

    def failed(self, name: str, *, now: datetime) -> bool:
        """Note a wrong try; say whether it is the one after which the name has to wait."""
        count, last = self._wrong.pop(name, (0, now))
        count = 1 if now - last > 10 * WAIT else count + 1
        self._wrong[name] = (count, now)
        if len(self._wrong) > _MOST_NAMES:
            del self._wrong[next(iter(self._wrong))]
        return count == MOST_WRONG

    def succeeded(self, name: str) -> None:
        """Forget the wrong tries."""
        self._wrong.pop(name, None)
