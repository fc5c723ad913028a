"""Waiting for whatever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from kyc.ports.clock import Clock


async def first_of(**runners: Awaitable[Any]) -> tuple[str, Any]:
    """Run all at once; return the name and the result of the first to end (of several: the first named).

    The others are cancelled and waited for. An exception of the first is raised; so is the caller's cancellation.
    """
    tasks = {name: asyncio.ensure_future(runner) for name, runner in runners.items()}
    try:
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        name = next(name for name, task in tasks.items() if task.done())
        return name, tasks[name].result()
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def to_the_end(work: Awaitable[Any]) -> None:
    """Run the work to its end, however often we are cancelled meanwhile; be cancelled then."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises what went wrong first as it is, so that callers can name it in `except`."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def wait_for(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Wait until the event is set, `seconds` at most; say whether it is."""
    if not event.is_set():
        await first_of(event=event.wait(), time=clock.sleep_s(seconds))
    return event.is_set()
