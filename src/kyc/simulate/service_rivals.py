"""The autoscalers that people use today, as their own source or documentation states them, for comparison.

Each decides on a number of replicas from the requests seen so far; `World.scale_to` carries it out. Constants are the
products' defaults. None of this runs live.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

from kyc.simulate.service_trace import Arrivals
from kyc.simulate.service_world import World

_HOUR = 3600
_DAY = 86400


class Rival(Protocol):
    """An autoscaler: asked every `tick_s` seconds for the number of replicas it wants now."""

    tick_s: int

    def desired(self, world: World, arrivals: Arrivals) -> int: ...


class StaticPeak:
    """As many replicas as the busiest second of the whole trace needs, all the time."""

    tick_s = 600

    def desired(self, world: World, arrivals: Arrivals) -> int:
        """Return the peak's replicas (it looks into the future: nobody knows the peak)."""
        return math.ceil(float(arrivals.per_second.max()) / world.physics.capacity_rps)


class PlainMaximum:
    """The plain reference: the highest mean over `window_s` of the last `history_s`, at a utilisation."""

    tick_s = 5

    def __init__(self, *, window_s: int, history_s: int, utilisation: float) -> None:
        self._window_s = window_s
        self._utilisation = utilisation
        self._seen: deque[tuple[int, float]] = deque()  # falling maxima with their seconds
        self._history_s = history_s

    def desired(self, world: World, arrivals: Arrivals) -> int:
        """Return ceil(maximum / (utilisation x capacity))."""
        now = world.now
        mean = arrivals.mean(now - self._window_s, now)
        while self._seen and self._seen[-1][1] <= mean:
            self._seen.pop()
        self._seen.append((now, mean))
        while self._seen[0][0] <= now - self._history_s:
            self._seen.popleft()
        return math.ceil(self._seen[0][1] / (self._utilisation * world.physics.capacity_rps))


class Hpa:
    """Kubernetes' HorizontalPodAutoscaler v2 (pkg/controller/podautoscaler): 15 s, tolerance 0.1, 300 s down.

    `signal` is "rps" (an external metric per replica) or "cpu" (a resource metric that cannot pass 100 %).
    """

    tick_s = 15

    def __init__(self, *, utilisation: float, signal: str = "rps", window_s: int = 30) -> None:
        self._utilisation = utilisation
        self._signal = signal
        self._window_s = window_s
        self._recommended: deque[tuple[int, int]] = deque()

    def desired(self, world: World, arrivals: Arrivals) -> int:
        """Return the stabilised, rate-limited number of replicas."""
        rps = arrivals.mean(world.now - self._window_s, world.now)
        return self.stabilised(world.now, self.recommendation(world, rps), world.total)

    def recommendation(self, world: World, rps: float) -> int:
        """Return what the metric alone asks for."""
        per_replica = self._utilisation * world.physics.capacity_rps
        if self._signal == "rps":
            return hpa_average_value(rps, target=per_replica, replicas=world.total)
        busy = min(1.0, rps / max(world.ready * world.physics.capacity_rps, 1e-9))
        return hpa_resource(busy, target=self._utilisation, ready=world.ready, replicas=world.total)

    def stabilised(self, now: int, recommended: int, replicas: int) -> int:
        """Return the recommendation after stabilisation (down 300 s, up none) and the limits of change per 15 s."""
        self._recommended.append((now, recommended))
        while self._recommended[0][0] <= now - 300:
            self._recommended.popleft()
        floor = max(number for _, number in self._recommended)
        wanted = recommended if recommended > replicas else min(replicas, floor)
        return max(1, min(wanted, max(replicas + 4, replicas * 2)))


def hpa_average_value(value: float, *, target: float, replicas: int) -> int:
    """Return HPA's answer for an external metric with AverageValue: ceil(value / target), 10 % tolerance."""
    if abs(1 - value / (target * max(replicas, 1))) <= 0.1:
        return replicas
    return max(1, math.ceil(value / target - 1e-9))


def hpa_resource(busy: float, *, target: float, ready: int, replicas: int) -> int:
    """Return HPA's answer for a resource metric: ceil(ratio x ready), unready ones counted idle on the way up.

    `busy` is the mean utilisation of the ready replicas, 0 to 1.
    """
    ratio = busy / target
    if abs(1 - ratio) <= 0.1:
        return replicas
    if ratio < 1 or ready == replicas:
        return max(1, math.ceil(ratio * ready - 1e-9))
    spread = ratio * ready / replicas
    if spread <= 1.1:
        return replicas
    return math.ceil(spread * replicas - 1e-9)


