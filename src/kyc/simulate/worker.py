"""`python -m kyc.simulate.worker KIND TRACE`: one what-if for the master, in a process that it can end.

The request is JSON on standard input, the result one line of JSON on standard output. What cannot be simulated is told
as a line `{"refused": WHY}`.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np

from kyc.domain.errors import InvalidInputError, KycError
from kyc.planning.deadline import JobTerms
from kyc.simulate import job, service
from kyc.simulate.recording import read_recordings
from kyc.simulate.service_world import Figures
from kyc.wire.api import (
    JobPolicyResult,
    JobSimulation,
    ServiceChange,
    ServicePoint,
    ServicePolicyResult,
    ServiceSimulation,
    SimulateJobRequest,
    SimulateServiceRequest,
    TimeSpan,
)

_MOST_POINTS = 500
_MOST_CHANGES = 1000


def simulate_job(request: SimulateJobRequest, trace: Path) -> JobSimulation:
    """Run every policy on every recording of the trace; InvalidInputError where that cannot be done."""
    recordings = [one for one in read_recordings(trace) if request.zone in {None, one.zone}]
    if not recordings:
        raise InvalidInputError(f"the trace has no recording of zone {request.zone}")
    shown = recordings[0].window(0.0, request.deadline_s)
    terms = _terms(request, shown.tick_s)
    results = []
    for policy in request.policies:
        report = job.run(_options(request, policy, trace))
        one = job.replay(terms, job.policy_maker(policy, terms)(), shown.available)
        results.append(
            JobPolicyResult(
                policy=policy,
                runs=report.runs,
                late=report.late,
                cost_usd=report.cost_usd,
                cost_over_on_demand=report.cost_over_on_demand,
                bound_usd=report.bound_usd,
                interruptions=report.interruptions,
                finished_s=one.finished_s,
                spans=_spans([choice.value for choice in one.choices], shown.tick_s),
            )
        )
    return JobSimulation(
        zone=shown.zone,
        tick_s=shown.tick_s,
        deadline_s=request.deadline_s,
        available=[span for span in _spans(["spot" if a else "" for a in shown.available], shown.tick_s) if span.what],
        policies=results,
    )


def simulate_service(request: SimulateServiceRequest, trace: Path) -> ServiceSimulation:
    """Run the policies on the trace; raise InvalidInputError for what cannot be simulated."""
    first, *others = request.policies
    report = service.run(
        service.Options(
            requests=trace,
            capacity_rps=request.capacity_rps,
            scale=request.scale,
            replicas_per_instance=request.replicas_per_instance,
            replica_start_s=request.replica_start_s,
            instance_start_s=request.instance_start_s,
            policy=first,
            baselines=tuple(others),
        )
    )
    outcome = report.outcome
    return ServiceSimulation(
        requests=report.arrivals.total,
        seconds=report.arrivals.seconds,
        oracle_instance_hours=report.oracle_hours,
        policies=[_figures(first, outcome.figures), *(_figures(name, f) for name, f in report.baselines.items())],
        points=_points(report),
        changes=[
            ServiceChange(t_s=c.second, instances=c.instances, replicas=c.replicas, reason=c.reason)
            for c in outcome.changes[:_MOST_CHANGES]
        ],
    )


def main(argv: Sequence[str]) -> int:
    """Read a request, print its result; return the exit code."""
    kind, trace = argv[0], Path(argv[1])
    told = sys.stdin.buffer.read()
    result: object
    try:
        if kind == "job":
            result = simulate_job(msgspec.json.decode(told, type=SimulateJobRequest), trace)
        else:
            result = simulate_service(msgspec.json.decode(told, type=SimulateServiceRequest), trace)
    except (KycError, ValueError, KeyError, TypeError) as error:  # the last two: a trace of another form
        result = {"refused": str(error) or type(error).__name__}
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    return 0


def _options(request: SimulateJobRequest, policy: str, trace: Path) -> job.Options:
    return job.Options(
        traces=trace,
        work_s=request.work_s,
        deadline_s=request.deadline_s,
        overhead_s=request.overhead_s,
        policy=policy,
        zone=request.zone,
        spot_price=job.PRICES[0] if request.spot_usd_per_hour is None else request.spot_usd_per_hour,
        on_demand_price=job.PRICES[1] if request.on_demand_usd_per_hour is None else request.on_demand_usd_per_hour,
    )


def _terms(request: SimulateJobRequest, tick_s: float) -> JobTerms:
    options = _options(request, "ours", Path())
    return JobTerms(
        work_s=options.work_s,
        deadline_s=options.deadline_s,
        restart_overhead_s=options.overhead_s,
        tick_s=tick_s,
        spot_price=options.spot_price,
        on_demand_price=options.on_demand_price,
    )


def _spans(words: Iterable[str], tick_s: float) -> list[TimeSpan]:
    spans, at = [], 0
    for word, group in itertools.groupby(words):
        length = len(list(group))
        spans.append(TimeSpan(since_s=at * tick_s, until_s=(at + length) * tick_s, what=word))
        at += length
    return spans


def _figures(policy: str, figures: Figures) -> ServicePolicyResult:
    return ServicePolicyResult(policy=policy, **asdict(figures))


def _points(report: service.Report) -> list[ServicePoint]:
    seconds = report.arrivals.seconds
    edges = np.unique(np.linspace(0, seconds, min(_MOST_POINTS, seconds) + 1).astype(int))
    ready, held = report.outcome.ready_per_second, report.outcome.held_per_second
    return [
        ServicePoint(
            t_s=int(since),
            requests_per_s=round(float(report.arrivals.per_second[since:until].mean()), 3),
            ready_replicas=round(float(ready[since:until].mean()), 3),
            instances=round(float(held[since:until].mean()), 3),
        )
        for since, until in itertools.pairwise(edges)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
