"""The policy `threshold`: the rules of the Auto Cloud Scaler, which kyc comes from, with its numbers as settings.

Two levels that know nothing of each other. An instance whose own CPU stays high gets one more replica; when even the
least loaded instance is busy, exactly one more instance starts, and nothing further until it has joined. The original
had no way down; here an instance or replica goes when all have been idle for long. Loads are CPU shares from 0 to 1,
one sample a second, newest last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from kyc.domain.ids import InstanceId
from kyc.domain.service import ThresholdRule


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceLoad:
    """An instance as the rules see it. `samples` empty and `age_s` 0: it has not joined yet."""

    id: InstanceId
    samples: Sequence[float]
    replicas: int
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Never fewer, never more."""

    max_per_instance: int
    max_instances: int
    min_instances: int = 1
    min_replicas: int = 1
    max_replicas: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReplica:
    """One more replica on the instance."""

    instance_id: InstanceId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveReplica:
    """One replica fewer on the instance."""

    instance_id: InstanceId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddInstance:
    """One more instance."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveInstance:
    """The instance is drained and given back."""

    instance_id: InstanceId
    reason: str


ThresholdAction = AddReplica | RemoveReplica | AddInstance | RemoveInstance


def plan_threshold(loads: Sequence[InstanceLoad], rule: ThresholdRule, limits: Limits) -> tuple[ThresholdAction, ...]:
    """Return what the rules say now: at most one change of instances, and one of each instance's replicas."""
    joined = [load for load in loads if len(load.samples) > 0 and load.age_s >= rule.boot_grace.total_seconds()]
    actions: list[ThresholdAction] = []
    room = limits.max_replicas - sum(load.replicas for load in loads)
    for load in joined:
        more = _add_replica(load, rule, limits) if room > 0 else None
        if more is not None:
            actions.append(more)
            room -= 1
    change = _add_instance(loads, joined, rule, limits)
    if change is not None:
        actions.append(change)
    elif not actions:
        actions += _go_down(loads, joined, rule, limits)
    return tuple(actions)


def rank_least_loaded(loads: Sequence[InstanceLoad], *, samples: int = 5) -> list[InstanceLoad]:
    """Return the instances by the mean of their last samples, the least loaded first; without a sample it counts 0."""
    return sorted(loads, key=lambda load: (mean_of_last(load.samples, samples), load.id))


def mean_of_last(samples: Sequence[float], count: int) -> float:
    """Return the mean of the last samples, 0 without any."""
    last = samples[-count:]
    return float(sum(last)) / len(last) if len(last) else 0.0


def _add_replica(load: InstanceLoad, rule: ThresholdRule, limits: Limits) -> AddReplica | None:
    if load.replicas >= limits.max_per_instance:
        return None
    above = rule.add_replica_above[min(max(load.replicas, 1), len(rule.add_replica_above)) - 1]
    sustain = max(1, round(rule.sustain.total_seconds()))
    last = load.samples[-sustain:]
    if len(last) < sustain or min(last) <= above:
        return None
    reason = f"CPU of {load.id} above {above:.0%} for {sustain} s (least {min(last):.0%}), {load.replicas} replicas"
    return AddReplica(instance_id=load.id, reason=reason)


def _add_instance(
    loads: Sequence[InstanceLoad], joined: Sequence[InstanceLoad], rule: ThresholdRule, limits: Limits
) -> AddInstance | None:
    if len(loads) >= limits.max_instances or len(joined) < len(loads):
        return None
    if not joined:
        return AddInstance(reason="no instance yet") if limits.min_instances > 0 else None
    least = rank_least_loaded(joined, samples=rule.samples)[0]
    mean = mean_of_last(least.samples, rule.samples)
    if mean < rule.add_instance_at - 1e-9:
        return None
    return AddInstance(
        reason=f"even the least loaded instance {least.id} is at {mean:.0%} (from {rule.add_instance_at:.0%} on)"
    )


def _go_down(
    loads: Sequence[InstanceLoad], joined: Sequence[InstanceLoad], rule: ThresholdRule, limits: Limits
) -> list[ThresholdAction]:
    """Return one step down if everything has been idle for the whole of `sustain_down`."""
    sustain = max(1, round(rule.sustain_down.total_seconds()))
    idle = [load for load in joined if len(load.samples) >= sustain]
    if len(idle) < len(loads) or not idle:
        return []
    busiest = max(max(load.samples[-sustain:]) for load in idle)
    if busiest >= rule.remove_below:
        return []
    # what leaves puts its load on the rest; only if even that stays under the thresholds does it leave
    least = rank_least_loaded(idle, samples=sustain)[0]
    replicas = sum(load.replicas for load in loads)
    reason = f"all under {rule.remove_below:.0%} for {sustain} s (busiest {busiest:.0%})"
    if len(loads) > limits.min_instances and replicas - least.replicas >= limits.min_replicas:
        if busiest * len(loads) / (len(loads) - 1) < min(rule.add_replica_above):
            return [RemoveInstance(instance_id=least.id, reason=reason)]
        return []
    fullest = max(loads, key=lambda load: (load.replicas, load.id))
    if fullest.replicas > 1 and replicas > limits.min_replicas:
        return [RemoveReplica(instance_id=fullest.id, reason=reason)]
    return []


def describe(action: ThresholdAction) -> str:
    """Return the action in a sentence."""
    match action:
        case AddReplica(instance_id=where):
            what = f"one more replica on {where}"
        case RemoveReplica(instance_id=where):
            what = f"one replica fewer on {where}"
        case AddInstance():
            what = "one more instance"
        case RemoveInstance(instance_id=where):
            what = f"{where} goes"
        case _:
            assert_never(action)
    return f"{what}: {action.reason}"
