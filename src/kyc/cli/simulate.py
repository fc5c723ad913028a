"""`kyc simulate`: what a job or a service would have cost on a recording. Needs no master."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import msgspec

from kyc.cli.output import Output
from kyc.cli.words import usd
from kyc.domain.errors import InvalidInputError
from kyc.wire.quantity import duration


def simulate(args: argparse.Namespace, out: Output) -> int:
    """Replay a recording through the code that decides live."""
    verbs: dict[str, Callable[[argparse.Namespace, Output], None]] = {"job": _job, "service": _service}
    verbs[args.verb](args, out)
    return 0


def _job(args: argparse.Namespace, out: Output) -> None:
    from kyc.simulate.job import Options, run  # noqa: PLC0415  # numpy, which no other command needs

    report = run(
        Options(
            traces=_file(args.traces),
            work_s=duration(args.work).total_seconds(),
            deadline_s=duration(args.deadline).total_seconds(),
            overhead_s=duration(args.overhead).total_seconds(),
            policy=args.policy,
            zone=args.zone,
            chart=Path(args.chart) if args.chart else None,
        )
    )
    if out.json:
        out.document(msgspec.to_builtins(report))
        return
    share = "-" if report.cost_over_on_demand is None else f"{report.cost_over_on_demand:.1%}"
    out.facts(
        {
            "policy": report.policy,
            "runs": str(report.runs),
            "late": str(report.late),
            "cost of a run": usd(report.cost_usd),
            "of on-demand": share,
            "knowing all ahead": usd(report.bound_usd),
            "interruptions": f"{report.interruptions:.1f}",
        }
    )


def _service(args: argparse.Namespace, out: Output) -> None:
    from kyc.simulate.service import Options, run  # noqa: PLC0415  # numpy, which no other command needs
    from kyc.simulate.service_chart import chart_svg  # noqa: PLC0415

    report = run(
        Options(
            requests=_file(args.requests),
            capacity_rps=args.capacity_rps,
            scale=args.scale,
            replicas_per_instance=args.replicas_per_instance,
            replica_start_s=round(duration(args.replica_start).total_seconds()),
            instance_start_s=round(duration(args.instance_start).total_seconds()),
            policy=args.policy,
        )
    )
    if args.chart:
        Path(args.chart).write_text(chart_svg(report), encoding="utf-8")
    told = report.to_json()
    if out.json:
        out.document(told)
        return
    rows = [(report.outcome.policy, report.outcome.figures), *report.baselines.items()]
    columns = ("POLICY", ">OVER", ">LATE", ">INSTANCE HOURS", ">REPLICA HOURS")
    out.table(
        columns,
        [
            [name, f"{f.over_share:.3%}", f"{f.late_share:.3%}", f"{f.instance_hours:.2f}", f"{f.replica_hours:.2f}"]
            for name, f in rows
        ],
    )
    out.line(f"Without any request over, knowing all ahead: {report.oracle_hours:.2f} instance hours at least.")


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise InvalidInputError(
            f"{name} is not a file", next_step="Name the recording; docs/simulate.md says of what form."
        )
    return path
