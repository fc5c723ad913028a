"""Budgets: stages, what they forbid, when a move pays, and what holds for any numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.budget import Budget, BudgetPeriod, BudgetStage
from kyc.domain.event import EventKind
from kyc.planning.budget import Meter, cheaper_offer, period_meter, period_of, refusal
from kyc.planning.spending import crossed

NOW = datetime(2026, 2, 27, 18, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
B = BudgetStage


def meter(spent: str, limit: str = "10", rate: str = "0", reached: BudgetStage = B.OPEN) -> Meter:
    return Meter(
        name="the budget",
        limit_usd=Decimal(limit),
        spent_usd=Decimal(spent),
        per_hour_usd=Decimal(rate),
        reached=reached,
        ends_at=NOW + 2 * HOUR,
    )


@pytest.mark.parametrize(
    ("spent", "stage"),
    [("0", B.OPEN), ("7.99", B.OPEN), ("8", B.WARNED), ("9", B.HELD), ("9.5", B.ECONOMISING), ("10", B.SPENT)],
)
def test_stages_by_share(spent: str, stage: BudgetStage) -> None:
    assert meter(spent).stage is stage


def test_the_end_comes_early_by_what_ending_takes() -> None:
    assert meter("9.98", rate="1.19").stage is B.ECONOMISING
    assert meter("9.98", rate="1.20").stage is B.SPENT


def test_nothing_may_be_spent_of_nothing() -> None:
    assert meter("0", limit="0").stage is B.SPENT
    assert meter("0", limit="0").share == 1
    assert "nothing more" in refusal([meter("0", limit="0")], Decimal("0.01"))


def test_a_stage_is_not_taken_back() -> None:
    assert meter("9.99", reached=B.SPENT).stage is B.SPENT


def test_forecast_and_end() -> None:
    assert meter("4", rate="2").forecast_usd(now=NOW) == 8
    assert meter("4", rate="2").runs_out_at(now=NOW) is None, "it lasts to the period's end"
    assert meter("4", rate="6").runs_out_at(now=NOW) == NOW + HOUR
    assert replace(meter("4", rate="2"), ends_at=None).forecast_usd(now=NOW) is None
    assert replace(meter("4", rate="0.000001"), ends_at=None).runs_out_at(now=NOW) is None


def test_what_may_be_bought() -> None:
    assert refusal([meter("8.9"), meter("1")], Decimal(1)) == ""
    assert "nothing more is bought" in refusal([meter("1"), meter("9")], Decimal(1))
    assert refusal([meter("9.6")], Decimal(1), to_save=True) == ""
    assert "nothing more is bought" in refusal([meter("10")], Decimal(1), to_save=True)
    assert "does not pay for a minute" in refusal([meter("0", limit="0.01")], Decimal(1))
    assert refusal([], Decimal(1)) == ""


def test_each_stage_is_told_once() -> None:
    warned, held, stopped = EventKind.BUDGET_WARNED, EventKind.BUDGET_HELD, EventKind.BUDGET_STOPPED
    assert crossed(B.OPEN, B.WARNED) == [warned]
    assert crossed(B.OPEN, B.SPENT) == [warned, held, stopped]
    assert crossed(B.HELD, B.ECONOMISING) == []
    assert crossed(B.WARNED, B.WARNED) == []


def test_a_stage_means_nothing_in_another_period() -> None:
    day = Budget(id=BudgetPeriod.DAY, limit_usd=Decimal(1), set_at=NOW, stage=B.SPENT, stage_of="2026-02-26")
    assert period_meter(day, [], now=NOW).stage is B.OPEN
    assert period_meter(replace(day, stage_of="2026-02-27"), [], now=NOW).stage is B.SPENT


def test_periods() -> None:
    label, span = period_of(BudgetPeriod.MONTH, datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert label == "2026-12"
    assert span is not None
    assert (span.since, span.until) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert period_of(BudgetPeriod.TOTAL, NOW) == ("total", None)


def offers(*prices: str) -> list:  # type: ignore[type-arg]
    return [fake_offer(zone=f"z{n}", price=price) for n, price in enumerate(prices)]


def test_a_move_has_to_pay() -> None:
    cheap = cheaper_offer(Decimal(1), offers("0.9", "0.5"), left_usd=Decimal(1), overhead=timedelta(minutes=5))
    assert cheap is not None
    assert cheap.price_usd_per_hour == Decimal("0.5")
    assert cheaper_offer(Decimal(1), offers("0.5"), left_usd=Decimal("0.1"), overhead=timedelta(minutes=5)) is None
    assert cheaper_offer(Decimal(1), offers("0.95"), left_usd=Decimal(9), overhead=timedelta()) is None
    assert cheaper_offer(Decimal(1), offers("1", "2", "-1"), left_usd=Decimal(9), overhead=timedelta()) is None
    assert cheaper_offer(Decimal(1), [], left_usd=Decimal(9), overhead=timedelta()) is None


money = st.decimals(min_value=0, max_value=1000, places=4)


@given(limit=money, spent=money, rate=money, more=money)
def test_more_spent_is_never_less_far(limit: Decimal, spent: Decimal, rate: Decimal, more: Decimal) -> None:
    before = replace(meter("0"), limit_usd=limit, spent_usd=spent, per_hour_usd=rate)
    after = replace(before, spent_usd=spent + more)
    assert after.stage.rank >= before.stage.rank
    assert after.left_usd >= 0
    if refusal([before], rate, to_save=True):
        assert refusal([after], rate)


@given(price=money, left=money, listed=st.lists(money, max_size=4), minutes=st.integers(0, 60))
def test_a_move_never_goes_to_something_dearer(
    price: Decimal, left: Decimal, listed: list[Decimal], minutes: int
) -> None:
    found = cheaper_offer(price, offers(*(str(p) for p in listed)), left_usd=left, overhead=timedelta(minutes=minutes))
    assert found is None or found.price_usd_per_hour < price
