"""The dashboard's first page and the money over time, from values: pure, `now` is an argument."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate

from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.domain.offer import Purchase
from kyc.master.views import usd
from kyc.planning.ledger import Bill, Cost, Span, bill_of, cost_of, is_billing
from kyc.planning.recoveries import Recovery
from kyc.planning.series import Sample, steps
from kyc.wire.agent import Pulse
from kyc.wire.api import CostPoint, CostSeries, MetricPoint, Overview, RecoveryRow, RegionRow, UnsafeRow

_WAITING = {JobState.QUEUED, JobState.PLACING, JobState.STARTING}
_WORKING = {AttemptState.RUNNING, AttemptState.RELEASING}
_MOST_STEPS = 2000


def overview(
    jobs: Sequence[Job],
    instances: Sequence[Instance],
    unsafe: list[UnsafeRow],
    recoveries: Iterable[Recovery],
    *,
    now: datetime,
) -> Overview:
    """Return the page; `jobs` are those that live, `instances` all that ever were."""
    billing = [instance for instance in instances if is_billing(instance)]
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    spans = {"today": Span(since=midnight, until=now), "month": Span(since=midnight.replace(day=1), until=now)}
    costs = {name: cost_of(instances, now=now, within=span) for name, span in spans.items()}
    total = cost_of(instances, now=now)
    return Overview(
        at=now,
        running_jobs=sum(1 for job in jobs if job.state not in _WAITING),
        waiting_jobs=sum(1 for job in jobs if job.state in _WAITING),
        instances=len(billing),
        regions=_regions(billing),
        unsafe=unsafe,
        recoveries=[recovery_row(recovery) for recovery in recoveries],
        per_hour_usd=usd(total.per_hour_now),
        on_demand_per_hour_usd=sum(usd(i.price_now.on_demand_usd_per_hour) for i in billing),
        spent_today_usd=usd(costs["today"].spent),
        saved_today_usd=usd(costs["today"].saved),
        spent_month_usd=usd(costs["month"].spent),
        saved_month_usd=usd(costs["month"].saved),
        spent_usd=usd(total.spent),
        saved_usd=usd(total.saved),
    )


def unsafe_rows(attempts: Iterable[Attempt], pulses: Mapping[InstanceId, Pulse]) -> list[UnsafeRow]:
    """Return what each running attempt's agent last said is not yet in the stream."""
    rows = []
    for attempt in attempts:
        pulse = pulses.get(attempt.instance_id)
        if attempt.state in _WORKING and pulse is not None and pulse.attempt == attempt.id:
            rows.append(
                UnsafeRow(
                    workload=attempt.workload,
                    instance=attempt.instance_id,
                    dirty_bytes=pulse.dirty_bytes,
                    since=pulse.dirty_since,
                    told_at=pulse.at,
                    flush_estimate_s=pulse.flush_estimate_s,
                )
            )
    return rows


def cost_series(
    instances: Sequence[Instance], since: datetime | None, until: datetime, step: timedelta | None
) -> CostSeries:
    """Return the running sums. `since` None: from the first second that was billed; `step` None: about 200 steps."""
    billed = [instance for instance in instances if instance.started_at is not None]
    begin = since or min((i.started_at for i in billed if i.started_at is not None), default=until)
    begin = min(begin, until)
    least = (until - begin) / _MOST_STEPS
    chosen = max(step or (until - begin) / 200, least, timedelta(seconds=1))
    points = _cost_points(billed, steps(begin, until, chosen))
    return CostSeries(since=begin, until=until, step_s=chosen.total_seconds(), points=points)


def metric_point(sample: Sample) -> MetricPoint:
    """Return a measurement as people see it."""
    return MetricPoint(
        at=sample.at,
        cpu=sample.cpu,
        memory=sample.memory,
        disk=sample.disk,
        gpu=sample.gpu,
        dirty_bytes=sample.dirty_bytes,
    )


def recovery_row(recovery: Recovery) -> RecoveryRow:
    """Return an interruption's line."""
    return RecoveryRow(
        instance=recovery.instance,
        workload=recovery.workload,
        noticed=recovery.noticed,
        at=recovery.at,
        replacement=recovery.replacement,
        to_replacement_requested_s=recovery.to_replacement_requested_s,
        to_resumed_s=recovery.to_resumed_s,
        ended=recovery.ended,
    )


def _cost_points(instances: Sequence[Instance], moments: Sequence[datetime]) -> list[CostPoint]:
    """Return the sums at each moment; an instance is read only where its bill grows."""
    begin, end = moments[0], moments[-1]
    growth = [Cost() for _ in moments]  # since the moment before
    rates = [Decimal(0) for _ in moments]
    for instance in instances:
        bill = bill_of(instance, now=end)
        first = bisect_right(moments, max(begin, bill.span.since))
        last = bisect_left(moments, bill.span.until)  # the first moment that sees all of it
        for place in range(first, min(last + 1, len(moments))):
            span = Span(since=moments[place - 1], until=moments[place])
            growth[place] += Cost(spent=bill.spent(span), on_demand=bill.on_demand(span))
        for place in range(bisect_left(moments, bill.span.since), last):
            rates[place] += _rate(bill, moments[place])
        if instance.ended_at is None and last < len(moments):
            rates[last] += _rate(bill, end)
    sums = accumulate(growth)
    return [_cost_point(at, cost, rate) for at, cost, rate in zip(moments, sums, rates, strict=True)]


def _rate(bill: Bill, at: datetime) -> Decimal:
    held = [price for price in bill.prices[1:] if price.at <= at]
    return (held[-1] if held else bill.prices[0]).usd_per_hour


def _cost_point(at: datetime, cost: Cost, rate: Decimal) -> CostPoint:
    return CostPoint(
        at=at,
        spent_usd=usd(cost.spent),
        on_demand_usd=usd(cost.on_demand),
        saved_usd=usd(cost.saved),
        per_hour_usd=usd(rate),
    )


def _regions(billing: Iterable[Instance]) -> list[RegionRow]:
    places: dict[tuple[str, str], list[Instance]] = {}
    for instance in billing:
        places.setdefault((instance.offer.cloud, instance.offer.region), []).append(instance)
    return [
        RegionRow(
            cloud=cloud,
            region=region,
            instances=len(there),
            spot=sum(1 for instance in there if instance.offer.purchase is Purchase.SPOT),
            per_hour_usd=sum(usd(instance.price_now.usd_per_hour) for instance in there),
            states=dict(Counter(instance.state.value for instance in there)),
        )
        for (cloud, region), there in sorted(places.items())
    ]
