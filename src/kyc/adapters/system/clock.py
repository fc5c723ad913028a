"""The Clock port on the machine's own clocks."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the wall clock, UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds since some fixed point; never goes back."""
        return time.monotonic()

    async def sleep_s(self, seconds: float) -> None:
        """Wait; negative counts as 0."""
        await asyncio.sleep(max(0.0, seconds))
