"""How many instances and replicas a service should have: a pure function of what was seen, with its numbers.

An instance is what costs money, so it is decided first: each has to be **worth** its price. The worth of the n-th
instance is the demand that it would serve and the n - 1 before it could not, as a share of what it can serve:

- now: expected from the demand of the last `start` seconds and its chance (look back as far as must be looked ahead);
- record: what it would have served of the demand of the last `memory` seconds (the floor from recent peaks);
- ahead: expected from the forecast, where history supports one.

It is bought when one of them passes `buy_share`, and given back when all are under a quarter of that, also by the mean
of the whole memory. Between the two nothing moves. Then replicas fill the instances that are paid for anyway, or follow
the demand by the same rule one size smaller. Where the signal is broken or has too many gaps, nothing is scaled in.
Packing the replicas on the instances is `planning.packing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from kyc.domain.service import ScalingRule, WorthRule
from kyc.planning.demand import Floats, excess
from kyc.planning.forecast import Forecast
from kyc.planning.schedule import scheduled_floor

_LEAST_LOOK_S = 5  # a burst shorter than this is over before it is understood
_MOST_LOOK_S = 120
_REPLICA_MEMORY_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take here, in seconds, as measured or expected."""

    replica_start_s: float
    instance_start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """What was seen. `demand`: of each of the last seconds, in replicas, newest last, NaN where unknown.

    `grain`: the size of one event of it in replicas. `instances` and `replicas` count what lives or is on its way, not
    what goes. `per_instance`: how many replicas share an instance. `waiting`: requests held because nothing is ready.
    `lacks_signal`: one of several signals is missing, so that the demand may be larger than it seems.
    """

    demand: Floats
    grain: float
    instances: int
    replicas: int
    per_instance: int
    waiting: int = 0
    lacks_signal: bool = False
    forecast: Forecast | None = None


