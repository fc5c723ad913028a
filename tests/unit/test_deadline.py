"""The deadline policy: never late, never on spot that is not there, and a defined outcome for odd terms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.planning.availability import AvailabilityPrior, Belief
from kyc.planning.deadline import Choice, DeadlinePolicy, JobTerms, Observation
from kyc.simulate.job import replay

HOUR = 3600.0


def terms(**changes: float) -> JobTerms:
    usual: dict[str, float] = {
        "work_s": 4 * HOUR,
        "deadline_s": 6 * HOUR,
        "restart_overhead_s": 720.0,
        "tick_s": 600.0,
        "spot_price": 0.9731,
        "on_demand_price": 3.06,
    }
    return JobTerms(**(usual | changes))


def seen(**changes: object) -> Observation:
    usual: dict[str, object] = {
        "elapsed_s": 0.0,
        "work_done_s": 0.0,
        "pending_overhead_s": 0.0,
        "running": Choice.WAIT,
        "spot_available": True,
    }
    return Observation(**(usual | changes))


class Guarded:
    """The published simulator's guard, which overrides a policy at the last moment, even with spot that has gone."""

    def __init__(self, policy: DeadlinePolicy) -> None:
        self.policy, self.terms, self.wasted = policy, policy.terms, 0

    def decide(self, seen: Observation) -> Choice:
        choice, terms = self.policy.decide(seen), self.terms
        need = math.ceil((terms.work_s - seen.work_done_s + terms.restart_overhead_s) / terms.tick_s)
        if need < math.floor((terms.deadline_s - seen.elapsed_s) / terms.tick_s):
            return choice
        if seen.running is Choice.SPOT and seen.pending_overhead_s <= 0:
            return Choice.SPOT
        return Choice.ON_DEMAND


odd_terms = st.builds(
    terms,
    work_s=st.floats(1, 3 * HOUR),
    deadline_s=st.floats(0, 5 * HOUR),
    restart_overhead_s=st.one_of(st.just(0.0), st.floats(0, 3000)),
    tick_s=st.sampled_from([60.0, 195.0, 600.0, 1800.0, 777.7]),
    spot_price=st.sampled_from([-1.0, 0.0, 0.3, 0.9731, 3.06, 5.0, math.nan]),
    on_demand_price=st.sampled_from([-1.0, 0.0, 3.06, math.inf]),
)
PLAN = DeadlinePolicy.plan(terms())
GUARDED = {
    overhead: DeadlinePolicy.plan(terms(restart_overhead_s=overhead, deadline_s=5 * HOUR + 1234))
    for overhead in (180.0, 600.0, 720.0, 1500.0)
}
slow = settings(max_examples=40)


@slow
@given(terms=odd_terms, bits=st.lists(st.tuples(st.booleans(), st.integers(1, 30)), min_size=1, max_size=40))
def test_never_late_whatever_spot_does(terms: JobTerms, bits: list[tuple[bool, int]]) -> None:
    available = np.repeat([bit for bit, _ in bits], [length for _, length in bits])
    run = replay(terms, DeadlinePolicy.plan(terms), available)  # raises where spot is taken that is not there
    assert run.finished_s is not None
    ticks = math.floor(terms.deadline_s / terms.tick_s)
    if ticks * terms.tick_s >= terms.work_s + terms.restart_overhead_s:
        assert not run.is_late(terms.deadline_s)


@slow
@given(bits=st.lists(st.booleans(), min_size=60, max_size=60), overhead=st.sampled_from(sorted(GUARDED)))
def test_never_late_under_the_published_guard(bits: list[bool], overhead: float) -> None:
    policy = GUARDED[overhead].afresh()
    assert not replay(policy.terms, Guarded(policy), np.array(bits)).is_late(policy.terms.deadline_s)


@slow
@given(
    start=st.builds(
        seen,
        elapsed_s=st.floats(-HOUR, 12 * HOUR),
        work_done_s=st.floats(-10, 8 * HOUR),
        pending_overhead_s=st.floats(-1, 2000),
        running=st.sampled_from(list(Choice)),
        spot_available=st.booleans(),
    )
)
def test_any_first_sight_has_an_outcome_and_a_reason(start: Observation) -> None:
    policy = PLAN.afresh()
    choice = policy.decide(start)
    assert choice is not Choice.SPOT or start.spot_available
    assert policy.reason
    assert policy.decide(start) in Choice  # the clock stands still: no harm


