"""A budget: a limit on what may be spent in a period, and how near to it the spending has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

WARN_AT = Decimal("0.80")
HOLD_AT = Decimal("0.90")
ECONOMISE_AT = Decimal("0.95")


class BudgetPeriod(StrEnum):
    """What a budget limits: a UTC day, a calendar month of UTC, or all that is ever spent."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class BudgetStage(StrEnum):
    """How far spending has come, in order. Within one period and one limit a stage is never taken back."""

    OPEN = "open"
    WARNED = "warned"  # people are told
    HELD = "held"  # nothing more is bought
    ECONOMISING = "economising"  # what runs moves to something cheaper, where that pays
    SPENT = "spent"  # what runs is flushed and stopped

    @property
    def rank(self) -> int:
        """Its place in the order, from 0."""
        return list(BudgetStage).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit for everything that this master buys. There is one of each period at most; `warn_at` is a share.

    `stage` is what was reached in the period named `stage_of` (`2026-05-01`, `2026-05` or `total`); it means nothing in
    any other.
    """

    id: BudgetPeriod
    limit_usd: Decimal
    set_at: datetime
    warn_at: Decimal = WARN_AT
    stage: BudgetStage = BudgetStage.OPEN
    stage_of: str = ""
    removed: bool = False
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it limits nothing any more."""
        return self.removed
