"""`kyc ps`. It has a module of its own because it must be fast: it loads nothing but what it shows."""

from __future__ import annotations

import argparse

from kyc.cli.output import Cell, Output, state_cell
from kyc.cli.words import ago, now, size, span, until, usd, usd_column
from kyc.sdk.client import Client
from kyc.sdk.flows import is_over
from kyc.wire.api import WorkloadRow

_COLUMNS = ("NAME", "STATE", ">STEP", ">ATTEMPT", ">INSTANCES", ">INTERRUPTED", ">COST", ">SAVED", ">FORECAST", "SNAPSHOT", "UNSAFE FOR", ">UNSAFE", ">FLUSH", "DEADLINE")  # fmt: skip  # noqa: E501


def ps(args: argparse.Namespace, out: Output) -> int:
    """List the workloads, those that live first."""
    with Client() as client:
        rows = sorted(client.workloads(), key=lambda row: is_over(row.state))
    if out.json:
        out.document(rows)
    elif rows:
        costs, saved = usd_column(row.cost_usd for row in rows), usd_column(row.saved_usd for row in rows)
        out.table(_COLUMNS, [_line(*line) for line in zip(rows, costs, saved, strict=True)])
    else:
        out.line("No workloads yet. Start one with `kyc run FILE` or `kyc serve FILE`.")
    return 0


def _line(row: WorkloadRow, cost: str, saved: str) -> list[Cell | str]:
    at = now()
    return [
        Cell(row.name, "bold"),
        state_cell(row.state),
        step_of(row),
        "-" if row.kind == "service" else str(row.attempt),
        str(row.instances),
        str(row.interruptions),
        cost,
        saved,
        usd(row.forecast_usd),
        ago(row.last_snapshot_at, now=at),
        span(row.rpo_s),
        "-" if row.dirty_bytes is None else size(row.dirty_bytes),
        span(row.flush_estimate_s),
        "-" if is_over(row.state) else until(row.deadline_at, now=at),
    ]


def step_of(row: WorkloadRow) -> str:
    """Return `12/60`, `12`, or `-` for work that tells no steps."""
    if row.step is None:
        return "-"
    return str(row.step) if row.step_total is None else f"{row.step}/{row.step_total}"
