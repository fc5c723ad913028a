"""The timeline, and what work prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line of `kyc events`."""

    seq: int
    at: datetime
    kind: str
    subject: str
    data: dict[str, object] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """A piece of a job's output, whole lines."""

    seq: int
    at: datetime
    attempt: str
    text: str
