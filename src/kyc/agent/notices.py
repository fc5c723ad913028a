"""Watches for the provider's notice, and knows when the work has to stop because of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Never

from kyc.agent.race import wait_for
from kyc.domain.errors import KycError
from kyc.domain.interruption import Notice, NoticeKind
from kyc.planning.release import SHORTEST_NOTICE_S, Pressure, plan_margin_s
from kyc.ports.clock import Clock
from kyc.ports.notices import NoticeSource
from kyc.wire.agent import AnyFact, Noticed

log = logging.getLogger(__name__)
POLL_S = 1.0
_LOOK_S = 0.25  # how often the estimate of the flush is looked at again


class Watch:
    """The one place that knows whether this instance is going away; `run` polls the source.

    A notice is told once, when it is first seen or its deadline changes; a provider does not take one back.
    """

    def __init__(self, source: NoticeSource, *, tell: Callable[[AnyFact], None], clock: Clock) -> None:
        self._source = source
        self._tell = tell
        self._clock = clock
        self._told: set[tuple[NoticeKind, datetime | None]] = set()
        self._noticed_s = 0.0
        self._end_s: float | None = None  # by the monotonic clock, so that a jump of the other does no harm
        self._leaving = asyncio.Event()
        self.interrupted = asyncio.Event()
        self.warned = asyncio.Event()  # also by a mere rebalance recommendation

    async def run(self) -> Never:
        """Poll once a second until cancelled. A service that does not answer is polled on."""
        silent = False
        while True:
            try:
                notice = await self._source.poll()
            except KycError as error:
                if not silent:
                    log.warning("notices_unknown", extra={"reason": str(error)})
                silent = True
            else:
                silent = False
                if notice is not None:
                    self._take(notice)
            await self._clock.sleep_s(POLL_S)

    @property
    def left_s(self) -> float | None:
        """The seconds until the instance ends (not below 0); None while no interruption is announced."""
        return None if self._end_s is None else max(0.0, self._end_s - self._clock.monotonic_s())

    def leave(self, *, within_s: float) -> None:
        """Have the work released at once: the agent itself was asked to end."""
        self._interrupt(within_s)
        self._leaving.set()

    async def acknowledge(self) -> None:
        """Tell the provider that it need not wait; where that fails, it comes at its deadline."""
        try:
            await self._source.acknowledge()
        except KycError as error:
            log.warning("not_acknowledged", extra={"reason": str(error)})

    async def must_release(self, *, stop_grace_s: float, flush_estimate_s: Callable[[], float]) -> None:
        """Return when the work has to be stopped to be flushed in time; never, as long as no interruption is near."""
        await self.interrupted.wait()
        while not self._leaving.is_set():
            assert self._end_s is not None
            pressure = Pressure(
                notice_s=max(0.0, self._end_s - self._noticed_s),
                flush_estimate_s=flush_estimate_s(),
                stop_grace_s=stop_grace_s,
            )
            wait_s = self._end_s - plan_margin_s(pressure) - self._clock.monotonic_s()
            if wait_s <= 0:
                return
            await wait_for(self._leaving, min(max(wait_s, 0.01), _LOOK_S), self._clock)

    def _take(self, notice: Notice) -> None:
        key = (notice.kind, notice.deadline_at)
        if key in self._told:
            return
        self._told.add(key)
        log.warning("noticed", extra={"notice": notice.kind, "deadline_at": notice.deadline_at})
        self._tell(Noticed(at=self._clock.now(), notice=notice))
        self.warned.set()
        if notice.kind is NoticeKind.INTERRUPTION:
            deadline = notice.deadline_at
            self._interrupt(SHORTEST_NOTICE_S if deadline is None else (deadline - self._clock.now()).total_seconds())

    def _interrupt(self, within_s: float) -> None:
        self._noticed_s = self._clock.monotonic_s()
        end_s = self._noticed_s + max(0.0, within_s)
        self._end_s = end_s if self._end_s is None else min(self._end_s, end_s)
        self.warned.set()
        self.interrupted.set()
