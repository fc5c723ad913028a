"""The commands that start and stop work: run, stop."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta

import msgspec

from kyc.cli.live import JobStatus, status_line
from kyc.cli.machine import machine_words
from kyc.cli.market import show_offers
from kyc.cli.output import Cell, Output, state_cell
from kyc.cli.see import show_log
from kyc.cli.watch import Related, show_event, watch_job
from kyc.cli.words import plural, span, usd
from kyc.domain.errors import InvalidInputError
from kyc.domain.job import JobState
from kyc.sdk.client import Client
from kyc.wire.api import EventRow, JobPlan, LogRow, WorkloadRow

_SHOWN_OFFERS = 8
_INTERRUPTED = 130


def run(args: argparse.Namespace, out: Output) -> int:
    """Submit a job. Follow it to its end unless told not to: the exit code is 0 only if it succeeded."""
    envs = envs_of(args.env)
    with Client() as client:
        after = 0 if args.dry_run or args.detach else client.last_seq()
        with status_line(out, f"submitting {args.file}") as (_, set_status):
            plan = client.run_job(args.file, name=args.name, envs=envs, dry_run=args.dry_run, on_step=set_status)
        for warning in plan.warnings:
            out.note(f"warning: {warning}")
        if args.dry_run:
            _show_dry_run(out, plan)
            return 0
        if args.detach:
            _show_submitted(out, plan)
            return 0
        return _follow(client, out, plan, after)


def _follow(client: Client, out: Output, plan: JobPlan, after: int) -> int:
    if out.json:
        out.record({"plan": plan})
    else:
        out.line(f"{plan.name} is submitted; following it. Ctrl-C leaves it running.")
    try:
        with status_line(out, JobStatus(plan.name).words) as (above, set_status):
            row = watch_job(client, above, plan.name, after=after, show=_shower(above, plan.name, set_status))
    except KeyboardInterrupt:
        out.note(f"{plan.name} goes on. Its output: `kyc logs {plan.name} -f`. Stop it: `kyc stop {plan.name}`.")
        return _INTERRUPTED
    if out.json:
        out.record({"workload": row})
    else:
        _show_end(out, row)
    return 0 if row.state == JobState.SUCCEEDED else 1


def _shower(out: Output, name: str, set_status: Callable[[str], None]) -> Callable[[EventRow | LogRow], None]:
    """Return what shows a job's output and the events about it, and keeps the status line."""
    related, status = Related([name]), JobStatus(name)

    def show(row: EventRow | LogRow) -> None:
        if isinstance(row, LogRow):
            out.record({"log": row}) if out.json else show_log(out, row)
        elif related(row):
            out.record({"event": row}) if out.json else _show_quietly(out, row)
            set_status(status.line(row))

    return show


def _show_quietly(out: Output, event: EventRow) -> None:
    """Leave out what the job's own output and the status line say already."""
    if event.kind not in {"job.progress", "snapshot.committed"}:
        show_event(out, event)


def _show_end(out: Output, row: WorkloadRow) -> None:
    told = row.exit_code is None or row.reason.endswith(f"with code {row.exit_code}")
    code = "" if told and row.state != JobState.SUCCEEDED else f", exit code {row.exit_code}"
    reason = f": {row.reason}" if row.reason and row.state != JobState.SUCCEEDED else ""
    out.line(
        f"{row.name} {out.paint(state_cell(row.state))}{reason}{code} · {plural(row.interruptions, 'interruption')} · "
        f"spent {usd(row.cost_usd)}, saved {usd(row.saved_usd)} against on-demand"
    )


def _show_submitted(out: Output, plan: JobPlan) -> None:
    if out.json:
        out.document(plan)
        return
    out.line(f"{out.paint(Cell(plan.name, 'bold'))} is submitted.")
    out.line(
        f"Follow it: `kyc logs {plan.name} -f`, `kyc events -f`. Get its files: `kyc restore {plan.name} --to DIR`."
    )


def _show_dry_run(out: Output, plan: JobPlan) -> None:
    if out.json:
        out.document(plan)
        return
    spec = plan.spec
    out.facts(
        {
            "name": Cell(plan.name, "bold"),
            "resources": " or ".join(machine_words(wish) for wish in _mappings(spec.get("any_of"))),
            "setup": _script(spec.get("setup")),
            "run": _script(spec.get("run")),
            "envs": _pairs(spec.get("envs")),
            "keep": _list(spec.get("keep")),
            "on interrupt": _script(spec.get("on_interrupt")),
            "deadline": _span(spec.get("deadline")),
            "budget": f"{spec['budget_usd']} USD" if spec.get("budget_usd") else "",
        }
    )
    out.line()
    if not plan.offers:
        out.line("It would wait. Nothing was started.")  # the warning has said why
        return
    best = plan.offers[0]
    show_offers(out, plan.offers[:_SHOWN_OFFERS], chosen=best.id)
    more = len(plan.offers) - _SHOWN_OFFERS
    if more > 0:
        out.line(f"and {plural(more, 'more offer')}")
    out.line()
    prices = f"{usd(plan.expected_usd_per_hour)} an hour, {usd(best.on_demand_usd_per_hour)} on demand"
    out.line(f"Expected: {prices}, on {best.id}. Nothing was started.")


def _script(value: object) -> str:
    return "" if value is None else str(value).strip("\n")


def _mappings(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _list(value: object) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else ""


def _span(value: object) -> str:
    return "" if value is None else span(msgspec.convert(value, timedelta).total_seconds())


def _pairs(value: object) -> str:
    return " ".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else ""


def envs_of(pairs: list[str]) -> dict[str, str]:
    """Return the variables of `--env K=V`."""
    envs: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InvalidInputError(f"--env: {pair!r} has no '='", next_step="Write --env NAME=VALUE.")
        envs[name] = value
    return envs


def stop(args: argparse.Namespace, out: Output) -> int:
    """Stop a workload: what it has is flushed first."""
    with Client() as client:
        row = client.stop(args.name)
        if not args.detach:
            what = "its requests are being answered" if row.kind == "service" else "its files are being flushed"
            with status_line(out, f"{args.name} stops; {what}"):
                row = client.wait(args.name)
    if out.json:
        out.document(row)
    elif args.detach:
        out.line(f"{row.name} stops. Watch with `kyc events -f`.")
    else:
        ended = f"{row.name} is {out.paint(state_cell(row.state))} after {span(_lasted_s(row))}"
        if row.kind == "service":
            out.line(f"{ended}. It spent {usd(row.cost_usd)}.")
            return 0
        files = f"Its files: `kyc restore {row.name} --to DIR`." if row.last_snapshot_at else "It has no snapshot."
        out.line(f"{ended}. {files}")
    return 0


def _lasted_s(row: WorkloadRow) -> float | None:
    if row.requested_at is None or row.ended_at is None:
        return None
    return (row.ended_at - row.requested_at).total_seconds()
