"""What interruptions cost: seconds of an instance that were paid for and brought the job no further.

Three kinds, and no second is counted twice: two instances of one job are billed at once (overlap: the later one's
seconds), a replacement is alone but does not work yet (restart), and work that was not yet safe when its instance was
lost has to be done again (repeated). A part of `planning.ledger`'s bills, never something beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, AttemptState
from kyc.planning.ledger import Bill, Cost, Span, bill_of, cost_of


class LossKind(StrEnum):
    """Why paid time brought nothing."""

    OVERLAP = "overlap"
    RESTART = "restart"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A span of an instance's bill that brought nothing."""

    kind: LossKind
    bill: Bill
    span: Span

    def usd(self, within: Span | None = None) -> Decimal:
        """Return what it cost, in the span if one is given."""
        return self.bill.spent(self.span.within(within))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one workload has on its bills until `now`, ready to be read for any span."""

    instances: tuple[Instance, ...]
    losses: tuple[Loss, ...]
    now: datetime

    def cost(self, within: Span | None = None) -> Cost:
        """Return what was spent, in the span if one is given, and how much of that was due to interruptions."""
        lost = {kind: Decimal(0) for kind in LossKind}
        for loss in self.losses:
            lost[loss.kind] += loss.usd(within)
        due = Cost(repeated=lost[LossKind.REPEATED], overlap=lost[LossKind.OVERLAP], restart=lost[LossKind.RESTART])
        return cost_of(self.instances, now=self.now, within=within) + due


def account_of(instances: Iterable[Instance], attempts: Iterable[Attempt], *, now: datetime) -> Account:
    """Return the account of one workload: its own instances and attempts (none for bare instances)."""
    mine = tuple(instances)
    return Account(instances=mine, losses=tuple(losses_of(mine, attempts, now=now)), now=now)


def losses_of(instances: Iterable[Instance], attempts: Iterable[Attempt], *, now: datetime) -> list[Loss]:
    """Return every loss of one job: its instances, and the attempts that ran on them."""
    by_instance = {attempt.instance_id: attempt for attempt in attempts}
    bills = {i.id: bill_of(i, now=now) for i in instances if i.started_at is not None}
    in_order = sorted(bills, key=lambda key: bills[key].span.since)
    found: list[Loss] = []
    for place, key in enumerate(in_order):
        bill, attempt = bills[key], by_instance.get(key)
        alone_from = max((bills[k].span.until for k in in_order[:place]), default=bill.span.since)
        alone_from = min(max(alone_from, bill.span.since), bill.span.until)
        works_from = _works_from(attempt, bill) if place else alone_from
        parts = {
            LossKind.OVERLAP: Span(since=bill.span.since, until=alone_from),
            LossKind.RESTART: Span(since=alone_from, until=works_from),
            LossKind.REPEATED: _repeated(attempt, bill, since=max(alone_from, works_from)),
        }
        found += [Loss(kind=kind, bill=bill, span=span) for kind, span in parts.items() if span.length]
    return found


def _works_from(attempt: Attempt | None, bill: Bill) -> datetime:
    """Return when the instance began to work; without an attempt it is not known to have waited for anything."""
    if attempt is None:
        return bill.span.since
    return attempt.started_at or bill.span.until


def _repeated(attempt: Attempt | None, bill: Bill, *, since: datetime) -> Span:
    nothing = Span(since=bill.span.until, until=bill.span.until)
    if attempt is None or attempt.state is not AttemptState.LOST or attempt.started_at is None:
        return nothing
    safe_at = max(attempt.safe_at or attempt.started_at, attempt.started_at, since)
    return Span(since=safe_at, until=attempt.ended_at or bill.span.until)
