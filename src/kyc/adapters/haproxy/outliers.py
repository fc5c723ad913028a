"""Which servers answer nothing but 5xx and are to be left alone for a moment: pure but for what it counts.

HAProxy could do it by itself (`observe layer7`), but it would not stop at the last one: what every replica answers is
the application's own matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from kyc.ports.edge import ERRORS_IN_A_ROW, can_spare_one

_LEFT_ALONE_S = 1.0  # until HAProxy's next check of the server's port, at most


@dataclass(slots=True)
class Outliers:
    """Goes by a sample of the answers; where few of many are told, those are the same share of all kinds."""

    _errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    _left_alone: dict[tuple[str, str], float] = field(default_factory=dict)

    def note(self, service: str, server: str, status: int, *, up: Collection[str], now_s: float) -> bool:
        """Take down an answer; True if the server, of these that are `up`, is to be left alone from now on."""
        key = service, server
        if status < 500:
            self._errors.pop(key, None)
            return False
        self._errors[key] += 1
        if self._errors[key] < ERRORS_IN_A_ROW or server not in up:
            return False
        self._left_alone = {each: until for each, until in self._left_alone.items() if until > now_s}
        absent = sum(1 for name, other in self._left_alone if name == service and other in up and other != server)
        if not can_spare_one(up=len(up), left_alone=absent):
            return False
        del self._errors[key]
        self._left_alone[key] = now_s + _LEFT_ALONE_S
        return True
