"""The ledger against timelines worked out by hand, and what must hold for any of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kyc.adapters.fake.catalog import fake_offer
from kyc.domain.ids import AttemptId, DeploymentId, InstanceId, WorkloadName
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState
from kyc.domain.money import PriceChange
from kyc.planning.ledger import Cost, Span, bill_of, billed_time, cost_of, day_span, days_of
from kyc.planning.loss import account_of
from kyc.planning.price import MOST_BACK, price_change

T0 = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
TRAIN = WorkloadName("train")


def h(hours: float) -> datetime:
    """So many hours after the start."""
    return T0 + timedelta(hours=hours)


def change(hours: float, price: str, on_demand: str = "1.00") -> PriceChange:
    return PriceChange(at=h(hours), usd_per_hour=Decimal(price), on_demand_usd_per_hour=Decimal(on_demand))


def instance(key: str, since: float | None, until: float | None, price: str, *changes: PriceChange) -> Instance:
    offer = replace(fake_offer(price=price), on_demand_usd_per_hour=Decimal("1.00"))
    return Instance(
        id=InstanceId(key),
        deployment_id=DeploymentId("d-1"),
        offer=offer,
        state=InstanceState.READY if until is None else InstanceState.TERMINATED,
        requested_at=T0,
        name=key,
        workload=TRAIN,
        started_at=None if since is None else h(since),
        ended_at=None if until is None else h(until),
        prices=changes,
    )


def attempt(number: int, key: str, state: AttemptState, started: float | None, **at: float) -> Attempt:
    return Attempt(
        id=AttemptId(f"train.{number}"),
        workload=TRAIN,
        number=number,
        instance_id=InstanceId(key),
        state=state,
        created_at=T0,
        started_at=None if started is None else h(started),
        **{name: h(value) for name, value in at.items()},  # type: ignore[arg-type]
    )


def test_each_second_costs_what_held_in_it() -> None:
    one = instance("i-1", 0, 4, "0.30", change(1, "0.50"), change(2.5, "0.10", "2.00"))
    cost = cost_of([one], now=h(9))
    assert cost.spent == Decimal("0.30") + Decimal("0.75") + Decimal("0.15")
    assert cost.on_demand == Decimal("2.5") + Decimal("3.0")
    assert cost.saved == Decimal("4.30")
    assert cost.used == timedelta(hours=4)
    assert cost.per_hour_now == 0


def test_a_timeline_over_two_days_by_hand() -> None:
    """22:00 to 01:30 at 0.30, from 23:00 at 0.60; a second one from 01:00, still running at 02:00, at 0.24."""
    first = instance("i-1", 0, 3.5, "0.30", change(1, "0.60"))
    second = instance("i-2", 3, None, "0.24")
    assert days_of([first, second], now=h(4)) == [T0.date(), T0.date() + timedelta(days=1)]
    day_1, day_2 = (cost_of([first, second], now=h(4), within=day_span(d)) for d in days_of([first, second], now=h(4)))
    assert (day_1.spent, day_1.on_demand, day_1.per_hour_now) == (Decimal("0.90"), Decimal(2), Decimal(0))
    assert (day_2.spent, day_2.on_demand, day_2.per_hour_now) == (
        Decimal("0.90") + Decimal("0.24"),
        Decimal("2.5"),
        Decimal("0.24"),
    )
    assert cost_of([first, second], now=h(4)).spent == Decimal("2.04")


def test_interruptions_by_hand() -> None:
    """The first is lost at 2 h, last safe at 1.5 h; its replacement boots at 1.75 h and works from 2.25 h."""
    first, second = instance("i-1", 0, 2, "0.40"), instance("i-2", 1.75, 5, "0.80")
    lost = attempt(1, "i-1", AttemptState.LOST, 0.1, safe_at=1.5, ended_at=2.0)
    done = attempt(2, "i-2", AttemptState.EXITED, 2.25, safe_at=5.0, ended_at=5.0)
    cost = account_of([first, second], [lost, done], now=h(9)).cost()
    assert cost.repeated == Decimal("0.20")
    assert cost.overlap == Decimal("0.20")
    assert cost.restart == Decimal("0.20")
    assert cost.interruptions == Decimal("0.60")
    assert cost.spent == Decimal("0.80") + Decimal("2.60")


def test_a_job_without_interruptions_lost_nothing() -> None:
    run = attempt(1, "i-1", AttemptState.EXITED, 0.5, ended_at=3.0)
    assert account_of([instance("i-1", 0, 3, "0.40")], [run], now=h(9)).cost().interruptions == 0


def test_what_never_started_costs_nothing() -> None:
    never = instance("i-1", None, 1, "0.40")
    assert cost_of([never], now=h(5)) == Cost()
    assert days_of([never], now=h(5)) == []
    assert billed_time(never, now=h(5)) == timedelta()


def test_a_clock_that_went_back_costs_nothing() -> None:
    assert cost_of([instance("i-1", 3, 2, "0.40")], now=h(5)).spent == 0
    assert cost_of([instance("i-1", 3, None, "0.40")], now=h(1)).spent == 0
    back = instance("i-1", 0, 2, "0.40", change(1, "0.20"), change(0.5, "0.80"))
    assert cost_of([back], now=h(5)).spent == Decimal("0.40") + Decimal("0.80")


hours = st.floats(min_value=-3, max_value=60, allow_nan=False)
prices = st.decimals(min_value="-0.5", max_value="40", places=6, allow_nan=False, allow_infinity=False)


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    made = instance("i-" + str(draw(st.integers(0, 10**9))), draw(st.none() | hours), draw(st.none() | hours), "0.10")
    changes = draw(st.lists(st.tuples(hours, prices, prices), max_size=4))
    told = tuple(PriceChange(at=h(at), usd_per_hour=p, on_demand_usd_per_hour=d) for at, p, d in changes)
    return replace(made, prices=told, offer=replace(made.offer, price_usd_per_hour=draw(prices)))


@given(owned=st.lists(instances(), max_size=4), now=hours)
def test_days_add_up_to_the_whole_and_nothing_is_negative(owned: list[Instance], now: float) -> None:
    whole = cost_of(owned, now=h(now))
    days = [cost_of(owned, now=h(now), within=day_span(day)) for day in days_of(owned, now=h(now))]
    assert sum((day.spent for day in days), Decimal(0)) == whole.spent
    assert sum((day.on_demand for day in days), Decimal(0)) == whole.on_demand
    assert sum((day.used for day in days), timedelta()) == whole.used
    assert all(day.spent >= 0 and day.on_demand >= 0 and day.used >= timedelta() for day in days)


@given(one=instances(), now=hours, cuts=st.lists(hours, min_size=2, max_size=6))
def test_any_cuts_add_up_and_a_bill_only_rises(one: Instance, now: float, cuts: list[float]) -> None:
    bill = bill_of(one, now=h(now))
    ends = [h(-999), *(h(cut) for cut in sorted(cuts)), h(999)]
    parts = [bill.spent(Span(since=a, until=b)) for a, b in pairwise(ends)]
    assert sum(parts, Decimal(0)) == bill.spent()
    assert min(parts) >= 0


@given(
    owned=st.lists(instances(), min_size=1, max_size=4, unique_by=lambda i: i.id),
    starts=st.lists(st.tuples(st.none() | hours, st.none() | hours, st.none() | hours), min_size=4, max_size=4),
    now=hours,
)
def test_losses_are_a_part_of_what_was_spent(
    owned: list[Instance], starts: list[tuple[float | None, float | None, float | None]], now: float
) -> None:
    runs = [
        replace(
            attempt(n, owned[n].id, AttemptState.LOST, started),
            ended_at=None if ended is None else h(ended),
            safe_at=None if safe is None else h(safe),
        )
        for n, (started, ended, safe) in enumerate(starts[: len(owned)])
    ]
    account = account_of(owned, runs, now=h(now))
    whole = account.cost()
    assert min(whole.repeated, whole.overlap, whole.restart) >= 0
    assert whole.interruptions <= whole.spent
    days = [account.cost(day_span(day)) for day in days_of(owned, now=h(now))]
    assert sum((day.interruptions for day in days), Decimal(0)) == whole.interruptions


def test_a_new_price_counts_from_when_it_was_stated() -> None:
    one = instance("i-1", 0, None, "0.40")
    listed = replace(one.offer, price_usd_per_hour=Decimal("0.50"), priced_at=h(2) - timedelta(seconds=40))
    found = price_change(one, listed, now=h(2))
    assert found is not None
    assert (found.at, found.usd_per_hour) == (listed.priced_at, Decimal("0.50"))


def test_the_past_stays_as_it_was_told() -> None:
    one = instance("i-1", 0, None, "0.40", change(1, "0.60"))
    listed = replace(one.offer, price_usd_per_hour=Decimal("0.50"), priced_at=h(-5))
    found = price_change(one, listed, now=h(2))
    assert found is not None
    assert found.at == h(2) - MOST_BACK
    found = price_change(one, replace(listed, priced_at=h(90)), now=h(1))
    assert found is not None
    assert found.at == h(1), "a price from the future counts from now"


def test_no_change_without_a_sound_price() -> None:
    one = instance("i-1", 0, None, "0.40")
    assert price_change(one, None, now=h(2)) is None
    assert price_change(one, one.offer, now=h(2)) is None
    assert price_change(one, replace(one.offer, price_usd_per_hour=Decimal(-1)), now=h(2)) is None
