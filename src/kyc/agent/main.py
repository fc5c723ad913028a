"""The agent's start: settings from the environment, a log, signals; then `app.run` until somebody asks it to end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from pathlib import Path

from kyc.agent import app
from kyc.agent.log import log_to_stderr
from kyc.agent.settings import Settings, settings_from
from kyc.agent.wiring import wire
from kyc.domain.errors import KycError

log = logging.getLogger(__name__)


def main() -> int:
    """Run the agent; return its exit code: 0 after SIGTERM, 2 for an environment that makes no sense."""
    log_to_stderr()
    try:
        settings = settings_from(os.environ, current_folder=Path.cwd())
    except KycError as error:
        log.error("cannot_start", extra={"reason": str(error), "next_step": error.next_step})
        return 2
    asyncio.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave.set)
    parts = wire(settings, os.environ)
    gc.collect()
    gc.freeze()  # what was imported stays for ever: no collection need look at it again
    log.info("agent_started", extra={"instance": settings.instance_id, "pid": os.getpid()})
    await app.run(settings, parts, leave)
    log.info("agent_ended", extra={"instance": settings.instance_id})
