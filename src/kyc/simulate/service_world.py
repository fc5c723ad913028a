"""The simulated world of a service: instances that hold replicas, both with a start-up time, in steps of 1 s.

A replica is ready `replica_start_s` after it was started on a ready instance, or after its instance is ready. An
instance is billed from its launch to its release. Nothing is interrupted here. Policies act through the verbs of
`World`; the figures are drawn from what it recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kyc.simulate.service_trace import Arrivals, Floats

Ints = npt.NDArray[np.int64]

_BACKLOG_CAP_S = 10  # a queue longer than this many seconds of capacity turns requests away
_LATE_AFTER_S = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Physics:
    """What a replica and an instance can do, and how long they take. Times in whole seconds."""

    capacity_rps: float
    replicas_per_instance: int = 4
    replica_start_s: int = 2
    instance_start_s: int = 60
    instance_idle_s: int = 600  # an instance without replicas is released after this long, unless a policy does it
    min_replicas: int = 1


@dataclass(slots=True, eq=False)
class SimInstance:
    """An instance: launched and ready at these seconds; `replicas` maps replica number -> second it is ready."""

    number: int
    launched: int
    ready: int
    replicas: dict[int, int] = field(default_factory=dict)
    empty_since: int = 0


class World:
    """All instances and replicas now, and the record of ready replicas (`ready_per_second`) and of billed time."""

    def __init__(self, physics: Physics, *, seconds: int, replicas: int) -> None:
        self.physics = physics
        self.now = 0
        self.instances: list[SimInstance] = []
        self.ready_per_second: Ints = np.zeros(seconds, dtype=np.int64)
        self._held_change: Ints = np.zeros(seconds + 1, dtype=np.int64)
        self.instance_seconds = 0
        self.replica_seconds = 0
        self.launches = 0
        self.version = 0  # grows with every change, so that a policy can see that nothing happened
        self._numbers = 0
        self._coming: list[int] = []  # when each replica that is not ready yet will be
        self._total = 0
        for _ in range(replicas):
            self._start_ready()

    @property
    def total(self) -> int:
        """How many replicas there are, ready or not."""
        return self._total

    @property
    def ready(self) -> int:
        """How many replicas serve now."""
        return self._total - len(self._coming)

    @property
    def held_per_second(self) -> Ints:
        """How many instances were billed in each second, once the world is finished."""
        return np.cumsum(self._held_change[:-1])

    def launch(self) -> SimInstance:
        """Start a new instance; it is billed from now."""
        self.launches += 1
        return self._add_instance(ready=self.now + self.physics.instance_start_s)

    def start(self, instance: SimInstance) -> int:
        """Start a replica on the instance and return its number."""
        ready = max(self.now, instance.ready) + self.physics.replica_start_s
        self._coming.append(ready)
        return self._put(instance, ready)

    def stop(self, instance: SimInstance, number: int) -> None:
        """Stop a replica at once."""
        ready = instance.replicas.pop(number)
        if ready > self.now:
            self._coming.remove(ready)
        self._total -= 1
        self.replica_seconds += self.now
        if not instance.replicas:
            instance.empty_since = self.now
        self.version += 1

    def release(self, instance: SimInstance, *, at: int | None = None) -> None:
        """Give an instance back at the second (now by default), with whatever runs on it."""
        for number in list(instance.replicas):
            self.stop(instance, number)
        self.instances.remove(instance)
        end = min(self.now if at is None else at, len(self.ready_per_second))
        self.instance_seconds += end - instance.launched
        self._held_change[end] -= 1
        self.version += 1

    def release_idle(self) -> None:
        """Give back what has been empty for `instance_idle_s`."""
        idle = self.physics.instance_idle_s
        for instance in [i for i in self.instances if not i.replicas and i.empty_since + idle <= self.now]:
            self.release(instance, at=instance.empty_since + idle)

    def scale_to(self, replicas: int) -> None:
        """Bring the number of replicas to the wish, the plain way that all rivals use.

        New ones go to ready instances first, fullest first, then to those that start, then to new ones. The ones to
        go are those not ready yet, then those of the emptiest instance.
        """
        while self._total < replicas:
            self.start(self._roomiest_choice() or self.launch())
        while self._total > max(replicas, self.physics.min_replicas):
            instance, number = self._least_missed()
            self.stop(instance, number)

    def advance(self, end: int) -> None:
        """Let time go on to second `end`, recording the replicas that are ready in each second."""
        end = min(end, len(self.ready_per_second))
        record = self.ready_per_second
        record[self.now : end] = self.ready
        if self._coming:
            still = []
            for ready in self._coming:
                if ready < end:
                    record[max(ready, self.now) : end] += 1
                if ready > end:
                    still.append(ready)
            if len(still) != len(self._coming):
                self.version += 1
            self._coming = still
        self.now = end

    def finish(self) -> None:
        """End the billing of everything that still runs."""
        self.release_idle()
        for instance in list(self.instances):
            self.release(instance)

    def _start_ready(self) -> None:
        instance = self._roomiest_choice() or self._add_instance(ready=self.now)
        self._put(instance, self.now)

    def _add_instance(self, *, ready: int) -> SimInstance:
        self._numbers += 1
        instance = SimInstance(number=self._numbers, launched=self.now, ready=ready, empty_since=self.now)
        self.instances.append(instance)
        self._held_change[self.now] += 1
        self.version += 1
        return instance

    def _put(self, instance: SimInstance, ready: int) -> int:
        self._numbers += 1
        instance.replicas[self._numbers] = ready
        self._total += 1
        self.replica_seconds -= self.now
        self.version += 1
        return self._numbers

    def _roomiest_choice(self) -> SimInstance | None:
        room = [i for i in self.instances if len(i.replicas) < self.physics.replicas_per_instance]
        return max(room, key=lambda i: (i.ready <= self.now, len(i.replicas), -i.number), default=None)

    def _least_missed(self) -> tuple[SimInstance, int]:
        waiting = [(ready, i, n) for i in self.instances for n, ready in i.replicas.items() if ready > self.now]
        if waiting:
            _, instance, number = max(waiting, key=lambda item: (item[0], item[2]))
            return instance, number
        emptiest = min((i for i in self.instances if i.replicas), key=lambda i: (len(i.replicas), -i.number))
        return emptiest, max(emptiest.replicas)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a policy did. Shares are of all requests; see `figures_of` for their meaning."""

    over_share: float
    late_share: float
    instance_hours: float
    replica_hours: float
    launches: int
    max_replicas: int
    max_instances: int


