"""Between a live job and the deadline's policy: what the policy is told, and what its choice means for the job.

The policy (`planning.deadline`) thinks in ticks, in a world where spot holds for a whole tick. Live, spot ends at any
moment, work is an estimate, and what is not known must not cost the deadline: this module leans to the safe side, and
says so. The deadlines loop stores the course, the jobs loop follows it; nothing here reads a clock or a store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from kyc.domain.course import Course
from kyc.domain.instance import LIVING, Instance
from kyc.domain.job import Attempt
from kyc.domain.offer import Offer, Pool, Purchase
from kyc.planning.ahead import WorkLeft, unknown_because
from kyc.planning.deadline import Choice, DeadlinePolicy, JobTerms, Observation
from kyc.planning.overhead import LOCAL
from kyc.planning.recovery import AVOID_POOL_FOR, JobView
from kyc.planning.zones import LONGEST_RUN_S, Candidate, worth_moving

TICKS = 420  # in all: what the policy is planned and measured with
LOCAL_TICK_S, CLOUD_TICK_S = 1.0, 60.0
LEAST_COOLING = timedelta(seconds=30)
COOLING_TICKS = 10
WORTH_WAITING = 0.05  # while spot is there, waiting has to save this share: people want the work done as well
_KINDS = {Choice.SPOT: Purchase.SPOT, Choice.ON_DEMAND: Purchase.ON_DEMAND}
_CHOICES = {purchase: choice for choice, purchase in _KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of a job with a deadline: the best offer of each kind that can be had (None: none can).

    `overhead` is what a replacement takes until it works, found from `samples` of our own (0: a default);
    `spot_stays_s` is how long the best spot offer is expected to last.
    """

    view: JobView
    spot: Offer | None
    on_demand: Offer | None
    overhead: timedelta
    samples: int
    tick_s: float
    now: datetime
    spot_stays_s: float = LONGEST_RUN_S

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; negative behind it."""
        at = self.view.job.deadline_at
        assert at is not None  # only jobs with a deadline have a course
        return (at - self.now).total_seconds()

    def observation(self, terms: JobTerms, work: WorkLeft) -> Observation:
        """Return what the policy sees. The end of the work never counts as reached: only its exit says that."""
        running, pending_s = running_of(self.view), self._pending_s()
        remaining_s = max(work.cautious_s, self.tick_s)
        return Observation(
            elapsed_s=terms.deadline_s - self.left_s,
            work_done_s=terms.work_s - remaining_s,
            pending_overhead_s=pending_s,
            running=running,
            spot_available=self.spot is not None or running is Choice.SPOT,
        )

    def terms(self, work: WorkLeft) -> JobTerms | None:
        """Return what the policy is planned with; None where there is no offer at all."""
        offers = [offer for offer in (self.spot, self.on_demand) if offer is not None]
        deadline = self.view.job.spec.deadline
        if not offers or deadline is None:
            return None
        spot, on_demand = (_price(offer) for offer in (self.spot, self.on_demand))
        return JobTerms(
            work_s=max(work.cautious_s, self.tick_s),
            deadline_s=deadline.total_seconds(),
            restart_overhead_s=self.overhead.total_seconds(),
            tick_s=self.tick_s,
            spot_price=spot,
            on_demand_price=on_demand,
        )

    def _pending_s(self) -> float:
        """Return how long what runs still takes until it works."""
        attempt = _current(self.view)
        if attempt is None or attempt.started_at is not None or running_of(self.view) is Choice.WAIT:
            return 0.0
        waited_s = max(0.0, (self.now - attempt.created_at).total_seconds())
        return max(0.0, self.overhead.total_seconds() - waited_s)


def running_of(view: JobView) -> Choice:
    """Return what the job has: the instance that works and stays, else the one that prepares, else nothing."""
    attempt = _current(view)
    instance = None if attempt is None else view.instances.get(attempt.instance_id)
    return Choice.WAIT if instance is None or instance.is_doomed else _CHOICES[instance.offer.purchase]


def tick_of(deadline: timedelta, clouds: Iterable[str]) -> float:
    """Return the seconds between two decisions: a 420th of the deadline, but no less than what makes sense."""
    least = LOCAL_TICK_S if set(clouds) <= {LOCAL} else CLOUD_TICK_S
    return max(least, deadline.total_seconds() / TICKS)


def available(
    offers: Sequence[Offer], instances: Iterable[Instance], purchase: Purchase, *, tick_s: float, now: datetime
) -> Offer | None:
    """Return the best offer of the kind (`offers` come best first) whose pool has not just failed us, or None."""
    cooling = min(AVOID_POOL_FOR, max(LEAST_COOLING, timedelta(seconds=COOLING_TICKS * tick_s)))
    failed = _failed(instances, purchase, since=now - cooling)
    return next((offer for offer in offers if offer.purchase is purchase and offer.pool not in failed), None)


def is_moving(view: JobView) -> bool:
    """Say whether a move to another kind is under way: it is finished, not thought over again."""
    holder, heir = view.holder, view.heir
    return holder is not None and heir is not None and view.state_of(holder) in LIVING


def safe_course(situation: Situation) -> Course:
    """Return the course of a job that does not tell how much work is left: whatever on-demand can do has to be done."""
    why = unknown_because(situation.view.job)
    if situation.on_demand is None:
        return Course(reason=f"how much work is left is not known ({why}), and no on-demand capacity can be had")
    return Course(
        purchase=Purchase.ON_DEMAND,
        reason=f"how much work is left is not known ({why}): only on demand is the deadline as safe as it can be",
    )


def plan_course(situation: Situation, policy: DeadlinePolicy, work: WorkLeft) -> Course:
    """Ask the policy once, and return what its choice means here."""
    seen = situation.observation(policy.terms, work)
    choice = policy.decide(seen)
    slack_s, reason = _slack_s(policy.terms, seen), _why(policy)
    if choice is Choice.WAIT and _is_as_good(policy, Choice.SPOT):
        choice, reason = Choice.SPOT, f"waiting for better spot capacity would save too little; {reason}"
    course = _lean_safe(situation, choice, reason, slack_s=slack_s)
    stays = course.purchase is Purchase.SPOT and seen.running is Choice.SPOT
    hop = _hop(situation, work, slack_s=slack_s) if stays else None
    return hop or course


def _is_as_good(policy: DeadlinePolicy, choice: Choice) -> bool:
    """Say whether the choice was open and is expected to cost hardly more than the best one."""
    costs = policy.expected_usd
    return choice in costs and costs[choice] <= (1 + WORTH_WAITING) * min(costs.values())


def _hop(situation: Situation, work: WorkLeft, *, slack_s: float) -> Course | None:
    """Return the course to a cheaper pool where the move pays and time enough is left to lose it; else None."""
    attempt, offer, overhead_s = _current(situation.view), situation.spot, situation.overhead.total_seconds()
    held = None if attempt is None else situation.view.instances.get(attempt.instance_id)
    if held is None or offer is None or offer.pool == held.offer.pool or attempt is None or attempt.started_at is None:
        return None
    run_s = min(situation.spot_stays_s, work.steps_s)
    other = Candidate(zone=offer.zone, price=float(offer.price_usd_per_hour), run_s=run_s)
    price, dearest = held.offer.price_usd_per_hour, _price(situation.on_demand)
    has_room = slack_s >= 2 * overhead_s + 3 * situation.tick_s
    if not has_room or not worth_moving(float(price), other, lost_s=overhead_s, on_demand_price=max(dearest, 0.0)):
        return None
    reason = f"{offer.zone} costs ${offer.price_usd_per_hour:.4f} an hour, not ${price:.4f}: it pays for the move"
    return Course(purchase=Purchase.SPOT, below_usd_per_hour=price, reason=reason)


def _why(policy: DeadlinePolicy) -> str:
    """Return the policy's reason, with as many digits as small sums need."""
    if not policy.expected_usd:
        return policy.reason
    costs = sorted(policy.expected_usd.items(), key=lambda item: item[1])
    told = ", ".join(f"{choice.value.replace('_', '-')} ${usd:.4f}" for choice, usd in costs)
    return f"least expected cost to finish: {told}"


