"""What a budget's stage means for one job: go on, move to something cheaper, or stop.

One function of the meters and of what the job has now. The budgets loop stores the answer; the jobs loop acts on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from kyc.domain.budget import BudgetStage
from kyc.domain.course import Leave
from kyc.domain.event import EventKind
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Job
from kyc.domain.offer import Offer
from kyc.planning.budget import Meter, cheaper_offer, spent_reason

_TOLD = {
    BudgetStage.WARNED: EventKind.BUDGET_WARNED,
    BudgetStage.HELD: EventKind.BUDGET_HELD,
    BudgetStage.SPENT: EventKind.BUDGET_STOPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a job spends on: `working` is the instance that works and stays, `alive` whether anything is bought for it.

    `own` is its own budget's meter, `shared` those of the periods; `offers` what it may use instead, best first.
    """

    job: Job
    own: Meter | None
    shared: Sequence[Meter]
    working: Instance | None
    alive: bool
    offers: Sequence[Offer]
    overhead: timedelta

    @property
    def meters(self) -> list[Meter]:
        """All that limit it, its own first."""
        return [*([] if self.own is None else [self.own]), *self.shared]


def crossed(before: BudgetStage, after: BudgetStage) -> list[EventKind]:
    """Return what has to be told when a budget comes from one stage to another, in order."""
    return [kind for stage, kind in _TOLD.items() if before.rank < stage.rank <= after.rank]


def stop_reason(spending: Spending) -> str:
    """Return why the job has to end; empty if it need not. A period's budget leaves alone what costs nothing now."""
    own = [] if spending.own is None else [spending.own]
    return spent_reason(own) or (spent_reason(spending.shared) if spending.alive else "")


def plan_leave(spending: Spending) -> Leave | None:
    """Return which instance to leave for a cheaper one, None to stay (or to go on with nothing)."""
    tight = [meter for meter in spending.meters if meter.stage.rank >= BudgetStage.ECONOMISING.rank]
    instance = spending.working
    if not tight or instance is None or instance.state is not InstanceState.READY:
        return None
    price = instance.price_now.usd_per_hour
    if price <= 0:
        return None
    left = min(meter.left_usd * _portion(price, meter) for meter in tight)
    allowed = [offer for offer in spending.offers if spending.job.course.allows(offer)]
    best = cheaper_offer(price, allowed, left_usd=left, overhead=spending.overhead)
    if best is None:
        return None
    reason = f"{tight[0].words()}: {best.id} costs ${best.price_usd_per_hour:f}/h in place of ${price:f}/h"
    return Leave(instance=instance.id, below_usd_per_hour=price, reason=reason)


def _portion(price: Decimal, meter: Meter) -> Decimal:
    """Return which part of what is left falls to an instance of this price."""
    return price / max(price, meter.per_hour_usd)
