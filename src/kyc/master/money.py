"""Accounts and budgets as the rows of wire.api: pure, `now` is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from kyc.domain.instance import Instance
from kyc.domain.job import Attempt
from kyc.master.views import usd
from kyc.planning.budget import Meter
from kyc.planning.ledger import Cost, day_span, days_of
from kyc.planning.loss import Account, account_of
from kyc.wire.api import BudgetRow, CostBy, CostReport, CostRow

TOTAL = "total"
NOBODY = "-"  # who asked for what was bought before users were kept


def accounts_of(
    owned: Mapping[str, Sequence[Instance]], attempts: Iterable[Attempt], *, now: datetime
) -> dict[str, Account]:
    """Return the account of each workload of `owned`, which holds the instances under their workloads' names."""
    runs: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        runs.setdefault(attempt.workload, []).append(attempt)
    return {name: account_of(mine, runs.get(name, ()), now=now) for name, mine in sorted(owned.items())}


def cost_report(
    accounts: Mapping[str, Account], *, by: CostBy, now: datetime, users: Mapping[str, str] | None = None
) -> CostReport:
    """Return a row for each workload, each day on which something was billed, or each user; and their sum.

    `users` says who asked for the workload, or for the deployment of bare instances, that an account is of.
    """
    total = cost_row(TOTAL, sum((account.cost() for account in accounts.values()), Cost()))
    match by:
        case CostBy.WORKLOAD:
            rows = [cost_row(name, account.cost()) for name, account in accounts.items()]
        case CostBy.DAY:
            rows = _days(accounts, now=now)
        case CostBy.USER:
            rows = _users(accounts, users or {})
    return CostReport(rows=rows, total=total, by=by.value)


def cost_row(name: str, cost: Cost) -> CostRow:
    """Return a cost's line."""
    return CostRow(
        name=name,
        spent_usd=usd(cost.spent),
        on_demand_usd=usd(cost.on_demand),
        saved_usd=usd(cost.saved),
        instance_seconds=round(cost.used.total_seconds(), 3),
        per_hour_now_usd=usd(cost.per_hour_now),
        interruptions_usd=usd(cost.interruptions),
        repeated_usd=usd(cost.repeated),
        overlap_usd=usd(cost.overlap),
        restart_usd=usd(cost.restart),
    )


def budget_row(scope: str, meter: Meter, *, now: datetime) -> BudgetRow:
    """Return a budget's line."""
    forecast = meter.forecast_usd(now=now)
    return BudgetRow(
        scope=scope,
        limit_usd=usd(meter.limit_usd),
        spent_usd=usd(meter.spent_usd),
        left_usd=usd(meter.left_usd),
        share=round(float(meter.share), 4),
        per_hour_now_usd=usd(meter.per_hour_usd),
        warn_at=float(meter.warn_at),
        stage=meter.stage.value,
        forecast_usd=None if forecast is None else usd(forecast),
        ends_at=meter.ends_at,
        runs_out_at=meter.runs_out_at(now=now),
    )


def _users(accounts: Mapping[str, Account], users: Mapping[str, str]) -> list[CostRow]:
    costs: dict[str, Cost] = {}
    for name, account in accounts.items():
        user = users.get(name) or NOBODY
        costs[user] = costs.get(user, Cost()) + account.cost()
    return [cost_row(user, cost) for user, cost in sorted(costs.items())]


def _days(accounts: Mapping[str, Account], *, now: datetime) -> list[CostRow]:
    everything = [instance for account in accounts.values() for instance in account.instances]
    days = {day: day_span(day) for day in days_of(everything, now=now)}
    costs = {
        day.isoformat(): sum((account.cost(span) for account in accounts.values()), Cost())
        for day, span in days.items()
    }
    return [cost_row(day, cost) for day, cost in costs.items() if cost.used]
