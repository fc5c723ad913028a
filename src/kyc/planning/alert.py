"""When a price alert fires, and what follows for jobs. Pure: the control loop stores and tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from kyc.domain.alert import PriceAlert, Side, Then
from kyc.domain.course import ANYWHERE, Course
from kyc.domain.ids import InstanceId
from kyc.domain.instance import Instance, InstanceState
from kyc.domain.job import Attempt, AttemptState, Job
from kyc.domain.offer import Offer, Purchase

# A price that hovers on the line would fire at every tick: it has to come back by this share before it counts as back.
HYSTERESIS = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The alert with the price that was seen; `fires`: it crossed just now, `returns`: it has come back just now."""

    alert: PriceAlert
    fires: bool = False
    returns: bool = False


def look(alert: PriceAlert, price: Decimal, *, now: datetime) -> Seen:
    """Hold the price against the line. The first price that is seen counts as a crossing if it is beyond already."""
    beyond = _is_beyond(alert, price)
    seen = replace(alert, seen_usd_per_hour=price, seen_at=now, crossed=beyond)
    if beyond and not alert.crossed:
        return Seen(alert=replace(seen, fired=alert.fired + 1, fired_at=now), fires=True)
    return Seen(alert=seen, returns=bool(alert.crossed) and not beyond)


def price_of(alert: PriceAlert, offers: Iterable[Offer]) -> Decimal | None:
    """Return the least spot price of the alert's market; None where nothing is sold there now."""
    return min((offer.price_usd_per_hour for offer in offers if alert.market.covers(offer)), default=None)


def reason_of(alert: PriceAlert, price: Decimal) -> str:
    """Return in words why it fires."""
    what = f"the spot price of {alert.market.words()} is ${price.normalize():f}/h"
    return f"{what}, {alert.side.value} ${alert.usd_per_hour.normalize():f}/h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """A job and the spot instance in the alert's market on which it works."""

    job: Job
    instance: Instance


def working_there(
    alert: PriceAlert, jobs: Iterable[Job], attempts: Iterable[Attempt], instances: Mapping[InstanceId, Instance]
) -> list[Working]:
    """Return the jobs that the alert is about: those that work in its market now."""
    runs = {a.workload: a.instance_id for a in attempts if a.state is AttemptState.RUNNING}
    found = []
    for job in jobs:
        instance = instances.get(runs[job.name]) if job.name in runs else None
        wanted = alert.workload in {None, job.name} and not job.is_over and not job.stop_requested
        if wanted and instance is not None and alert.market.covers(instance.offer):
            found.append(Working(job=job, instance=instance))
    return found


def plan_pause(alert: PriceAlert, there: Sequence[Working], reason: str) -> list[Job]:
    """Return the jobs as they rest. One with a deadline does not: its policy weighs prices, and must not be late."""
    if alert.then is not Then.PAUSE:
        return []
    return [
        replace(one.job, course=Course(wait=True, reason=reason))
        for one in there
        if one.job.deadline_at is None and not one.job.course.wait
    ]


def plan_resume(alert: PriceAlert, jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs as they go on that rest because of the alert, and for nothing else since."""
    return [
        replace(job, course=ANYWHERE)
        for job in jobs
        if job.name in alert.paused and job.course.wait and job.deadline_at is None and not job.is_over
    ]


def plan_move(alert: PriceAlert, one: Working, offers: Sequence[Offer], reason: str) -> Instance | None:
    """Return the instance as it is to be left, None where nothing outside of the market costs less."""
    if alert.then is not Then.MOVE or one.instance.state is not InstanceState.READY:
        return None
    price = one.instance.price_now.usd_per_hour
    cheaper = [
        offer
        for offer in offers
        if offer.price_usd_per_hour < price and not alert.market.covers(offer) and one.job.course.allows(offer)
    ]
    if not cheaper:
        return None
    best = min(cheaper, key=lambda offer: offer.price_usd_per_hour)
    kind = "spot" if best.purchase is Purchase.SPOT else "on demand"
    told = f"{reason}; {best.id} ({kind}) costs ${best.price_usd_per_hour.normalize():f}/h"
    return one.instance.to(InstanceState.DRAINING, end_reason=told)


def _is_beyond(alert: PriceAlert, price: Decimal) -> bool:
    line = alert.usd_per_hour
    if alert.side is Side.ABOVE:
        return price > (line * (1 - HYSTERESIS) if alert.crossed else line)
    return price < (line * (1 + HYSTERESIS) if alert.crossed else line)
