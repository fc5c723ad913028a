"""The local cloud's own process: `python -m kyc.adapters.local.daemon --home DIR [--detach]`.

It outlives the master. Killed and started again, it finds its instances running. One daemon has a folder at a time
(a lock tells); the exit code is 3 when another has it.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import random
import resource
import signal
import sys
from pathlib import Path

from kyc.adapters.local.api import Api
from kyc.adapters.local.isolated import Isolated, cannot_be_isolated, why_not_isolated
from kyc.adapters.local.place import Loopback, Network
from kyc.adapters.local.site import Site

SOCKET = "api.sock"
ALREADY_RUNNING = 3


def main(argv: list[str]) -> int:
    """Run until told to stop; with --detach return as soon as a process of its own serves."""
    parser = argparse.ArgumentParser(prog="kyc-local-cloud", description="The local cloud's daemon.")
    parser.add_argument("--home", type=Path, required=True, help="the folder that holds everything of it")
    parser.add_argument("--mode", choices=("process", "isolated"), default="process")
    parser.add_argument("--detach", action="store_true", help="return when it serves, and leave it running")
    options = parser.parse_args(argv)
    home: Path = options.home.absolute()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(home / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"a local cloud runs in {home} already\n")
        return ALREADY_RUNNING
    if options.mode == "isolated" and (why := why_not_isolated()):
        sys.stderr.write(cannot_be_isolated(why))
        return 1
    ready = -1
    if options.detach:
        child_of, ready = os.pipe()
        if os.fork():
            os.close(ready)
            return 0 if os.read(child_of, 1) else 1
        os.close(child_of)
        _leave_terminal(home)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    asyncio.run(_serve(home, options.mode, ready))
    return 0


def _leave_terminal(home: Path) -> None:
    os.setsid()
    os.chdir("/")
    with (home / "daemon.log").open("ab") as log, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


async def _serve(home: Path, mode: str, ready: int) -> None:
    network: Network = Loopback(random.Random()) if mode == "process" else Isolated(home)  # noqa: S311  # no secrets
    site = Site(home, network)
    stopping: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def stop(everything: bool) -> None:
        if not stopping.done():
            stopping.set_result(everything)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, False)
    await site.open()
    server = await Api(site, mode=mode, stop=stop).listen(home / SOCKET)
    if ready >= 0:
        os.write(ready, b"1")
        os.close(ready)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(coroutine) for coroutine in site.tasks()]
        everything = await stopping
        server.close()
        for task in running:
            task.cancel()
    await site.close(everything=everything)
    (home / SOCKET).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
