"""What-if for services: a request trace, the planning code that runs live, and the autoscalers of others beside it.

The model: steps of one second; a replica serves `capacity_rps`; an instance is billed from launch to release; nothing
is interrupted; a run starts with ceil(mean of the first 60 s / 0.7 capacity) replicas, all ready.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from kyc.domain.errors import InvalidInputError
from kyc.simulate.service_bounds import clairvoyant_hours, fluid_hours, oracle_hours
from kyc.simulate.service_drivers import Change, ThresholdDriver, WorthDriver
from kyc.simulate.service_rivals import (
    AwsTargetTracking,
    DayAhead,
    Hpa,
    Kpa,
    PlainMaximum,
    Rival,
    SkyServe,
    StaticPeak,
)
from kyc.simulate.service_trace import Arrivals, arrivals_of, read_arrivals
from kyc.simulate.service_world import Figures, Ints, Physics, World, figures_of

POLICIES = ("ours", "threshold", "hpa", "hpacpu", "kpa", "kpadelay", "keda", "skyserve", "aws", "dayahead", "static")
DEFAULT_BASELINES = ("static", "hpa70", "hpa50", "kpa70", "kpa50", "skyserve70", "aws70", "threshold")
_START_UTILISATION = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to simulate. Times in seconds. `policy` and `baselines` are names of POLICIES, most with a utilisation in
    percent behind (`hpa50`; 70 without), or `max15/600/80` (the plain reference: window, history, utilisation).

    `from_s` and `to_s` cut the trace (drawn whole first), for validation on a part of it.
    """

    requests: Path
    capacity_rps: float
    scale: float = 1.0
    replicas_per_instance: int = 4
    replica_start_s: int = 2
    instance_start_s: int = 60
    min_replicas: int = 1
    policy: str = "ours"
    baselines: tuple[str, ...] = DEFAULT_BASELINES
    from_s: int = 0
    to_s: int | None = None
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a policy did: its figures, the changes it made with their reasons, and its course second by second."""

    policy: str
    figures: Figures
    changes: tuple[Change, ...] = ()
    ready_per_second: Ints = field(repr=False)
    held_per_second: Ints = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A policy beside the others and the bounds; hours are instance-hours."""

    options: Options
    arrivals: Arrivals = field(repr=False)
    outcome: Outcome
    baselines: dict[str, Figures]
    oracle_hours: float
    fluid_hours: float
    clairvoyant_hours: float

    def to_json(self) -> dict[str, object]:
        """Return the report as JSON values: the policy's figures flat, the others under `baselines`."""
        return {
            "policy": self.outcome.policy,
            "requests": self.arrivals.total,
            "seconds": self.arrivals.seconds,
            **asdict(self.outcome.figures),
            "oracle_instance_hours": self.oracle_hours,
            "fluid_instance_hours": self.fluid_hours,
            "clairvoyant_instance_hours": self.clairvoyant_hours,
            "baselines": {name: asdict(figures) for name, figures in self.baselines.items()},
            "changes": [asdict(change) for change in self.outcome.changes],
        }


def run(options: Options) -> Report:
    """Simulate the policy and the baselines on the trace; raise InvalidInputError for what cannot be simulated."""
    physics = _physics(options)
    arrivals = _arrivals(options)
    outcome = run_policy(options.policy, arrivals, physics)
    names = [name for name in options.baselines if name != options.policy]
    return Report(
        options=options,
        arrivals=arrivals,
        outcome=outcome,
        baselines={name: run_policy(name, arrivals, physics).figures for name in names},
        oracle_hours=oracle_hours(arrivals, physics),
        fluid_hours=fluid_hours(arrivals, physics),
        clairvoyant_hours=clairvoyant_hours(arrivals, physics, over_share=outcome.figures.over_share),
    )


