"""Server-sent events (WHATWG HTML, section 9.2) over anything that is read page by page after a sequence number.

A stream has no state of its own: what a client saw last is in `Last-Event-ID`, so that it may break and be opened anew
at any time. It ends when the client goes or the master closes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Header, Query
from fastapi.responses import StreamingResponse

from kyc.domain.errors import InvalidInputError, UnreachableError
from kyc.domain.user import Caller
from kyc.master.services import Services

HEARTBEAT_S = 15.0
PAGE = 500
_GOOD_S = 1.0  # how long a caller's right to listen is believed
_RETRY = b"retry: 1000\n\n"  # and at once something to read, so that proxies pass the headers on
_HEARTBEAT = b": alive\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event of a stream: its place, its name and the row."""

    seq: int
    name: str
    row: object


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events, without end", "content": {"text/event-stream": {}}}
}
Page = Callable[[int], Awaitable[Sequence[Item]]]  # the items after a seq, PAGE at most, oldest first


async def resume_after(
    after: Annotated[int, Query(ge=0, description="Send what comes after this sequence number.")] = 0,
    last_event_id: Annotated[str | None, Header(description="The same, as EventSource sends it; it wins.")] = None,
) -> int:
    """Return the sequence number after which to go on."""
    if not last_event_id:
        return after
    if not last_event_id.isdecimal() or not last_event_id.isascii():
        raise InvalidInputError(f"Last-Event-ID: {last_event_id[:80]!r} is not a sequence number of this stream")
    return int(last_event_id)


ResumeAfter = Annotated[int, Depends(resume_after)]


def stream(served: Services, page: Page, after: int, caller: Caller | None = None) -> StreamingResponse:
    """Return the response that sends the items after the place, then new ones as they come.

    It ends soon after the caller's session or token does: the client comes again, and is told to sign in.
    """
    # X-Accel-Buffering: nginx would hold events back until a buffer is full.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(served, page, after, caller), media_type="text/event-stream", headers=headers)


async def _events(served: Services, page: Page, after: int, caller: Caller | None) -> AsyncIterator[bytes]:
    yield _RETRY
    quiet_since_s = good_at_s = served.clock.monotonic_s()
    while not served.closing.is_set():
        mark = served.signal.mark
        try:
            items = await page(after)
        except UnreachableError:  # the headers are sent: the client comes again, from its place
            return
        if items:
            after = items[-1].seq
            yield b"".join(encode(item) for item in items)
            quiet_since_s = served.clock.monotonic_s()
            continue
        now_s = served.clock.monotonic_s()
        # For how long the last answer is good enough; nobody asks who needs none.
        believed_s = HEARTBEAT_S if caller is None else good_at_s + _GOOD_S - now_s
        if caller is not None and (believed_s <= 0 or not _left_s(served, caller)):
            if not await served.users.is_good(caller):
                return
            good_at_s, believed_s = now_s, HEARTBEAT_S
        left_s = HEARTBEAT_S - (now_s - quiet_since_s)
        if left_s <= 0:
            yield _HEARTBEAT
            quiet_since_s = served.clock.monotonic_s()
            continue
        await served.signal.wait(mark, timeout_s=min(left_s, believed_s, _left_s(served, caller)))


def _left_s(served: Services, caller: Caller | None) -> float:
    if caller is None or caller.expires_at is None:
        return HEARTBEAT_S
    return max(0.0, (caller.expires_at - served.clock.now()).total_seconds())


def encode(item: Item) -> bytes:
    """Return the item as the stream's bytes; JSON has no line ends, so that one `data` line holds it."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (item.seq, item.name.encode(), msgspec.json.encode(item.row))
