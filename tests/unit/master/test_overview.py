"""Money over time, held against the ledger itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.ids import DeploymentId, InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.money import PriceChange
from kyc.master.overview import cost_series, overview
from kyc.master.views import usd
from kyc.planning.ledger import Span, cost_of

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def instance(name: str, since: float, until: float | None, price: str = "0.10") -> Instance:
    change = PriceChange(at=at(since + 0.5), usd_per_hour=Decimal("0.20"), on_demand_usd_per_hour=Decimal("0.40"))
    return Instance(
        id=InstanceId(name),
        deployment_id=DeploymentId("d-1"),
        offer=fake_offer(price=price),
        state=InstanceState.READY if until is None else InstanceState.TERMINATED,
        requested_at=at(since),
        name=name,
        started_at=at(since),
        ended_at=None if until is None else at(until),
        prices=(change,),
    )


FLEET = [instance("i-1", 0, 2), instance("i-2", 0.25, None), instance("i-3", 3, 3.1), instance("i-4", 1, 5)]


@pytest.mark.parametrize("step_s", [None, 60, 700, 3600, 100_000])
@pytest.mark.parametrize("since", [None, at(-1), at(0.3), at(2.5)])
def test_every_point_is_what_the_ledger_says(since: datetime | None, step_s: float | None) -> None:
    until = at(4)
    series = cost_series(FLEET, since, until, None if step_s is None else timedelta(seconds=step_s))
    assert series.points[-1].at == until
    assert len(series.points) <= 2002
    for point in series.points:
        cost = cost_of(FLEET, now=until, within=Span(since=series.since, until=point.at))
        assert point.spent_usd == usd(cost.spent), point.at
        assert point.on_demand_usd == usd(cost.on_demand), point.at
        running = [i for i in FLEET if i.started_at <= point.at and (i.ended_at is None or point.at < i.ended_at)]
        prices = [Decimal("0.20") if point.at >= i.prices[0].at else Decimal("0.10") for i in running]
        assert point.per_hour_usd == usd(sum(prices, Decimal(0))), point.at


def test_nothing_bought_is_a_line_at_zero() -> None:
    series = cost_series([], None, START, None)
    assert [(point.at, point.spent_usd) for point in series.points] == [(START, 0)]


def test_the_page_counts_what_bills_by_region_and_sums_by_day() -> None:
    now = at(13)  # the second day, one o'clock
    page = overview([], FLEET, [], [], now=now)
    assert (page.instances, [(row.region, row.instances, row.states) for row in page.regions]) == (
        1,
        [(FLEET[0].offer.region, 1, {"ready": 1})],
    )
    assert page.spent_today_usd == pytest.approx(0.20 * 1)
    assert page.spent_month_usd == page.spent_usd == usd(cost_of(FLEET, now=now).spent)
    assert page.saved_usd == usd(cost_of(FLEET, now=now).saved)
