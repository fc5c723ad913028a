"""Terraform's lines on their way to the timeline: written in the background, many at a time when they come fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kyc.control.context import Context
from kyc.domain.event import Event, EventKind
from kyc.domain.ids import DeploymentId
from kyc.ports.provisioner import LogLine, OnLine


@asynccontextmanager
async def timeline_log(context: Context, deployment_id: DeploymentId) -> AsyncIterator[OnLine]:
    """Yield where the lines go; each is on the timeline as soon as the write before it is done, all at the end."""
    lines: asyncio.Queue[Event | None] = asyncio.Queue()

    async def on_line(line: LogLine) -> None:
        data = {"line": line.text, "level": line.level}
        kind = EventKind.DEPLOYMENT_LOG
        lines.put_nowait(Event(kind=kind, subject=deployment_id, at=context.clock.now(), data=data))

    writer = asyncio.create_task(_write(context, lines))
    try:
        yield on_line
    finally:
        lines.put_nowait(None)
        await writer


async def _write(context: Context, lines: asyncio.Queue[Event | None]) -> None:
    more = True
    while more:
        waiting = [await lines.get()]
        while not lines.empty():
            waiting.append(lines.get_nowait())
        more = waiting[-1] is not None
        await context.store.save(events=[line for line in waiting if line is not None])
        context.signal.notify()
