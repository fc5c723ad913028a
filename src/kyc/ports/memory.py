"""What a cloud forgets: an instance that is gone is in no list any more, and the master has to learn that it ended.

For the adapters of clouds that tell nothing of what was deleted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kyc.ports.cloud import CloudInstance

REMEMBERED = timedelta(hours=1)


@dataclass(slots=True)
class Memory:
    """What ran at the last look, and what has ended since, by provider id; that is remembered for an hour."""

    running: dict[str, CloudInstance] = field(default_factory=dict)
    ended: dict[str, CloudInstance] = field(default_factory=dict)

    async def note(
        self,
        listed: Mapping[str, CloudInstance],
        *,
        now: datetime,
        judge: Callable[[CloudInstance], Awaitable[CloudInstance]],
    ) -> None:
        """Take what the cloud lists now. `judge` completes, once, what is found to be over: why, and since when."""
        vanished = [one for key, one in self.running.items() if key not in listed]
        over = [replace(one, running=False, leftover=False, ended_at=now) for one in vanished]
        over += [one for key, one in listed.items() if not one.running and key not in self.ended]
        for one in over:
            judged = await judge(one)
            self.ended[one.provider_id] = replace(judged, ended_at=judged.ended_at or now)
        self.running = {key: one for key, one in listed.items() if one.running}
        self.ended = {
            key: replace(one, leftover=one.leftover and key in listed)
            for key, one in self.ended.items()
            if key not in self.running and now - (one.ended_at or now) < REMEMBERED
        }
