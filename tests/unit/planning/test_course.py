"""What the deadline's policy is told of a live job, what its choice means, and how the jobs loop follows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from kyc.adapters.fake.catalog import fake_offer
from kyc.adapters.fake.clock import START
from kyc.domain.course import Course, Leave
from kyc.domain.ids import DeploymentId, InstanceId, WorkloadName, attempt_id
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState, Job, JobState
from kyc.domain.offer import Purchase
from kyc.domain.progress import Pace, next_pace
from kyc.domain.workload import JobSpec
from kyc.planning.action import Dismiss, Move, Place, Release, Terminate
from kyc.planning.ahead import MARGIN, WorkLeft, forecast_of, work_left
from kyc.planning.course import Situation, available, is_moving, plan_course, safe_course, tick_of
from kyc.planning.deadline import Choice, DeadlinePolicy
from kyc.planning.ledger import Cost
from kyc.planning.overhead import CLOUD_DEFAULT, LOCAL_DEFAULT, restart_overhead
from kyc.planning.recovery import JobView, plan_job

NAME = WorkloadName("train")
SPOT = fake_offer(zone="a")
DEAR = fake_offer(zone="a", purchase=Purchase.ON_DEMAND, price="0.10")
ON_DEMAND = Course(purchase=Purchase.ON_DEMAND, reason="the deadline is near")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def instance(number: int, *, purchase: Purchase = Purchase.SPOT, **changes: object) -> Instance:
    made = Instance(
        id=InstanceId(f"i-{number}"),
        deployment_id=DeploymentId("d-1"),
        offer=SPOT if purchase is Purchase.SPOT else DEAR,
        state=InstanceState.READY,
        requested_at=START,
        name="one",
        workload=NAME,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def attempt(number: int, state: AttemptState, *, started: float | None = None, **changes: object) -> Attempt:
    made = Attempt(
        id=attempt_id(NAME, number),
        workload=NAME,
        number=number,
        instance_id=InstanceId(f"i-{number}"),
        state=state,
        created_at=START,
        started_at=None if started is None else at(started),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def job(state: JobState = JobState.RUNNING, **changes: object) -> Job:
    spec = JobSpec(name=NAME, run="work", deadline=timedelta(hours=1), progress="step")
    made = Job(name=NAME, spec=spec, state=state, requested_at=START, sealed_key="", attempts=2)
    return replace(made, **changes)  # type: ignore[arg-type]


def view(the_job: Job, *pairs: tuple[Attempt, Instance]) -> JobView:
    return JobView(job=the_job, attempts=[a for a, _ in pairs], instances={i.id: i for _, i in pairs})


WORKING = (attempt(1, AttemptState.RUNNING, started=10), instance(1))
PACE = Pace(attempt=attempt_id(NAME, 1), first=0, first_at=at(10), last=100, last_at=at(110))
GOING = job(step=100, step_total=600, pace=PACE, course=Course(purchase=Purchase.SPOT, reason="cheap"))


def situation(the_view: JobView, *, now_s: float, **changes: object) -> Situation:
    made = Situation(
        view=the_view,
        spot=SPOT,
        on_demand=DEAR,
        overhead=timedelta(seconds=120),
        samples=3,
        tick_s=60,
        now=at(now_s),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def course_of(the_situation: Situation, work: WorkLeft) -> Course:
    terms = the_situation.terms(work)
    assert terms is not None
    return plan_course(the_situation, DeadlinePolicy.plan(terms), work)


# --- how much is left ---


def test_work_left_by_steps_with_a_margin() -> None:
    assert work_left(view(GOING, WORKING)) == WorkLeft(steps_s=500)
    assert WorkLeft(steps_s=500, unsafe_s=7).cautious_s == 500 * MARGIN + 7


def test_work_that_is_lost_counts_again() -> None:
    lost = (replace(WORKING[0], state=AttemptState.LOST, safe_at=at(80)), WORKING[1])
    assert work_left(view(GOING, lost)) == WorkLeft(steps_s=500, unsafe_s=30)


def test_without_steps_total_or_pace_nothing_is_known() -> None:
    for unknown in ({"step": None}, {"step_total": None}, {"pace": None}):
        assert work_left(view(replace(GOING, **unknown), WORKING)) is None  # type: ignore[arg-type]


def test_a_pace_is_measured_by_attempt_and_the_slower_counts_while_steps_are_few() -> None:
    one, two = attempt_id(NAME, 1), attempt_id(NAME, 2)
    pace = next_pace(None, one, 1, at(0))
    assert pace.seconds_a_step is None
    pace = next_pace(next_pace(pace, one, 5, at(20)), one, 11, at(50))
    assert pace.seconds_a_step == 5
    pace = next_pace(pace, two, 9, at(90))
    assert pace.seconds_a_step == 5
    assert next_pace(pace, two, 10, at(92)).seconds_a_step == 5, "one step says little"
    assert next_pace(pace, two, 19, at(110)).seconds_a_step == 2
    assert next_pace(pace, two, 10, at(60)).seconds_a_step == 5, "a clock that went back says nothing"


def test_forecast() -> None:
    cost = Cost(spent=Decimal(1), per_hour_now=Decimal("3.6"))
    assert forecast_of(GOING, cost) == Decimal("1.5")
    assert forecast_of(GOING, Cost(spent=Decimal(1))) is None
    assert forecast_of(replace(GOING, pace=None), cost) is None


# --- what it costs to start again ---


def test_the_overhead_is_a_high_quantile_of_replacements_and_has_a_default() -> None:
    assert restart_overhead([], {}, cloud="local") == (LOCAL_DEFAULT, 0)
    assert restart_overhead([], {}, cloud="aws") == (CLOUD_DEFAULT, 0)
    runs = [attempt(n, AttemptState.EXITED, started=n) for n in range(1, 41)]
    instances = {InstanceId(f"i-{n}"): instance(n) for n in range(1, 41)}
    assert restart_overhead(runs, instances, cloud="fake") == (timedelta(seconds=37), 39)
    assert restart_overhead(runs[:1], instances, cloud="fake") == (timedelta(seconds=1), 1)
    assert restart_overhead(runs[:5], instances, cloud="fake") == (timedelta(seconds=5), 4)
    assert restart_overhead(runs, instances, cloud="aws") == (CLOUD_DEFAULT, 0)


# --- the course ---


def test_unknown_work_runs_on_demand_and_says_what_is_missing() -> None:
    course = safe_course(situation(view(job(), WORKING), now_s=60))
    assert course.purchase is Purchase.ON_DEMAND
    assert "it has not printed a step yet" in course.reason
    course = safe_course(situation(view(job(), WORKING), now_s=60, on_demand=None))
    assert (course.purchase, course.wait) == (None, False)


def test_slack_stays_on_spot() -> None:
    assert course_of(situation(view(GOING, WORKING), now_s=110), WorkLeft(steps_s=500)).purchase is Purchase.SPOT


def test_no_slack_goes_on_demand() -> None:
    late = situation(view(GOING, WORKING), now_s=2600)
    assert course_of(late, WorkLeft(steps_s=800)).purchase is Purchase.ON_DEMAND


def test_spot_is_left_while_on_demand_can_still_catch_its_loss() -> None:
    """The work would end within this tick on spot; should spot end first, on demand could not finish it."""
    near = situation(view(GOING, WORKING), now_s=3600 - 190)
    work = WorkLeft(steps_s=40)
    assert work.cautious_s < near.tick_s
    assert course_of(near, work).purchase is Purchase.ON_DEMAND


def test_too_late_to_move_stays() -> None:
    hopeless = situation(view(GOING, WORKING), now_s=3600 - 100)
    assert course_of(hopeless, WorkLeft(steps_s=90)).purchase is Purchase.SPOT


def test_a_deadline_that_has_passed_finishes_soonest() -> None:
    course = course_of(situation(view(GOING, WORKING), now_s=4000), WorkLeft(steps_s=500))
    assert course.purchase is Purchase.ON_DEMAND
    assert "has passed" in course.reason


def test_work_that_is_done_by_its_count_is_not_let_go() -> None:
    course = course_of(situation(view(GOING, WORKING), now_s=200), WorkLeft(steps_s=0))
    assert not course.wait


def test_on_demand_that_nobody_sells_leaves_spot() -> None:
    course = course_of(situation(view(GOING, WORKING), now_s=2600, on_demand=None), WorkLeft(steps_s=800))
    assert (course.purchase, course.wait) == (None, False)
    assert "spot is better than nothing" in course.reason


def test_no_offer_at_all_has_no_terms() -> None:
    assert situation(view(GOING, WORKING), now_s=9, on_demand=None, spot=None).terms(WorkLeft(steps_s=1)) is None


def test_prices_that_are_missing_or_absurd_do_not_stop_the_policy() -> None:
    free = replace(SPOT, price_usd_per_hour=Decimal(0))
    negative = replace(SPOT, price_usd_per_hour=Decimal(-1))
    above = replace(SPOT, price_usd_per_hour=Decimal(9))
    for spot in (None, free, negative, above):
        course = course_of(situation(view(GOING, WORKING), now_s=2600, spot=spot), WorkLeft(steps_s=800))
        assert course.purchase is Purchase.ON_DEMAND


def test_what_runs_and_what_is_pending() -> None:
    work = WorkLeft(steps_s=500)

    def seen(the_view: JobView) -> tuple[Choice, float]:
        here = situation(the_view, now_s=30)
        terms = here.terms(work)
        assert terms is not None
        found = here.observation(terms, work)
        return found.running, found.pending_overhead_s

    assert seen(view(GOING, WORKING)) == (Choice.SPOT, 0)
    preparing = (attempt(1, AttemptState.PREPARING), instance(1, purchase=Purchase.ON_DEMAND))
    assert seen(view(GOING, preparing)) == (Choice.ON_DEMAND, 90)
    noticed = (WORKING[0], replace(WORKING[1], state=InstanceState.NOTICED))
    assert seen(view(GOING, noticed)) == (Choice.WAIT, 0)
    assert seen(view(GOING)) == (Choice.WAIT, 0)


def test_a_pool_that_failed_cools_down() -> None:
    other = fake_offer(zone="b", price="0.04")
    refused = instance(9, state=InstanceState.FAILED, interrupted_at=at(0))
    both = [SPOT, other, DEAR]
    assert available(both, [refused], Purchase.SPOT, tick_s=60, now=at(599)) == other
    assert available(both, [refused], Purchase.SPOT, tick_s=60, now=at(601)) == SPOT
    assert available([SPOT], [refused], Purchase.SPOT, tick_s=60, now=at(5)) is None
    assert available(both, [refused], Purchase.ON_DEMAND, tick_s=60, now=at(5)) == DEAR


def test_ticks() -> None:
    assert tick_of(timedelta(hours=70), {"aws"}) == 600
    assert tick_of(timedelta(minutes=2), {"aws", "local"}) == 60
    assert tick_of(timedelta(minutes=2), {"local"}) == 1


# --- the jobs loop follows ---


def plan(the_job: Job, *pairs: tuple[Attempt, Instance]) -> list[object]:
    return list(plan_job(view(the_job, *pairs), now=at(100)))


def test_another_kind_is_made_before_the_old_is_broken() -> None:
    moving = replace(GOING, course=ON_DEMAND)
    (place,) = plan(moving, WORKING)
    assert isinstance(place, Place)
    assert (place.purchase, place.replaces, place.reason) == (Purchase.ON_DEMAND, "i-1", "the deadline is near")
    heir = (attempt(2, AttemptState.PREPARING), instance(2, purchase=Purchase.ON_DEMAND))
    assert plan(moving, WORKING, heir) == []
    assert is_moving(view(moving, WORKING, heir))
    prepared = (replace(heir[0], state=AttemptState.PREPARED), heir[1])
    move, release = plan(moving, WORKING, prepared)
    assert isinstance(move, Move)
    assert not move.interrupted
    assert isinstance(release, Release)


def test_a_move_that_is_not_wanted_any_more_is_dropped() -> None:
    heir = (attempt(2, AttemptState.PREPARING), instance(2, purchase=Purchase.ON_DEMAND))
    assert [type(action) for action in plan(GOING, WORKING, heir)] == [Dismiss]


def test_waiting_lets_go_of_everything_and_keeps_the_job() -> None:
    waiting = replace(GOING, course=Course(wait=True, reason="spot will be back"))
    (release,) = plan(waiting, WORKING)
    assert isinstance(release, Release)
    released = (replace(WORKING[0], state=AttemptState.RELEASED), WORKING[1])
    move, terminate = plan(waiting, released)
    assert move == Move(state=JobState.QUEUED, reason="spot will be back")
    assert isinstance(terminate, Terminate)
    assert plan(replace(waiting, state=JobState.QUEUED)) == []


def test_the_first_instance_waits_for_the_policy_a_moment_and_no_longer() -> None:
    new = job(JobState.QUEUED)
    assert list(plan_job(view(new), now=at(9))) == []
    assert [type(action) for action in plan_job(view(new), now=at(11))] == [Place]


def test_an_instance_to_leave_is_left_for_less() -> None:
    leave = Leave(instance=InstanceId("i-1"), below_usd_per_hour=Decimal("0.03"), reason="tight")
    (place,) = plan(replace(GOING, leave=leave), WORKING)
    assert isinstance(place, Place)
    assert place.to_save
    assert not place.allows(SPOT)
    assert place.allows(fake_offer(price="0.02"))
    elsewhere = replace(leave, instance=InstanceId("i-7"))
    assert plan(replace(GOING, leave=elsewhere), WORKING) == []


def test_a_budget_stops_with_its_reason() -> None:
    stopping = replace(GOING, stop_requested=True, stop_reason="it is spent")
    assert plan(stopping, WORKING) == [Release(attempt=WORKING[0].id, reason="it is spent")]


# --- hops to a cheaper pool ---


def hop_of(price: str, **changes: object) -> Course:
    cheap = fake_offer(zone="b", price=price)
    long = timedelta(hours=40)
    slow = replace(PACE, last=2, last_at=at(1810))
    busy = replace(GOING, spec=replace(GOING.spec, deadline=long), step=10, step_total=110, pace=slow)
    the_view = view(busy, (WORKING[0], replace(WORKING[1], offer=replace(SPOT, price_usd_per_hour=Decimal("0.09")))))
    return course_of(
        situation(the_view, now_s=2000, spot=cheap, **changes), WorkLeft(steps_s=timedelta(hours=20).total_seconds())
    )


def test_a_much_cheaper_pool_is_hopped_to_and_only_below_the_price_that_is_paid() -> None:
    course = hop_of("0.01")
    assert (course.purchase, course.below_usd_per_hour) == (Purchase.SPOT, Decimal("0.09"))
    assert "pays for the move" in course.reason
    assert not course.allows(replace(SPOT, price_usd_per_hour=Decimal("0.09")))
    assert course.allows(replace(SPOT, price_usd_per_hour=Decimal("0.01")))


def test_a_hop_that_saves_less_than_it_costs_is_not_made() -> None:
    assert hop_of("0.0899").below_usd_per_hour is None
    assert hop_of("0.01", spot_stays_s=60.0).below_usd_per_hour is None


def test_a_course_below_a_price_asks_for_such_an_instance_while_the_old_one_works() -> None:
    course = Course(purchase=Purchase.SPOT, below_usd_per_hour=SPOT.price_usd_per_hour, reason="it pays for the move")
    steps = plan_job(view(replace(GOING, course=course), WORKING), now=at(200))
    (place,) = (step for step in steps if isinstance(step, Place))
    assert place.below_usd_per_hour == SPOT.price_usd_per_hour
    assert not [step for step in steps if isinstance(step, Release)]
