"""What a provider says before it takes an instance away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """An interruption notice is the last warning; a rebalance recommendation only an earlier hint."""

    INTERRUPTION = "interruption"
    REBALANCE = "rebalance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A provider's warning: the instance ends at `deadline_at` (None where the provider names no time)."""

    kind: NoticeKind
    noticed_at: datetime
    deadline_at: datetime | None = None