def _lean_safe(situation: Situation, choice: Choice, reason: str, *, slack_s: float) -> Course:
    overhead_s = situation.overhead.total_seconds()
    if choice is Choice.SPOT and overhead_s <= slack_s < overhead_s + situation.tick_s:
        choice, reason = Choice.ON_DEMAND, "if spot were lost now, on demand could not finish in time any more"
    match choice:
        case Choice.WAIT:
            return Course(wait=True, reason=reason)
        case Choice.ON_DEMAND if situation.on_demand is None and situation.spot is not None:
            return Course(reason=f"{reason}; but no on-demand capacity can be had, so spot is better than nothing")
        case Choice.ON_DEMAND | Choice.SPOT:
            return Course(purchase=_KINDS[choice], reason=reason)
        case _:
            assert_never(choice)


def facts_of(situation: Situation, work: WorkLeft | None, before: Course, after: Course) -> dict[str, object]:
    """Return the numbers behind a switch, as an event's data."""
    left_s = None if work is None else round(work.cautious_s, 1)
    return {
        "from": word_of(before),
        "to": word_of(after),
        "work_left_s": left_s,
        "time_left_s": round(situation.left_s, 1),
        "slack_s": None if left_s is None else round(situation.left_s - left_s, 1),
        "overhead_s": round(situation.overhead.total_seconds(), 1),
        "overhead_samples": situation.samples,
        "spot_usd_per_hour": None if situation.spot is None else float(situation.spot.price_usd_per_hour),
        "on_demand_usd_per_hour": None
        if situation.on_demand is None
        else float(situation.on_demand.price_usd_per_hour),
        "spot_available": situation.spot is not None,
    }


def word_of(course: Course) -> str:
    """Return a course in one word: `wait`, `spot`, `on_demand` or `any`."""
    if course.wait:
        return "wait"
    return "any" if course.purchase is None else course.purchase.value


def _current(view: JobView) -> Attempt | None:
    return view.holder or view.heir


def _slack_s(terms: JobTerms, seen: Observation) -> float:
    return (terms.deadline_s - seen.elapsed_s) - (terms.work_s - seen.work_done_s)


def _price(offer: Offer | None) -> float:
    return float("nan") if offer is None else float(offer.price_usd_per_hour)


def _failed(instances: Iterable[Instance], purchase: Purchase, *, since: datetime) -> frozenset[Pool]:
    return frozenset(
        instance.offer.pool
        for instance in instances
        if instance.offer.purchase is purchase
        and instance.interrupted_at is not None
        and instance.interrupted_at > since
    )