def figures_of(world: World, arrivals: Arrivals) -> Figures:
    """Return the figures of a finished world.

    `over_share`: requests above the ready capacity of their own second. `late_share`: requests that arrive when the
    fluid queue before them (first in, first out, cut at 10 s of capacity) means a wait of more than 1 s.
    """
    capacity: Floats = world.ready_per_second.astype(np.float64) * world.physics.capacity_rps
    load = arrivals.per_second
    total = max(arrivals.total, 1.0)
    return Figures(
        over_share=float(np.clip(load - capacity, 0, None).sum()) / total,
        late_share=_late(load, capacity) / total,
        instance_hours=world.instance_seconds / 3600,
        replica_hours=world.replica_seconds / 3600,
        launches=world.launches,
        max_replicas=int(world.ready_per_second.max(initial=0)),
        max_instances=int(world.held_per_second.max(initial=0)),
    )


def _late(load: Floats, capacity: Floats) -> float:
    """Count the late requests; only the stretches that begin with an overload are walked through."""
    late = 0.0
    end = 0
    for start in np.flatnonzero(load > capacity):
        if start < end:
            continue
        backlog, second = 0.0, int(start)
        while second < len(load):
            serves = capacity[second]
            backlog = min(max(0.0, backlog + load[second] - serves), _BACKLOG_CAP_S * serves)
            if backlog > _LATE_AFTER_S * serves:
                late += float(load[second])
            second += 1
            if backlog <= 0:
                break
        end = second
    return late