class Kpa:
    """Knative's pod autoscaler (knative.dev/serving/pkg/autoscaler/scaling): 2 s, windows 60 and 6 s, panic at 2x."""

    tick_s = 2

    def __init__(self, *, utilisation: float, delay_s: int = 0) -> None:
        self._utilisation = utilisation
        self._delay_s = delay_s
        self._panic_since: int | None = None
        self._panic_peak = 0
        self._delayed: deque[tuple[int, int]] = deque()

    def desired(self, world: World, arrivals: Arrivals) -> int:
        """Return the replicas of the stable window, or the highest so far while panicking."""
        now, ready = world.now, max(world.ready, 1)
        target = self._utilisation * world.physics.capacity_rps
        stable = kpa_clamped(arrivals.mean(now - 60, now) / target, ready=ready)
        panic = kpa_clamped(arrivals.mean(now - 6, now) / target, ready=ready)
        wanted = self._in_panic(now, panic, ready, stable)
        return self._delayed_down(now, wanted)

    def _in_panic(self, now: int, panic: int, ready: int, stable: int) -> int:
        if panic / ready >= 2.0:
            if self._panic_since is None:
                self._panic_peak = ready
            self._panic_since = now
        elif self._panic_since is not None and now - self._panic_since > 60:
            self._panic_since = None
        if self._panic_since is None:
            return stable
        self._panic_peak = max(self._panic_peak, stable, panic)
        return self._panic_peak

    def _delayed_down(self, now: int, wanted: int) -> int:
        if not self._delay_s:
            return wanted
        while self._delayed and self._delayed[-1][1] <= wanted:
            self._delayed.pop()
        self._delayed.append((now, wanted))
        while self._delayed[0][0] <= now - self._delay_s:
            self._delayed.popleft()
        return self._delayed[0][1]


def kpa_clamped(replicas: float, *, ready: int) -> int:
    """Return ceil(replicas) within [floor(ready / 2), 1000 x ready], 1 at least: Knative's default rates."""
    return max(1, min(max(math.ceil(replicas - 1e-9), ready // 2), 1000 * ready))


class SkyServe:
    """SkyServe's request-rate autoscaler (sky/serve/autoscalers.py): 20 s, rate of 60 s, 300 s up, 1200 s down."""

    tick_s = 20

    def __init__(self, *, utilisation: float, up_s: int = 300, down_s: int = 1200) -> None:
        self._utilisation = utilisation
        self._needed_up = up_s // self.tick_s
        self._needed_down = down_s // self.tick_s
        self._higher = self._lower = 0

    def desired(self, world: World, arrivals: Arrivals) -> int:
        """Return the latest target once enough samples in a row asked for the same direction."""
        rate = float(arrivals.cumulative[world.now] - arrivals.cumulative[max(0, world.now - 60)]) / 60
        target = max(1, math.ceil(rate / (self._utilisation * world.physics.capacity_rps) - 1e-9))
        self._higher = self._higher + 1 if target > world.total else 0
        self._lower = self._lower + 1 if target < world.total else 0
        if self._higher >= self._needed_up or self._lower >= self._needed_down:
            self._higher = self._lower = 0
            return target
        return world.total


class AwsTargetTracking:
    """AWS target tracking: 1-minute metric, alarms above the target for 3 minutes, under 90 % of it for 15."""

    tick_s = 60

    def __init__(self, *, utilisation: float) -> None:
        self._utilisation = utilisation
        self._high = self._low = 0

    def desired(self, world: World, arrivals: Arrivals) -> int:
        """Return ceil(capacity x metric / target) when an alarm has held long enough; CPU cannot pass 100 %."""
        rps = arrivals.mean(world.now - 60, world.now)
        busy = rps / max(world.ready * world.physics.capacity_rps, 1e-9)
        self._high = self._high + 1 if busy > self._utilisation else 0
        self._low = self._low + 1 if busy < 0.9 * self._utilisation else 0
        wanted = math.ceil(world.ready * busy / self._utilisation - 1e-9)
        if self._high >= 3:
            return max(world.total, wanted)
        if self._low >= 15:
            return max(1, min(world.total, wanted))
        return world.total


class DayAhead:
    """HPA on requests with the day before in mind: never below what the same hour of yesterday says of 300 s ahead."""

    tick_s = 15

    def __init__(self, *, utilisation: float) -> None:
        self._hpa = Hpa(utilisation=utilisation)
        self._utilisation = utilisation

    def desired(self, world: World, arrivals: Arrivals) -> int:
        """Return the larger of HPA's wish and the forecast's replicas."""
        wanted = self._hpa.desired(world, arrivals)
        forecast = day_ahead_rps(arrivals, world.now)
        return max(wanted, math.ceil(forecast / (self._utilisation * world.physics.capacity_rps)))


def day_ahead_rps(arrivals: Arrivals, now: int) -> float:
    """Return the requests/s to expect 300 s from `now`; 0 in the first day.

    It is the mean of that clock hour yesterday, times what the last whole hour was to yesterday's (0.5 to 2).
    """
    if now < _DAY:
        return 0.0
    hour = now // _HOUR * _HOUR
    last, before = arrivals.mean(hour - _HOUR, hour), arrivals.mean(hour - _HOUR - _DAY, hour - _DAY)
    ratio = min(2.0, max(0.5, last / before)) if before > 0 else 1.0
    ahead = (now + 300) // _HOUR * _HOUR - _DAY
    return ratio * arrivals.mean(ahead, ahead + _HOUR)
