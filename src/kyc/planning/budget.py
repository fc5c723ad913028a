"""How near spending is to its limit, and what follows: warn, buy nothing more, move to cheaper, flush and stop.

A meter is a limit beside what was spent of it, for one job or for everything in a period. What follows depends on the
share that is spent (see `domain.budget`); the last stage comes early by what ending takes, so that the limit holds.
Used by the budgets loop, and asked before anything is bought. It reads and stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from kyc.domain.budget import ECONOMISE_AT, HOLD_AT, WARN_AT, Budget, BudgetPeriod, BudgetStage
from kyc.domain.instance import Instance
from kyc.domain.job import Job
from kyc.domain.money import cost_usd
from kyc.domain.offer import Offer
from kyc.domain.service import Service
from kyc.planning.ledger import Span, cost_of, day_span

ENDING_TAKES = timedelta(seconds=60)  # to notice, flush and destroy; billed all the while
LEAST_USE = timedelta(seconds=60)  # less is not worth an instance
WORTH_MOVING = Decimal("1.10")  # how much longer the money must last after a move


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A limit and what counts against it. `reached` is the stage as stored; `ends_at` None: it never starts anew."""

    name: str
    limit_usd: Decimal
    spent_usd: Decimal
    per_hour_usd: Decimal
    reached: BudgetStage = BudgetStage.OPEN
    warn_at: Decimal = WARN_AT
    ends_at: datetime | None = None

    @property
    def left_usd(self) -> Decimal:
        """What may still be spent; never negative."""
        return max(Decimal(0), self.limit_usd - self.spent_usd)

    @property
    def share(self) -> Decimal:
        """How much of the limit is spent; 1 where there is nothing to spend."""
        return self.spent_usd / self.limit_usd if self.limit_usd > 0 else Decimal(1)

    @property
    def stage(self) -> BudgetStage:
        """How far it has come: never less far than before."""
        return max(self.reached, self._stage_now(), key=lambda stage: stage.rank)

    def _stage_now(self) -> BudgetStage:
        reserve = cost_usd(self.per_hour_usd, ENDING_TAKES)
        if self.left_usd <= reserve:
            return BudgetStage.SPENT
        steps = {
            BudgetStage.ECONOMISING: ECONOMISE_AT,
            BudgetStage.HELD: HOLD_AT,
            BudgetStage.WARNED: min(self.warn_at, HOLD_AT),
        }
        return next((stage for stage, share in steps.items() if self.share >= share), BudgetStage.OPEN)

    def forecast_usd(self, *, now: datetime) -> Decimal | None:
        """Return what will be spent by the period's end at the present rate; None where it has no end."""
        if self.ends_at is None:
            return None
        return self.spent_usd + cost_usd(self.per_hour_usd, self.ends_at - now)

    def runs_out_at(self, *, now: datetime) -> datetime | None:
        """Return when nothing is left at the present rate; None if it lasts to the period's end, or ten years."""
        if self.per_hour_usd <= 0:
            return None
        hours = self.left_usd / self.per_hour_usd
        if hours > 10 * 366 * 24:
            return None
        at = now + timedelta(hours=float(hours))
        return None if self.ends_at is not None and at > self.ends_at else at

    def words(self) -> str:
        """Say how much is spent, for people."""
        return f"${self.spent_usd:.4f} of ${self.limit_usd.normalize():f} are spent of {self.name}"


def period_of(period: BudgetPeriod, now: datetime) -> tuple[str, Span | None]:
    """Return the name of the period that `now` lies in, and the period (None: all time). Days and months are UTC's."""
    today = now.astimezone(UTC).date()
    match period:
        case BudgetPeriod.DAY:
            return today.isoformat(), day_span(today)
        case BudgetPeriod.MONTH:
            first = today.replace(day=1)
            after = (first + timedelta(days=32)).replace(day=1)
            return f"{today:%Y-%m}", Span(since=day_span(first).since, until=day_span(after).since)
        case BudgetPeriod.TOTAL:
            return BudgetPeriod.TOTAL.value, None


def period_meter(budget: Budget, instances: Iterable[Instance], *, now: datetime) -> Meter:
    """Return the meter of a budget for everything; `instances` are all that ever were."""
    label, span = period_of(budget.id, now)
    cost = cost_of(instances, now=now, within=span)
    return Meter(
        name="the total budget" if span is None else f"the budget of {label}",
        limit_usd=budget.limit_usd,
        spent_usd=cost.spent,
        per_hour_usd=cost.per_hour_now,
        reached=budget.stage if budget.stage_of == label else BudgetStage.OPEN,
        warn_at=budget.warn_at,
        ends_at=None if span is None else span.until,
    )


def own_meter(work: Job | Service, instances: Iterable[Instance], *, now: datetime) -> Meter | None:
    """Return the meter of its own budget, None if it has none; `instances` are its own, ended ones too."""
    if work.spec.budget_usd is None:
        return None
    cost = cost_of(instances, now=now)
    return Meter(
        name=f"the budget of {work.name}",
        limit_usd=work.spec.budget_usd,
        spent_usd=cost.spent,
        per_hour_usd=cost.per_hour_now,
        reached=work.budget_stage,
    )


def refusal(meters: Iterable[Meter], per_hour_usd: Decimal, *, to_save: bool = False) -> str:
    """Return why nothing of that price may be bought now; empty if it may. `to_save`: it replaces something dearer."""
    last = BudgetStage.ECONOMISING if to_save else BudgetStage.WARNED
    for meter in meters:
        if meter.stage.rank > last.rank:
            return f"{meter.words()}: nothing more is bought"
        if meter.left_usd < cost_usd(per_hour_usd, ENDING_TAKES + LEAST_USE):
            return f"{meter.words()}: what is left does not pay for a minute of ${per_hour_usd.normalize():f}/h"
    return ""


def spent_reason(meters: Iterable[Meter]) -> str:
    """Return which of the meters forbids that anything runs; empty if none does."""
    return next((meter.words() for meter in meters if meter.stage is BudgetStage.SPENT), "")


def frugal_because(meters: Iterable[Meter]) -> str:
    """Return which of the meters asks for as little as will do; empty if none does."""
    tight = (meter for meter in meters if meter.stage.rank >= BudgetStage.ECONOMISING.rank)
    return next((meter.words() for meter in tight), "")


def cheaper_offer(
    price_usd_per_hour: Decimal, offers: Sequence[Offer], *, left_usd: Decimal, overhead: timedelta
) -> Offer | None:
    """Return the cheapest offer that makes the money last clearly longer, although both are paid during the move.

    `left_usd` is what may be spent on this work; `overhead` how long a replacement takes until it works.
    """
    below = [offer for offer in offers if 0 <= offer.price_usd_per_hour < price_usd_per_hour]
    if not below:
        return None
    best = min(below, key=lambda offer: (offer.price_usd_per_hour, offer.id))
    hours = Decimal(str(overhead.total_seconds())) / 3600
    rest = left_usd - hours * (price_usd_per_hour + best.price_usd_per_hour)
    if rest <= 0:
        return None
    if best.price_usd_per_hour == 0:
        return best
    stays, moves = left_usd / price_usd_per_hour, hours + rest / best.price_usd_per_hour
    return best if moves >= stays * WORTH_MOVING else None
