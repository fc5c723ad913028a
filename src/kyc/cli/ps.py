"""`kyc ps`. It has a module of its own because it must be fast: it loads nothing but what it shows."""

from __future__ import annotations

import argparse

from kyc.cli.output import Cell, Output, state_cell
from kyc.cli.words import ago, now, span, until, usd
from kyc.sdk.client import Client
from kyc.sdk.flows import is_over
from kyc.wire.api import WorkloadRow

_COLUMNS = ("NAME", "STATE", ">STEP", ">ATTEMPT", ">INSTANCES", ">INTERRUPTED", ">COST", ">SAVED", ">FORECAST", "SNAPSHOT", "UNSAFE FOR", "DEADLINE")  # fmt: skip  # noqa: E501


def ps(args: argparse.Namespace, out: Output) -> int:
    """List the workloads, those that live first."""
    with Client() as client:
        rows = sorted(client.workloads(), key=lambda row: is_over(row.state))
    if out.json:
        out.document(rows)
    elif rows:
        out.table(_COLUMNS, [_line(row) for row in rows])
    else:
        out.line("No workloads yet. Start one with `kyc run FILE`.")
    return 0


def _line(row: WorkloadRow) -> list[Cell | str]:
    at = now()
    return [
        Cell(row.name, "bold"),
        state_cell(row.state),
        step_of(row),
        str(row.attempt),
        str(row.instances),
        str(row.interruptions),
        usd(row.cost_usd),
        usd(row.saved_usd),
        usd(row.forecast_usd),
        ago(row.last_snapshot_at, now=at),
        span(row.rpo_s),
        "-" if is_over(row.state) else until(row.deadline_at, now=at),
    ]


def step_of(row: WorkloadRow) -> str:
    """Return `12/60`, `12`, or `-` for work that tells no steps."""
    if row.step is None:
        return "-"
    return str(row.step) if row.step_total is None else f"{row.step}/{row.step_total}"
