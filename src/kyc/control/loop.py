"""Loops: a tick takes no input, runs on a period and at a hint, and is its own retry."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from kyc.control.signal import Signal
from kyc.domain.errors import StaleWriteError, UnreachableError

log = logging.getLogger(__name__)

Tick = Callable[[], Awaitable[None]]


async def run_loop(name: str, tick: Tick, *, signal: Signal, period_s: float) -> None:
    """Run `tick` for ever: at once, then at each hint and at least every `period_s` seconds; ends by cancellation.

    A tick that fails is logged and tried again at the next turn; this is the one place that catches everything, so that
    a defect in one loop does not take the others down.
    """
    while True:
        mark = signal.mark
        try:
            await tick()
        except StaleWriteError as error:
            log.debug("tick_read_again", extra={"loop": name, "why": str(error)})
            continue
        except UnreachableError as error:
            log.warning("tick_unreachable", extra={"loop": name, "why": str(error)})
        except Exception:  # said above
            log.exception("tick_failed", extra={"loop": name})
        await signal.wait(mark, timeout_s=period_s)
