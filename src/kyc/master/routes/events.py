"""`/events`: the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from kyc.domain.event import EventKind
from kyc.master import sse
from kyc.master.auth import Called, Served
from kyc.master.newest import newest_events
from kyc.master.views import event_row
from kyc.ports.store import EventFilter
from kyc.wire.api import EventRow

router = APIRouter(prefix="/events", tags=["timeline"])
_MOST = 10_000


async def wanted_events(
    kind: Annotated[list[EventKind] | None, Query(description="Only of these kinds; may be repeated.")] = None,
    subject: Annotated[str | None, Query(description="Only about this workload, instance or deployment.")] = None,
) -> EventFilter:
    """Return what the query asks for."""
    return EventFilter(kinds=frozenset(kind) if kind else None, subject=subject)


Wanted = Annotated[EventFilter, Depends(wanted_events)]


@router.get("")
async def list_events(
    served: Served,
    wanted: Wanted,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 1000,
    tail: Annotated[int | None, Query(ge=0, le=_MOST, description="The newest so many instead.")] = None,
) -> list[EventRow]:
    """Read the timeline after a sequence number, or its end with `tail`; oldest first."""
    if tail is None:
        events = await served.store.events_after(after, limit=limit, wanted=wanted)
    else:
        events = await newest_events(served.store, tail, wanted)
    return [event_row(event) for event in events]


@router.get("/stream", response_class=StreamingResponse, responses=sse.DOCUMENTED)
async def stream_events(served: Served, wanted: Wanted, after: sse.ResumeAfter, caller: Called) -> StreamingResponse:
    """Follow the timeline as server-sent events; `event` is the kind, `id` the sequence number, `data` the row."""
    read = after  # beyond what was sent, where the last events were not wanted

    async def page(seq: int) -> Sequence[sse.Item]:
        nonlocal read
        found, read = await served.timeline.events_after(max(read, seq), limit=sse.PAGE, wanted=wanted)
        return [sse.Item(seq=event.seq, name=event.kind.value, row=event_row(event)) for event in found]

    return sse.stream(served, page, after, caller)
