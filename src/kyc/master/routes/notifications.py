"""`/notifications`: what people are told; `/notify`: where it is sent."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from kyc.domain.errors import InvalidInputError
from kyc.domain.notification import Notification, Target, Topic
from kyc.master.auth import Called, Served
from kyc.master.newest import newest_events
from kyc.planning.notification import kinds_of, notification_of
from kyc.ports.store import EventFilter
from kyc.wire.api import (
    NotificationPage,
    NotificationRow,
    ReadRequest,
    TargetChange,
    TargetRequest,
    TargetRow,
    TopicRow,
)

router = APIRouter(tags=["notifications"])
own = APIRouter(prefix="/notifications", tags=["notifications"])  # of the caller's: viewers too


@own.get("")
async def list_notifications(
    served: Served,
    caller: Called,
    topic: Annotated[list[Topic] | None, Query(description="Only of these; may be repeated.")] = None,
    before: Annotated[int | None, Query(ge=1, description="Older than this one.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> NotificationPage:
    """Read what people are told, newest first, and how much of it the caller has not seen."""
    wanted = EventFilter(kinds=kinds_of(topic or list(Topic)))
    events = await newest_events(served.store, limit, wanted, before=before)
    mark, unread = await served.notifications.mark_of(caller.name), await served.notifications.unread(caller.name)
    told = [found for event in reversed(events) if (found := notification_of(event)) is not None]
    return NotificationPage(
        rows=[notification_row(found, mark) for found in told],
        before=events[0].seq if len(events) == limit else None,
        unread=len(unread),
        unread_by_topic=dict(Counter(found.topic.value for found in unread)),
    )


@own.post("/read", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def mark_read(body: ReadRequest, served: Served, caller: Called) -> Response:
    """Note that the caller has seen everything up to an event."""
    await served.notifications.mark_read(caller.name, body.seq)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/notify/topics")
async def list_topics() -> list[TopicRow]:
    """List what one can choose to be told of."""
    return [TopicRow(topic=topic.value, kinds=sorted(kind.value for kind in kinds_of([topic]))) for topic in Topic]


@router.get("/notify/targets")
async def list_targets(served: Served) -> list[TargetRow]:
    """List where notifications are sent, the newest last."""
    return [target_row(target) for target in await served.notifications.targets()]


@router.post("/notify/targets", status_code=status.HTTP_201_CREATED)
async def add_target(request: TargetRequest, served: Served) -> TargetRow:
    """Have notifications sent somewhere from now on. The address is kept sealed, and never shown whole again."""
    topics = _topics(request.topics)
    return target_row(await served.notifications.add(request.name, request.address, topics))


@router.patch("/notify/targets/{target_id}")
async def change_target(target_id: str, request: TargetChange, served: Served) -> TargetRow:
    """Rename a target, or choose other topics for it."""
    topics = None if request.topics is None else _topics(request.topics)
    return target_row(await served.notifications.change(target_id, name=request.name, topics=topics))


@router.post("/notify/targets/{target_id}/test", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def test_target(target_id: str, served: Served) -> Response:
    """Send a message there now, and say whether it was taken."""
    await served.notifications.test(target_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.delete("/notify/targets/{target_id}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def remove_target(target_id: str, served: Served) -> Response:
    """Send nothing there any more."""
    await served.notifications.remove(target_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def notification_row(found: Notification, mark: int) -> NotificationRow:
    """Return a notification's line for who has read up to the mark."""
    return NotificationRow(
        seq=found.seq,
        at=found.at,
        topic=found.topic.value,
        severity=found.severity.value,
        subject=found.subject,
        title=found.title,
        text=found.text,
        read=found.seq <= mark,
    )


def target_row(target: Target) -> TargetRow:
    """Return a target's line."""
    return TargetRow(
        id=target.id,
        name=target.name,
        service=target.service,
        address=target.shown,
        topics=[topic.value for topic in target.topics],
        created_at=target.created_at,
        sent=target.sent,
        sent_at=target.sent_at,
        failure=target.failure,
        retry_at=target.retry_at,
    )


def _topics(words: list[str]) -> list[Topic]:
    try:
        return [Topic(word) for word in dict.fromkeys(words)]
    except ValueError as error:
        raise InvalidInputError(f"topics: {error}", next_step=f"Choose of {', '.join(Topic)}.") from error
