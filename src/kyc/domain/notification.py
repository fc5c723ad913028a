"""What people are told of without asking, and where to: topics, targets, and how far each has got."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from kyc.domain.ids import TargetId, UserName


class Topic(StrEnum):
    """What a notification is about; people choose by it."""

    INTERRUPTION = "interruption"  # instances that are taken away, and work that goes on elsewhere
    WORK = "work"  # jobs and services that end, fail or are late
    DATA = "data"  # files that could not be made safe, or were brought back
    MONEY = "money"  # budgets
    PRICE = "price"  # price alerts
    TROUBLE = "trouble"  # what a person should look at: deployments that fail, orphans, targets that do not answer


class Severity(StrEnum):
    """How it is shown."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """An event in words. `seq` is the event's."""

    seq: int
    at: datetime
    topic: Topic
    severity: Severity
    subject: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where notifications of some topics go. Its address holds secrets and is sealed.

    Everything up to the event `after_seq` is done with. `sending_seq` is being sent by whoever wrote it, until
    `sending_until`; then nobody knows whether it arrived. `tries` counts failures in a row; no try before `retry_at`.
    """

    id: TargetId
    name: str
    service: str  # such as Slack, for people
    shown: str  # the address without its secrets
    sealed_address: str = field(repr=False)
    topics: tuple[Topic, ...]
    created_at: datetime
    after_seq: int
    sending_seq: int | None = None
    sending_until: datetime | None = None
    tries: int = 0
    retry_at: datetime | None = None
    sent: int = 0
    sent_at: datetime | None = None
    failure: str = ""
    removed: bool = False
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is sent there any more."""
        return self.removed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMark:
    """Up to which event a user has seen the notifications."""

    user: UserName
    seq: int
    version: int = 0

    @property
    def is_over(self) -> bool:
        """It never is."""
        return False
