"""Time as an argument: whoever needs `now` or waits takes a Clock."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time. `now` is UTC-aware and may jump; `monotonic_s` never goes back; `sleep_s` waits by the latter."""

    def now(self) -> datetime: ...

    def monotonic_s(self) -> float: ...

    async def sleep_s(self, seconds: float) -> None: ...
