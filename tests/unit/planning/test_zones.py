"""Which zone: by price and by how long spot stays; a hop only where it pays; never late, never where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc.planning.deadline import Choice
from kyc.planning.zones import Candidate, ZonesPolicy, ZonesSeen, ZonesTerms, best_of, worth_moving
from kyc.simulate.zones import FirstLive, Fleet, placing_policy, replay_zones
from kyc.simulate.zones_bound import zones_cost

HOUR = 3600.0
TERMS = ZonesTerms(work_s=3 * HOUR, deadline_s=5 * HOUR, restart_overhead_s=300.0, tick_s=600.0, on_demand_price=3.0)
PLAN = ZonesPolicy.plan(TERMS, [1.0, 1.1])


def seen(**changes: object) -> ZonesSeen:
    usual: dict[str, object] = {
        "elapsed_s": 0.0,
        "work_done_s": 0.0,
        "pending_overhead_s": 0.0,
        "running": Choice.WAIT,
        "zone": None,
        "live": {"a": 1.0, "b": 1.1},
    }
    return ZonesSeen(**(usual | changes))  # type: ignore[arg-type]


def fleet(*rows: str, prices: tuple[float, ...] = (1.0, 1.1, 1.2)) -> Fleet:
    return Fleet(
        name="test",
        zones=tuple("abc"[: len(rows)]),
        tick_s=600.0,
        available=np.array([[mark == "1" for mark in row] for row in rows]),
        prices=np.array([[price] * len(rows[0]) for price in prices[: len(rows)]]),
        on_demand_price=3.0,
    )


def test_the_cheaper_zone_is_taken_where_both_are_new() -> None:
    placed = PLAN.afresh().decide(seen())
    assert (placed.choice, placed.zone) == (Choice.SPOT, "a")
    assert "a at 1.0000 USD" in placed.reason


def test_no_zone_live_is_never_spot() -> None:
    placed = PLAN.afresh().decide(seen(live={}))
    assert placed.choice is not Choice.SPOT
    assert placed.zone is None
    assert placed.reason


def test_a_zone_without_a_price_is_not_taken() -> None:
    assert PLAN.afresh().decide(seen(live={"a": math.nan, "b": 1.1})).zone == "b"
    assert PLAN.afresh().decide(seen(live={"a": math.nan})).choice is not Choice.SPOT


def test_zones_with_negative_or_no_price_are_free() -> None:
    assert PLAN.afresh().decide(seen(live={"a": 0.5, "b": -1.0})).zone == "b"


def test_runs_on_where_it_runs_unless_another_is_much_cheaper() -> None:
    policy = PLAN.afresh()
    running = {"running": Choice.SPOT, "zone": "b"}
    assert policy.decide(seen(**running, live={"a": 1.08, "b": 1.1})).zone == "b"
    hopped = policy.decide(seen(elapsed_s=600.0, work_done_s=600.0, **running, live={"a": 0.1, "b": 2.9}))
    assert hopped.zone == "a"
    assert "pays for the move" in hopped.reason


def test_does_not_hop_where_the_deadline_is_near() -> None:
    late = seen(elapsed_s=4 * HOUR, work_done_s=2.5 * HOUR, running=Choice.SPOT, zone="b", live={"a": 0.1, "b": 2.9})
    assert PLAN.afresh().decide(late).zone in {"b", None}


@pytest.mark.parametrize(
    ("price", "other", "run_h", "moves"), [(1.0, 0.9, 10, False), (1.0, 0.9, 100, True), (1.0, 1.0, 100, False)]
)
def test_a_move_pays_only_while_spot_lasts(price: float, other: float, run_h: float, moves: bool) -> None:
    candidate = Candidate(zone="z", price=other, run_s=run_h * HOUR)
    assert worth_moving(price, candidate, lost_s=0.5 * HOUR, on_demand_price=3.0) is moves


def test_a_dearer_zone_that_stays_beats_a_cheap_one_that_goes() -> None:
    cheap, steady = Candidate(zone="a", price=1.0, run_s=600), Candidate(zone="b", price=1.2, run_s=6 * HOUR)
    assert best_of([cheap, steady], lost_s=600) is steady
    assert best_of([cheap, steady], lost_s=0) is cheap


def test_a_hop_pays_the_overhead_and_each_zone_its_price() -> None:
    terms = ZonesTerms(work_s=900.0, deadline_s=2 * HOUR, restart_overhead_s=300.0, tick_s=600.0, on_demand_price=3.0)
    run = replay_zones(terms, placing_policy("uniform", terms, fleet("1000", "0111")), fleet("1000", "0111"))
    assert run.places == ["a", "b", "b"]
    assert run.interruptions == 1
    assert run.cost_usd == pytest.approx((1.0 + 1.1 + 1.1) / 6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.lists(st.sampled_from("01"), min_size=30, max_size=30).map("".join), min_size=2, max_size=3),
    name=st.sampled_from(["ours", "greedy", "uniform"]),
)
def test_no_policy_is_late_or_beats_the_bound(rows: list[str], name: str) -> None:
    world = fleet(*rows)
    policy = PLAN.afresh() if name == "ours" else placing_policy(name, TERMS, world)
    run = replay_zones(TERMS, policy, world)  # raises where spot is taken that is not there
    assert not run.is_late(TERMS.deadline_s) or isinstance(policy, FirstLive)
    if not run.is_late(TERMS.deadline_s):
        assert run.cost_usd >= zones_cost(TERMS, world) - 1e-9


def test_one_zone_costs_what_the_bound_of_one_zone_says() -> None:
    from kyc.simulate.bound import omniscient_cost  # noqa: PLC0415

    world = fleet("110011101100111000111100001111")
    one = omniscient_cost(TERMS.with_spot(1.0), world.available)[0]
    assert zones_cost(TERMS, world, units=2) == pytest.approx(one)


def test_all_zones_down_ends_on_time_on_demand() -> None:
    world = fleet("0" * 30, "0" * 30)
    run = replay_zones(TERMS, PLAN.afresh(), world)
    assert not run.is_late(TERMS.deadline_s)
    assert set(run.choices) <= {Choice.WAIT, Choice.ON_DEMAND}
