"""The commands about money: cost, budget."""

from __future__ import annotations

import argparse
import csv
from dataclasses import asdict, fields

from kyc.cli.output import Cell, Output
from kyc.cli.words import span, usd
from kyc.sdk.client import Client
from kyc.wire.api import CostReport, CostRow

_COLUMNS = (">SPENT", ">ON DEMAND", ">SAVED", ">SHARE", ">INTERRUPTIONS", ">INSTANCE TIME", ">NOW/H")


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
