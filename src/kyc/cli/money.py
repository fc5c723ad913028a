"""The commands about money: cost, budget."""

from __future__ import annotations

import argparse
import csv
from dataclasses import asdict, fields

from kyc.cli.output import Cell, Output
from kyc.cli.words import now, span, until, usd
from kyc.domain.errors import InvalidInputError
from kyc.sdk.client import Client
from kyc.wire.api import BudgetRow, CostReport, CostRow

_COLUMNS = (">SPENT", ">ON DEMAND", ">SAVED", ">SHARE", ">INTERRUPTIONS", ">INSTANCE TIME", ">NOW/H")
_STAGE_STYLES = {"open": "green", "warned": "yellow", "held": "yellow", "economising": "yellow", "spent": "red"}


def cost(args: argparse.Namespace, out: Output) -> int:
    """Show what was spent, what the same time would have cost on demand, and what interruptions cost of it."""
    with Client() as client:
        report = client.cost(args.name, by=args.by)
    if out.json:
        out.document(report)
    elif args.csv:
        _write_csv(report, out)
    else:
        total = [] if args.name and args.by == "workload" else [report.total]
        out.table((args.by.upper(), *_COLUMNS), [_cost(row) for row in (*report.rows, *total)])
    return 0


def budget(args: argparse.Namespace, out: Output) -> int:
    """Set, list or remove limits on what may be spent."""
    with Client() as client:
        match args.verb:
            case "set":
                row = client.set_budget(_scope(args), _limit(args.limit), warn_at=args.warn_at)
                _show_budgets(out, row, [row])
            case "remove":
                client.remove_budget(_scope(args))
                if out.json:
                    out.document({"scope": args.scope, "removed": True})
                else:
                    out.line(f"The budget of {args.scope} is removed.")
            case _:
                rows = client.budgets()
                _show_budgets(out, rows, rows)
    return 0


def _scope(args: argparse.Namespace) -> str:
    if not args.scope:
        raise InvalidInputError("no budget is named", next_step=f"Try: kyc budget {args.verb} day ...")
    return str(args.scope)


def _limit(text: str | None) -> float:
    from kyc.wire.quantity import money_usd  # noqa: PLC0415  # only `budget set` needs it

    if text is None:
        raise InvalidInputError("no limit is given", next_step="Try: kyc budget set day 12")
    if not text.strip("0.$ ") and "0" in text:
        return 0.0
    try:
        return float(money_usd(text))
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is {error}", next_step="Try: kyc budget set day 12") from error


def _show_budgets(out: Output, document: object, rows: list[BudgetRow]) -> None:
    if out.json:
        out.document(document)
    elif rows:
        columns = ("BUDGET", ">LIMIT", ">SPENT", ">SHARE", ">LEFT", ">NOW/H", ">FORECAST", "RUNS OUT", "STAGE")
        out.table(columns, [_budget(row) for row in rows])
    else:
        out.line("No budgets. `kyc budget set day 12` sets one; a job's file may have `budget: 12 USD`.")


def _budget(row: BudgetRow) -> list[Cell | str]:
    money = [usd(row.limit_usd), usd(row.spent_usd), f"{row.share:.0%}", usd(row.left_usd), usd(row.per_hour_now_usd)]
    out_in = "no" if row.runs_out_at is None else until(row.runs_out_at, now=now())
    stage = Cell(row.stage, _STAGE_STYLES.get(row.stage, ""))
    return [Cell(row.scope, "bold"), *money, usd(row.forecast_usd), out_in, stage]


def _write_csv(report: CostReport, out: Output) -> None:
    """Print the rows as CSV, without the sum: a spreadsheet makes its own."""
    names = [field.name for field in fields(CostRow)]
    writer = csv.writer(out.stdout, lineterminator="\n")
    writer.writerow([report.by, *names[1:]])
    for row in report.rows:
        amounts = asdict(row)
        writer.writerow([row.name, *(f"{amounts[name]:.6f}" for name in names[1:])])
    out.stdout.flush()


def _cost(row: CostRow) -> list[Cell | str]:
    share = f"{row.saved_usd / row.on_demand_usd:.0%}" if row.on_demand_usd else "-"
    name = Cell("bare instances" if row.name == "-" else row.name, "bold")
    spent = [usd(row.spent_usd), usd(row.on_demand_usd), usd(row.saved_usd), share, usd(row.interruptions_usd)]
    return [name, *spent, span(row.instance_seconds), usd(row.per_hour_now_usd)]
