"""`kyc simulate`: what a job or a service would have cost on a recording. Needs no master."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import msgspec

from kyc.cli.output import Output
from kyc.cli.words import usd
from kyc.domain.errors import InvalidInputError
from kyc.wire.quantity import duration

_TERMS = ("work", "deadline", "overhead")


def simulate(args: argparse.Namespace, out: Output) -> int:
    """Replay a recording through the code that decides live."""
    verbs: dict[str, Callable[[argparse.Namespace, Output], None]] = {
        "job": _job,
        "fleet": _fleet,
        "sweep": _sweep,
        "fit": _fit,
        "trace": _trace,
        "service": _service,
    }
    verbs[args.verb](args, out)
    return 0


def _job(args: argparse.Namespace, out: Output) -> None:
    from kyc.simulate.job import Options, run  # noqa: PLC0415  # numpy, which no other command needs

    work_s, deadline_s, overhead_s = (_seconds(name, getattr(args, name)) for name in _TERMS)
    report = run(
        Options(
            traces=_file(args.traces),
            work_s=work_s,
            deadline_s=deadline_s,
            overhead_s=overhead_s,
            policy=args.policy,
            zone=args.zone,
            prior=_file(args.prior) if args.prior else None,
            every_s=_seconds("every", args.every) if args.every else None,
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


def _fleet(args: argparse.Namespace, out: Output) -> None:
    from kyc.simulate.fleet import Options, run  # noqa: PLC0415  # numpy, which no other command needs

    work_s, deadline_s, overhead_s = (_seconds(name, getattr(args, name)) for name in _TERMS)
    report = run(
        Options(
            traces=_file(args.traces),
            work_s=work_s,
            deadline_s=deadline_s,
            overhead_s=overhead_s,
            policy=args.policy,
            zones=tuple(zone for zone in (args.zones or "").split(",") if zone),
            on_demand_price=args.on_demand_price,
            chart=Path(args.chart) if args.chart else None,
            cores=args.cores,
        ),
        told=_progress(out),
    )
    if out.json:
        out.document(msgspec.to_builtins(report))
        return
    share = "-" if report.cost_over_on_demand is None else f"{report.cost_over_on_demand:.1%}"
    out.facts(
        {
            "policy": report.policy,
            "zones": ", ".join(report.zones),
            "runs": str(report.runs),
            "late": str(report.late),
            "cost of a run": usd(report.cost_usd),
            "of on-demand": share,
            "knowing all ahead": usd(report.bound_usd),
            "interruptions": f"{report.interruptions:.1f}",
        }
    )


def _sweep(args: argparse.Namespace, out: Output) -> None:
    from kyc.simulate.job import Options, sweep_row  # noqa: PLC0415  # numpy, which no other command needs
    from kyc.simulate.sweep import run_all  # noqa: PLC0415

    times = [[_seconds(name, one) for one in getattr(args, name).split(",")] for name in _TERMS]
    every_s = _seconds("every", args.every) if args.every else None
    tasks = [
        Options(traces=traces, work_s=work, deadline_s=deadline, overhead_s=overhead, policy=policy, every_s=every_s)
        for traces, work, deadline, overhead, policy in product(
            [_file(name) for name in args.traces], *times, args.policy.split(",")
        )
    ]
    rows = run_all(sweep_row, tasks, cores=args.cores, told=_progress(out))
    if out.json:
        out.document(msgspec.to_builtins(rows))
        return
    columns = ("TRACES", "POLICY", ">WORK h", ">DEADLINE h", ">OVERHEAD h", ">RUNS", ">LATE", ">COST", ">OF ON-DEMAND")
    out.table(
        columns,
        [
            [
                Path(row.traces).name,
                row.policy,
                *(f"{seconds / 3600:g}" for seconds in (row.work_s, row.deadline_s, row.overhead_s)),
                str(row.runs),
                str(row.late),
                usd(row.cost_usd),
                "-" if row.cost_over_on_demand is None else f"{row.cost_over_on_demand:.1%}",
            ]
            for row in rows
        ],
    )


def _fit(args: argparse.Namespace, out: Output) -> None:
    from kyc.simulate.fit import fit_prior, save_prior  # noqa: PLC0415  # numpy, which no other command needs
    from kyc.simulate.recording import read_recordings  # noqa: PLC0415

    recordings = [one for name in args.traces for one in read_recordings(_file(name))]
    names = ", ".join(sorted({Path(name).name for name in args.traces}))
    prior = fit_prior(recordings, regimes=args.regimes, source=names)
    save_prior(prior, Path(args.out))
    if out.json:
        out.document({"out": args.out, "recordings": len(recordings), "regimes": args.regimes, "source": names})
        return
    out.line(f"Learned {args.regimes} kinds of zones from {len(recordings)} recordings; written to {args.out}.")


def _trace(args: argparse.Namespace, out: Output) -> None:
    from kyc.simulate import synthetic  # noqa: PLC0415  # numpy, which no other command needs

    path, days = Path(args.out), _seconds("span", args.span) / 86400
    if not path.parent.is_dir():
        raise InvalidInputError(f"{path.parent} is not a folder", next_step="Make it, or name another one.")
    if args.requests:
        synthetic.write_requests(path, days=days, seed=args.seed)
    else:
        synthetic.write_spot(path, zones=args.zones, days=days, seed=args.seed)
    if out.json:
        out.document({"out": args.out, "requests": args.requests, "days": days, "seed": args.seed})
        return
    verb = f"service --requests {path} --capacity-rps 10" if args.requests else f"job --traces {path}"
    terms = "" if args.requests else " --work 24h --deadline 36h --overhead 6m"
    out.line(f"Made up, not measured: {path}. Try: kyc simulate {verb}{terms}")


def _progress(out: Output) -> Callable[[int, int], None] | None:
    """Return what draws a progress bar on the terminal's error stream; nothing for those who only want the result."""
    if out.json or not sys.stderr.isatty():
        return None
    from kyc.simulate.sweep import bar  # noqa: PLC0415

    def told(done: int, total: int) -> None:
        sys.stderr.write(f"\r{bar(done, total)}" + ("\n" if done == total else ""))
        sys.stderr.flush()

    return told


def _service(args: argparse.Namespace, out: Output) -> None:
    from kyc.simulate.picture import check_picture, write_picture  # noqa: PLC0415
    from kyc.simulate.service import Options, run  # noqa: PLC0415  # numpy, which no other command needs
    from kyc.simulate.service_chart import chart_svg  # noqa: PLC0415

    if args.chart:
        check_picture(Path(args.chart))
    report = run(
        Options(
            requests=_file(args.requests),
            capacity_rps=args.capacity_rps,
            scale=args.scale,
            replicas_per_instance=args.replicas_per_instance,
            replica_start_s=round(_seconds("replica-start", args.replica_start)),
            instance_start_s=round(_seconds("instance-start", args.instance_start)),
            policy=args.policy,
        )
    )
    if args.chart:
        write_picture(Path(args.chart), chart_svg(report))
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


def _seconds(option: str, text: str) -> float:
    if option == "overhead" and text.strip() in {"0", "0s", "0m"}:
        return 0.0
    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise InvalidInputError(
            f"--{option}: {text!r} is {error}", next_step="Write it as 90s, 12m, 48h or 2d."
        ) from error


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise InvalidInputError(
            f"{name} is not a file", next_step="Name the recording; docs/simulate.md says of what form."
        )
    return path