def run_policy(name: str, arrivals: Arrivals, physics: Physics) -> Outcome:
    """Run one policy through the whole trace."""
    driver = _driver(name, arrivals, physics)
    first = arrivals.mean(0, min(60, arrivals.seconds))
    replicas = math.ceil(first / (_START_UTILISATION * physics.capacity_rps))
    if name == "static":
        replicas = math.ceil(float(arrivals.per_second.max()) / physics.capacity_rps)
    world = World(physics, seconds=arrivals.seconds, replicas=max(physics.min_replicas, replicas))
    while world.now < arrivals.seconds:
        world.release_idle()
        if world.now > 0:
            driver.step(world)
        world.advance(world.now + driver.tick_s)
    world.finish()
    return Outcome(
        policy=name,
        figures=figures_of(world, arrivals),
        changes=tuple(driver.changes),
        ready_per_second=world.ready_per_second,
        held_per_second=world.held_per_second,
    )


class _Driver(Protocol):
    """Acts on the world every `tick_s` seconds."""

    tick_s: int
    changes: list[Change]

    def step(self, world: World) -> None: ...


class _RivalDriver:
    """Lets the world follow a rival's number of replicas."""

    def __init__(self, rival: Rival, arrivals: Arrivals) -> None:
        self.tick_s = rival.tick_s
        self.changes: list[Change] = []
        self._rival = rival
        self._arrivals = arrivals

    def step(self, world: World) -> None:
        world.scale_to(self._rival.desired(world, self._arrivals))


def _driver(name: str, arrivals: Arrivals, physics: Physics) -> _Driver:
    if name == "ours":
        return WorthDriver(arrivals, physics)
    if name == "threshold":
        return ThresholdDriver(arrivals, physics)
    return _RivalDriver(rival_of(name), arrivals)


def rival_of(name: str) -> Rival:
    """Return a fresh autoscaler of others by its name, such as `hpa50`; raise InvalidInputError for none of them."""
    plain = re.fullmatch(r"max(\d+)/(\d+)/(\d+)", name)
    if plain:
        window_s, history_s, percent = map(int, plain.groups())
        return PlainMaximum(window_s=window_s, history_s=history_s, utilisation=percent / 100)
    named = re.fullmatch(r"([a-z]+)(\d{1,3})?", name)
    kind = named.group(1) if named else ""
    utilisation = float(named.group(2) or 70) / 100 if named else 0.7
    rivals: dict[str, Rival] = {
        "hpa": Hpa(utilisation=utilisation),
        "keda": Hpa(utilisation=utilisation),  # from 1 to N KEDA leaves the work to an HPA with AverageValue
        "hpacpu": Hpa(utilisation=utilisation, signal="cpu"),
        "kpa": Kpa(utilisation=utilisation),
        "kpadelay": Kpa(utilisation=utilisation, delay_s=300),
        "skyserve": SkyServe(utilisation=utilisation),
        "skyservefast": SkyServe(utilisation=utilisation, up_s=60, down_s=300),
        "aws": AwsTargetTracking(utilisation=utilisation),
        "dayahead": DayAhead(utilisation=utilisation),
        "static": StaticPeak(),
    }
    if kind not in rivals or utilisation <= 0:
        raise InvalidInputError(f"no policy {name!r}", next_step=f"One of: {', '.join(POLICIES)}.")
    return rivals[kind]


def _physics(options: Options) -> Physics:
    if options.capacity_rps <= 0 or options.replicas_per_instance < 1 or options.scale <= 0:
        raise InvalidInputError("capacity, scale and replicas per instance must be above 0")
    if min(options.replica_start_s, options.instance_start_s) < 0:
        raise InvalidInputError("start-up times must not be below 0")
    return Physics(
        capacity_rps=options.capacity_rps,
        replicas_per_instance=options.replicas_per_instance,
        replica_start_s=options.replica_start_s,
        instance_start_s=options.instance_start_s,
        min_replicas=max(1, options.min_replicas),
    )


def _arrivals(options: Options) -> Arrivals:
    arrivals = read_arrivals(options.requests, scale=options.scale, seed=options.seed)
    if options.from_s == 0 and options.to_s is None:
        return arrivals
    part = arrivals.per_second[options.from_s : options.to_s]
    if len(part) == 0:
        raise InvalidInputError(f"nothing of the trace is between {options.from_s} and {options.to_s} s")
    return arrivals_of(np.ascontiguousarray(part))
