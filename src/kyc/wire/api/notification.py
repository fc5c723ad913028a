"""What people are told of, and where it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRow:
    """An event in words. `severity` is info, success, warning or failure."""

    seq: int
    at: datetime
    topic: str
    severity: str
    subject: str
    title: str
    text: str
    read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationPage:
    """`GET /notifications`: newest first. `before` reads on (None: that was all).

    `unread` counts what the caller has not seen, 1000 at most, and `unread_by_topic` the same by topic.
    """

    rows: list[NotificationRow]
    before: int | None
    unread: int
    unread_by_topic: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """`POST /notifications/read`: everything up to this event is seen."""

    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRow:
    """`GET /notify/topics`: what one can choose, and the kinds of events it stands for."""

    topic: str
    kinds: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRequest:
    """`POST /notify/targets`: an address as apprise reads it; no topics: all; no name: the service's."""

    address: str = field(repr=False)
    name: str = ""
    topics: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChange:
    """`PATCH /notify/targets/{id}`: what is None stays."""

    name: str | None = None
    topics: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One line of `kyc notify list`. `address` is shown without its secrets; `failure` is why the last try failed."""

    id: str
    name: str
    service: str
    address: str
    topics: list[str]
    created_at: datetime
    sent: int
    sent_at: datetime | None
    failure: str
    retry_at: datetime | None
