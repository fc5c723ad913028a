"""Requests that take long: server-sent events that say how far the work is, then its result, or the problem.

The work ends with its connection: who hangs up does not leave it running.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from fastapi.responses import StreamingResponse

from kyc.domain.errors import KycError
from kyc.master.sse import HEARTBEAT_S
from kyc.wire.api import Progress
from kyc.wire.problem import problem_of

OnProgress = Callable[[int, int], None]
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `progress` again and again, then `result` or `problem`",
        "content": {"text/event-stream": {}},
    }
}
_TELL_EVERY_S = 0.2
_HEARTBEAT = b": alive\n\n"


def answer(work: Callable[[OnProgress], Awaitable[object]]) -> StreamingResponse:
    """Return the response that does the work while it is read."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(work), media_type="text/event-stream", headers=headers)


async def _events(work: Callable[[OnProgress], Awaitable[object]]) -> AsyncIterator[bytes]:
    newest = Progress(done=0, total=0)

    def tell(done: int, total: int) -> None:
        nonlocal newest
        newest = Progress(done=done, total=total)

    running = asyncio.ensure_future(work(tell))
    told, silent_s = newest, 0.0
    try:
        while not running.done():
            await asyncio.wait([running], timeout=_TELL_EVERY_S)
            if newest != told:
                told, silent_s = newest, 0.0
                yield _event("progress", told)
            elif (silent_s := silent_s + _TELL_EVERY_S) >= HEARTBEAT_S:
                silent_s = 0.0
                yield _HEARTBEAT
        try:
            result = running.result()
        except KycError as error:
            yield _event("problem", problem_of(error))
            return
        yield _event("result", result)
    finally:
        running.cancel()
        await asyncio.wait([running])


def _event(name: str, value: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(value))
