"""The master's process: `python -m kyc.master up`. What it serves is made by `wiring`, handed in as `build`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from kyc.domain.errors import InvalidInputError, KycError
from kyc.master.app import create_app
from kyc.master.home import Home, MasterFile
from kyc.master.log import log_to
from kyc.master.server import bind_as_before, serve, url_of
from kyc.master.services import Identity, Services
from kyc.master.settings import Settings, read_settings
from kyc.version import VERSION

log = logging.getLogger(__name__)
_FAILED, _USAGE = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is fixed before the services are built. `url` is where this machine reaches the master."""

    settings: Settings
    home: Home
    identity: Identity
    url: str


Build = Callable[[Start], AbstractAsyncContextManager[Services]]


def main(argv: Sequence[str], *, build: Build) -> int:
    """Run a master until it is told to end; return the exit code: 0, 1 failed, 2 usage. Errors go to stderr."""
    try:
        settings = read_settings(argv, os.environ)
        os.umask(0o077)
        home = Home(path=settings.home)
        home.prepare()
        with home.minding_space(), home.locked():
            log_to(home.log, level=settings.log_level)
            with _failure_logged(), home.minding_space():
                asyncio.run(_run(settings, home, build))
    except KycError as error:
        sys.stderr.write(f"error: {error}\n" + (f"next: {error.next_step}\n" if error.next_step else ""))
        return _USAGE if isinstance(error, InvalidInputError) else _FAILED
    return 0


@contextmanager
def _failure_logged() -> Iterator[None]:
    try:
        yield
    except KycError as error:
        log.error("master_failed", extra={"why": str(error), "next_step": error.next_step})
        raise


async def _run(settings: Settings, home: Home, build: Build) -> None:
    with bind_as_before(settings.host, settings.port, home.port_file) as listening:
        identity = Identity(master_id=home.master_id(), version=VERSION, pid=os.getpid(), started_at=datetime.now(UTC))
        start = Start(settings=settings, home=home, identity=identity, url=url_of(listening))
        async with build(start) as services:
            services.archives.prepare()
            file = MasterFile(pid=identity.pid, url=start.url, version=VERSION, started_at=identity.started_at)
            with home.told(file):
                log.info("master_started", extra={"url": start.url, "pid": identity.pid, "version": VERSION})
                await serve(create_app(services), listening, closing=services.closing, changed=services.signal)
        log.info("master_ended")