class Cause(StrEnum):
    """Why a size was chosen."""

    STEADY = "steady"
    NOW = "now"
    RECORD = "record"
    AHEAD = "ahead"
    WAITING = "waiting"
    UNUSED = "unused"
    LIMIT = "limit"
    SETTLING = "settling"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What one more (or the last) unit would serve, as shares of what it can."""

    now: float = 0.0
    record: float = 0.0
    ahead: float = 0.0

    @property
    def best(self) -> float:
        """The strongest of the three."""
        return max(self.now, self.record, self.ahead)

    @property
    def cause(self) -> Cause:
        """Which of the three is the strongest."""
        if self.record >= max(self.now, self.ahead):
            return Cause.RECORD
        return Cause.AHEAD if self.ahead > self.now else Cause.NOW


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleDecision:
    """How many there should be and why. `worth` is of the unit that decided: the one bought, kept or given back."""

    instances: int
    replicas: int
    was_instances: int
    was_replicas: int
    cause: Cause
    worth: Worth = Worth()
    buy_share: float = 0.0
    demand: float = 0.0

    @property
    def is_change(self) -> bool:
        """Whether anything is to change."""
        return (self.instances, self.replicas) != (self.was_instances, self.was_replicas)

    @property
    def numbers(self) -> dict[str, object]:
        """The decision as JSON values, for the event service.scaled; shares from 0 to 1, the demand in replicas."""
        return {
            "instances": self.instances,
            "replicas": self.replicas,
            "was_instances": self.was_instances,
            "was_replicas": self.was_replicas,
            "cause": self.cause.value,
            "demand": round(self.demand, 3),
            "worth_now": round(self.worth.now, 5),
            "worth_record": round(self.worth.record, 5),
            "worth_ahead": round(self.worth.ahead, 5),
            "buy_share": self.buy_share,
        }

    @property
    def reason(self) -> str:
        """The decision in a sentence, with its numbers."""
        change = f"{_step('instance', self.was_instances, self.instances)}, "
        change += f"{_step('replica', self.was_replicas, self.replicas)}: "
        explained = _EXPLAINED[self.cause]
        if self.cause is Cause.STEADY and self.replicas != self.was_replicas:
            explained = _REPLICAS_ONLY
        return change + explained.format(
            demand=self.demand, now=self.worth.now, record=self.worth.record, ahead=self.worth.ahead, buy=self.buy_share
        )


_EXPLAINED = {
    Cause.STEADY: "the demand of {demand:.1f} replicas moves nothing (one more would serve {now:.2%} of what "
    "it can by now's load, {record:.2%} by the peaks of late; bought above {buy:.2%})",
    Cause.NOW: "at a demand of {demand:.1f} replicas the last one would serve {now:.2%} of what it can that no other "
    "could (bought above {buy:.2%})",
    Cause.RECORD: "by the peaks of late the last one would serve {record:.2%} of what it can that no other "
    "could (bought above {buy:.2%}; demand now {demand:.1f} replicas)",
    Cause.AHEAD: "by yesterday's course the last one will serve {ahead:.2%} of what it can that no other "
    "could (bought above {buy:.2%}; demand now {demand:.1f} replicas)",
    Cause.WAITING: "requests wait and nothing is ready",
    Cause.UNUSED: "at a demand of {demand:.1f} replicas the one given back would serve only {now:.2%} of what it "
    "can by now's load and {record:.2%} by the peaks of late (bought above {buy:.2%})",
    Cause.LIMIT: "the limits and schedules of the service decide (demand {demand:.1f} replicas)",
    Cause.SETTLING: "too little has been seen yet to give anything back (demand {demand:.1f} replicas)",
    Cause.BROKEN: "a load signal is missing, so everything stays as it is",
}


_REPLICAS_ONLY = (
    "the instances have room for what a demand of {demand:.1f} replicas asks for (one more instance would serve "
    "{now:.2%} of what it can; bought above {buy:.2%})"
)


def _step(noun: str, was: int, now: int) -> str:
    plural = noun if now == 1 else f"{noun}s"
    return f"{now} {plural} (as before)" if was == now else f"{was} -> {now} {plural}"


def plan_scale(rule: ScalingRule, view: ServiceView, pace: Pace, *, now: datetime) -> ScaleDecision:
    """Return how many instances and replicas the service should have now, by the policy `worth`."""
    bounds = _bounds(rule, view, pace, now)
    look = _Look.at(rule.worth, view, start_s=pace.instance_start_s, size=view.per_instance)
    cause, worth, instances = _instances(look, view, bounds)
    replicas = _replicas(rule.worth, view, pace, bounds, instances)
    return ScaleDecision(
        instances=instances,
        replicas=replicas,
        was_instances=view.instances,
        was_replicas=view.replicas,
        cause=cause,
        worth=worth,
        buy_share=rule.worth.buy_share,
        demand=look.mean,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """The least and the most of each."""

    least_instances: int
    most_instances: int
    least_replicas: int
    most_replicas: int


def _bounds(rule: ScalingRule, view: ServiceView, pace: Pace, now: datetime) -> _Bounds:
    most_replicas = rule.max_replicas
    if rule.max_instances is not None:
        most_replicas = min(most_replicas, rule.max_instances * view.per_instance)
    lead = timedelta(seconds=pace.instance_start_s + pace.replica_start_s)
    floor = scheduled_floor(rule.schedules, now=now, lead=lead) if rule.schedules else 0
    least_replicas = min(max(rule.min_replicas, floor), most_replicas)
    return _Bounds(
        least_instances=math.ceil(least_replicas / view.per_instance),
        most_instances=math.ceil(most_replicas / view.per_instance),
        least_replicas=least_replicas,
        most_replicas=most_replicas,
    )


def _instances(look: _Look, view: ServiceView, bounds: _Bounds) -> tuple[Cause, Worth, int]:
    held = view.instances
    if held < bounds.least_instances or held > bounds.most_instances:
        # the same rule goes on from the limit: a limit is no reason to wait a tick for what the load asks
        held = min(max(held, bounds.least_instances), bounds.most_instances)
        cause, worth, size = (Cause.LIMIT, Worth(), held) if look.is_broken else look.size_from(held, bounds)
        return (Cause.LIMIT if size == held else cause), worth, size
    if held == 0 and view.waiting > 0 and bounds.most_instances > 0:
        cause, worth, size = look.size_from(1, bounds)
        return Cause.WAITING, worth, max(1, size)
    if look.is_broken:
        return Cause.BROKEN, Worth(), held
    return look.size_from(held, bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """The demand over the two windows, ready for the question: what is the n-th unit of `size` replicas worth?"""

    rule: WorthRule
    recent: Floats  # known values of the memory
    mean: float  # over the last `start` seconds
    long_mean: float
    known_s: int
    memory_s: int
    short_s: int
    is_broken: bool
    lacks_signal: bool
    grain: float
    size: int
    ahead: float | None

    @classmethod
    def at(cls, rule: WorthRule, view: ServiceView, *, start_s: float, size: int) -> _Look:
        """Look at the view for units that take `start_s` to start."""
        short_s = round(min(_MOST_LOOK_S, max(_LEAST_LOOK_S, start_s)))
        memory_s = memory_of(rule, start_s)
        recent = view.demand[-memory_s:]
        newest = recent[-short_s:]
        total = float(recent.sum())
        if math.isnan(total):
            recent, newest = recent[~np.isnan(recent)], newest[~np.isnan(newest)]
            total = float(recent.sum())
        expected_s = min(short_s, len(view.demand))
        forecast = view.forecast if rule.forecast else None
        return cls(
            rule=rule,
            recent=recent,
            mean=float(newest.sum()) / max(1, len(newest)),
            long_mean=total / max(1, len(recent)),
            known_s=len(recent),
            memory_s=memory_s,
            short_s=short_s,
            is_broken=len(newest) * 2 < expected_s or expected_s == 0,
            lacks_signal=view.lacks_signal,
            grain=view.grain,
            size=size,
            ahead=forecast.demand if forecast is not None and forecast.is_supported else None,
        )

    @property
    def is_settled(self) -> bool:
        """Whether enough was seen to give something back."""
        return self.known_s >= min(5 * self.short_s, self.memory_s)

    def worth(self, index: int) -> Worth:
        """Return what the unit after the first `index` is worth."""
        below = index * self.size
        return Worth(
            now=self._expected(self.mean, below),
            record=self.rule.recurrence * self._served(below),
            ahead=0.0 if self.ahead is None else self._expected(self.ahead, below),
        )

    def _expected(self, mean: float, below: int) -> float:
        more = excess(mean, below, self.grain) - excess(mean, below + self.size, self.grain)
        return max(0.0, more) / self.size

    def _served(self, below: int) -> float:
        """The share of the unit that the remembered demand would have used; a short memory counts as `short_s`."""
        above = self.recent - below
        np.maximum(above, 0.0, out=above)
        np.minimum(above, self.size, out=above)
        return float(above.sum()) / max(self.known_s, self.short_s) / self.size

    def size_from(self, held: int, bounds: _Bounds) -> tuple[Cause, Worth, int]:
        """Return how many units there should be instead of `held`, why, and what the deciding one is worth."""
        worth = following = self.worth(held)
        size = held
        while size < bounds.most_instances and following.best > self.rule.buy_share:
            worth = following
            size += 1
            following = self.worth(size)
        if size > held:
            return worth.cause, worth, size
        while size > bounds.least_instances and not self._is_kept(last := self.worth(size - 1), size - 1):
            if self.lacks_signal:
                return Cause.BROKEN, last, held
            if not self.is_settled:
                return Cause.SETTLING, last, held
            worth = last
            size -= 1
        return (Cause.UNUSED if size < held else Cause.STEADY), worth, size

    def _is_kept(self, worth: Worth, index: int) -> bool:
        if index == 0:  # without its first unit a service answers nobody: kept as long as any request is remembered
            return bool((self.recent > 0).any())
        keep_share = self.rule.keep_ratio * self.rule.buy_share
        return worth.best > keep_share or self._expected(self.long_mean, index * self.size) > keep_share


def memory_of(rule: WorthRule, start_s: float) -> int:
    """Return how many seconds of demand are remembered: the longer a unit takes to come back, the longer."""
    if rule.memory is not None:
        return max(1, round(rule.memory.total_seconds()))
    return round(min(1800, max(_REPLICA_MEMORY_S, 10 * start_s)))


def _replicas(rule: WorthRule, view: ServiceView, pace: Pace, bounds: _Bounds, instances: int) -> int:
    room = min(bounds.most_replicas, instances * view.per_instance)
    least = min(bounds.least_replicas, room)
    if rule.fill_instances:
        return room
    look = _Look.at(rule, view, start_s=pace.replica_start_s, size=1)
    held = min(max(view.replicas, least), room)
    if look.is_broken:
        return held
    limits = _Bounds(least_instances=least, most_instances=room, least_replicas=least, most_replicas=room)
    return look.size_from(held, limits)[2]