@pytest.mark.parametrize("jump_s", [-3 * HOUR, -600.0, 0.0, 7200.0])
def test_a_clock_that_jumps_costs_no_deadline_that_can_still_be_met(jump_s: float) -> None:
    policy = PLAN.afresh()
    for tick in range(6):
        policy.decide(seen(elapsed_s=tick * 600.0, spot_available=tick % 2 == 0))
    now_s, work_s, pending_s, running = 3600.0 + jump_s, 0.0, 0.0, Choice.WAIT
    while work_s < policy.terms.work_s:
        choice = policy.decide(
            seen(
                elapsed_s=now_s,
                work_done_s=work_s,
                pending_overhead_s=pending_s,
                running=running,
                spot_available=False,
            )
        )
        assert policy.reason
        pending_s = policy.terms.restart_overhead_s if choice is not running else pending_s
        if choice is not Choice.WAIT:
            work_s += max(0.0, 600.0 - pending_s)
            pending_s = max(0.0, pending_s - 600.0)
        running, now_s = choice, now_s + 600.0
    can_be_met = 3600.0 + jump_s + policy.terms.restart_overhead_s + policy.terms.work_s <= policy.terms.deadline_s
    assert can_be_met == (now_s <= policy.terms.deadline_s)


def test_work_already_done_waits() -> None:
    policy = PLAN.afresh()
    assert policy.decide(seen(work_done_s=4 * HOUR)) is Choice.WAIT
    assert policy.reason == "the work is done"


def test_no_work_at_all_waits() -> None:
    assert DeadlinePolicy.plan(terms(work_s=0)).decide(seen()) is Choice.WAIT


@pytest.mark.parametrize("running", list(Choice))
def test_deadline_past_runs_on_demand(running: Choice) -> None:
    policy = PLAN.afresh()
    assert policy.decide(seen(elapsed_s=7 * HOUR, running=running)) is Choice.ON_DEMAND
    assert "deadline has passed" in policy.reason


def test_deadline_that_cannot_be_met_runs_on_demand_and_says_so() -> None:
    policy = DeadlinePolicy.plan(terms(deadline_s=3 * HOUR))
    assert policy.decide(seen()) is Choice.ON_DEMAND
    assert "cannot be met" in policy.reason


def test_spot_that_runs_is_kept_where_moving_would_be_late() -> None:
    policy = PLAN.afresh()
    tight = {"elapsed_s": 5 * HOUR, "work_done_s": 3 * HOUR + 300, "running": Choice.SPOT}
    assert policy.decide(seen(**tight)) is Choice.SPOT
    assert policy.decide(seen(**tight, spot_available=False)) is Choice.ON_DEMAND


def test_last_tick_of_work_is_done_on_spot_that_runs() -> None:
    policy = PLAN.afresh()
    last = seen(elapsed_s=6 * HOUR - 600, work_done_s=4 * HOUR - 600, running=Choice.SPOT)
    assert policy.decide(last) is Choice.SPOT


def test_resumed_work_has_more_slack_than_was_planned() -> None:
    policy = DeadlinePolicy.plan(terms(work_s=40 * HOUR, deadline_s=20 * HOUR))
    choice = policy.decide(seen(work_done_s=38 * HOUR, spot_available=False))
    assert choice is Choice.WAIT
    assert policy.expected_usd[Choice.WAIT] < policy.expected_usd[Choice.ON_DEMAND]


@pytest.mark.parametrize("spot", [3.06, 4.0, math.nan])
def test_spot_no_cheaper_than_on_demand_saves_nothing(spot: float) -> None:
    dear = terms(spot_price=spot)
    run = replay(dear, DeadlinePolicy.plan(dear), np.arange(60) % 3 > 0)
    assert Choice.SPOT not in run.choices or spot == 3.06
    assert run.launches == 1


@pytest.mark.parametrize(("spot", "on_demand"), [(0.0, 0.0), (-1.0, -1.0), (-0.5, 3.06), (0.0, 3.06)])
def test_free_or_negative_prices_end_on_time(spot: float, on_demand: float) -> None:
    free = terms(spot_price=spot, on_demand_price=on_demand)
    run = replay(free, DeadlinePolicy.plan(free), np.arange(60) % 7 > 2)
    assert not run.is_late(free.deadline_s)


