"""What a command prints, on its way to the master: whole lines in batches, and the steps its own words tell."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from kyc.ports.clock import Clock
from kyc.wire.agent import AnyFact, Printed, Progressed

BATCH_S = 0.1
BATCH_BYTES = 65_536
PROGRESS_S = 0.25
_SEARCHED = 4096  # characters of a line in which progress is looked for


@dataclass(slots=True)
class Steps:
    """The steps `first`..`last` that were finished and not yet told."""

    first: int
    last: int
    total: int | None


class Progress:
    """Reads steps from lines. Steps that follow each other are told as one range; a step back begins a new range."""

    def __init__(self, pattern: str) -> None:
        self._pattern: re.Pattern[str] | None = None
        with contextlib.suppress(re.error):  # the master has refused such a file; work needs no progress to run
            self._pattern = re.compile(pattern) if pattern else None
        self._last: int | None = None
        self.ready: list[Steps] = []

    def read(self, line: str) -> None:
        """Add the step that the line tells, if it tells one."""
        found = self._pattern.search(line, 0, _SEARCHED) if self._pattern else None
        if found is None:
            return
        names = found.groupdict()
        step, total = _number(names.get("step")), _number(names.get("total"))
        if step is None:
            return
        goes_on = self._last is not None and step > self._last
        if goes_on and self.ready:
            self.ready[-1].last = step
            self.ready[-1].total = total
        else:
            first = self._last + 1 if goes_on and self._last is not None else step
            self.ready.append(Steps(first=first, last=step, total=total))
        self._last = step

    def take(self) -> list[Steps]:
        """Return what is ready, and forget it."""
        taken, self.ready = self.ready, []
        return taken


class Printer:
    """Tells what one attempt prints. `add` takes lines; `run` tells them in time; `flush` tells all at once."""

    def __init__(self, attempt: str, progress: Progress, *, tell: Callable[[AnyFact], None], clock: Clock) -> None:
        self._attempt = attempt
        self._progress = progress
        self._tell = tell
        self._clock = clock
        self._lines: list[str] = []
        self._bytes = 0
        self._steps_told_s = -PROGRESS_S
        self._waiting = asyncio.Event()

    def add(self, line: str) -> None:
        """Take one line, without its end."""
        self._lines.append(line)
        self._bytes += len(line) + 1
        self._progress.read(line)
        if self._bytes >= BATCH_BYTES:
            self._tell_lines()
        self._waiting.set()

    async def run(self) -> None:
        """Tell lines a tenth of a second after they came, steps four times a second at most; until cancelled."""
        while True:
            await self._waiting.wait()
            await self._clock.sleep_s(BATCH_S)
            self._tell_lines()
            if self._clock.monotonic_s() - self._steps_told_s >= PROGRESS_S:
                self._tell_steps()
            if not self._progress.ready:
                self._waiting.clear()

    def flush(self) -> None:
        """Tell everything now."""
        self._tell_lines()
        self._tell_steps()

    def _tell_lines(self) -> None:
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            self._lines, self._bytes = [], 0
            self._tell(Printed(at=self._clock.now(), attempt=self._attempt, text=text))

    def _tell_steps(self) -> None:
        steps = self._progress.take()
        for some in steps:
            self._tell(
                Progressed(
                    at=self._clock.now(), attempt=self._attempt, first=some.first, step=some.last, total=some.total
                )
            )
        if steps:
            self._steps_told_s = self._clock.monotonic_s()


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