@pytest.mark.parametrize(
    "wrong",
    [{"tick_s": 0.0}, {"tick_s": -1.0}, {"restart_overhead_s": -1.0}, {"work_s": math.nan}, {"deadline_s": math.inf}],
)
def test_terms_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        terms(**wrong)


def test_spot_that_is_always_there_is_taken_and_kept() -> None:
    ours = terms()
    run = replay(ours, DeadlinePolicy.plan(ours), np.ones(60, dtype=np.bool_))
    assert set(run.choices) == {Choice.SPOT}
    assert run.launches == 1


def test_spot_that_never_comes_costs_on_demand_only() -> None:
    ours = terms()
    run = replay(ours, DeadlinePolicy.plan(ours), np.zeros(60, dtype=np.bool_))
    assert run.cost_usd == pytest.approx(3.06 * math.ceil((4 * HOUR + 720) / 600) / 6)


def test_afresh_knows_nothing_of_the_last_job() -> None:
    ours = terms()
    policy = DeadlinePolicy.plan(ours)
    bits = np.arange(60) % 5 > 2
    first = replay(ours, policy.afresh(), bits)
    assert replay(ours, policy.afresh(), bits) == first


def test_prior_survives_json() -> None:
    prior = AvailabilityPrior.default()
    assert AvailabilityPrior.from_json(prior.to_json()) == prior


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"step_s": 0, "ages": [1], "weights": [1], "stay": [[[[0.5]], [[0.5]]]]}', "nope"]
)
def test_what_is_no_prior_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        AvailabilityPrior.from_json(text)


def test_belief_leans_to_the_regime_that_explains_what_was_seen() -> None:
    prior = AvailabilityPrior(
        step_s=600, ages=(1,), weights=(0.5, 0.5), stay=((((0.5,),), ((0.99,),)), (((0.99,),), ((0.5,),)))
    )
    belief = Belief(prior=prior)
    for _ in range(20):
        belief.observe(True, 600)
    assert belief.weights[0] > 0.99
    assert belief.age_s == 25 * 600  # what is seen first began an hour before
    belief.observe(False, 600)
    assert (belief.there, belief.age_s) == (False, 600)


def test_belief_tells_long_spells_from_short_ones_and_survives_being_kept() -> None:
    stay = (((0.9,), (0.9,)), ((0.5,), (0.95,)))
    prior = AvailabilityPrior(step_s=600, ages=(1,), spells=(2,), weights=(1.0,), stay=(stay,), source="test")
    belief = Belief(prior=prior)
    for there in (False, True, True, False, True):
        belief.observe(there, 600)
    assert belief.stays(600).tolist() == [0.5]  # the last spell was short
    assert belief.expected_stay_s() == pytest.approx(1200)
    for there in (True, True, False, True):
        belief.observe(there, 600)  # a spell of three
    assert belief.stays(600).tolist() == [0.95]
    kept = belief.learned()
    assert kept is not None
    again = Belief(prior=prior)
    assert again.recall(kept)
    assert again.learned() == kept
    assert not Belief(prior=AvailabilityPrior.default()).recall(kept)


def test_what_was_seen_long_ago_says_less() -> None:
    prior = AvailabilityPrior(
        step_s=600.0,
        ages=(1,),
        weights=(1.0, 3.0),
        stay=((((0.5,),), ((0.99,),)), (((0.5,),), ((0.6,),))),
    )
    belief = Belief(prior=prior)
    for _ in range(200):
        belief.observe(True, 600.0)
    assert 0.9 < belief.weights[0] < 1.0, "it may have come into another regime at any time"
    assert belief.weights.sum() == pytest.approx(1.0)
    belief.observe(True, 90 * 86400.0)  # after a season nothing is known but that it is there
    assert abs(belief.weights[0] - 0.25) < 0.01
    belief.observe(True, 9000 * 86400.0)
    assert belief.weights.tolist() == [0.25, 0.75]


def test_nothing_seen_is_nothing_to_keep() -> None:
    assert Belief(prior=AvailabilityPrior.default()).learned() is None


def test_expected_stay_grows_with_what_the_prior_says_of_age() -> None:
    prior = AvailabilityPrior(step_s=600, ages=(1, 3), weights=(1.0,), stay=((((0.5, 0.5),), ((0.5, 0.9),)),))
    belief = Belief(prior=prior)
    belief.observe(True, 600)
    assert belief.expected_stay_s() == pytest.approx(6000)
    belief.observe(False, 600)
    belief.observe(True, 600)
    assert belief.expected_stay_s() < 6000
