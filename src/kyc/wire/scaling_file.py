"""How a service scales, as its file says: limits, targets, policy, spot rules, schedules."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import time

from kyc.domain.service import (
    ReplicaMetric,
    ScalingPolicy,
    ScalingRule,
    Schedule,
    SignalKind,
    SpotRule,
    Target,
    ThresholdRule,
    WorthRule,
)
from kyc.wire.quantity import duration
from kyc.wire.section import Section, refuse_unknown, section_of

_TARGETS = {
    "target_qps_per_replica": SignalKind.REQUESTS,
    "target_concurrency": SignalKind.CONCURRENCY,
    "target_queue": SignalKind.QUEUE,
    "target_cpu_percent": SignalKind.CPU,
    "target_p95_ms": SignalKind.LATENCY,
}
_IGNORED = {
    "upscale_delay_seconds": "instances are bought when they are worth their price",
    "downscale_delay_seconds": "instances are given back when they are not worth their price any more",
    "spot_placer": "instances are spread over pools by price and risk",
}
SCALING_KEYS = frozenset(
    {
        *_TARGETS, *_IGNORED, "target_metric", "min_replicas", "max_replicas", "max_instances",
        "max_replicas_per_instance", "policy", "threshold", "schedules", "memory",
        "forecast", "fill_instances", "num_overprovision", "base_ondemand_fallback_replicas",
        "dynamic_ondemand_fallback",
    }
)  # fmt: skip
_THRESHOLD_KEYS = frozenset(
    {"add_instance_at", "add_replica_above", "remove_below", "samples", "sustain", "sustain_down", "boot_grace"}
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_scaling(service: Section, warnings: list[str]) -> tuple[ScalingRule, int | None]:
    """Return the rule, and how many replicas may share an instance at most (None: as many as fit)."""
    value = service.get("replica_policy")
    if value is None:
        fixed = service.parsed("replicas", whole, 1)
        return ScalingRule(min_replicas=fixed, max_replicas=fixed), None
    if service.get("replicas") is not None:
        raise service.wrong("replicas", "given beside replica_policy", next_step="Use one of the two.")
    policy = section_of(value, service.place("replica_policy"))
    refuse_unknown(policy, SCALING_KEYS)
    warnings += [
        f"{policy.place(key)}: no effect; {why}" for key, why in _IGNORED.items() if policy.get(key) is not None
    ]
    per_instance = policy.parsed("max_replicas_per_instance", at_least_one, None)
    return _rule(policy, warnings), per_instance


def _rule(policy: Section, warnings: list[str]) -> ScalingRule:
    least = policy.parsed("min_replicas", whole, 1)
    most = policy.parsed("max_replicas", at_least_one, max(1, least))
    if most < least:
        raise policy.wrong("max_replicas", f"below min_replicas ({least})")
    kind = _policy(policy)
    targets = _targets(policy)
    if not targets and most > least and kind is ScalingPolicy.WORTH:
        raise policy.wrong(
            "max_replicas", "above min_replicas, but no target says when", next_step="Add target_qps_per_replica: 10."
        )
    if targets and kind is ScalingPolicy.THRESHOLD:
        warnings.append(f"{policy.place('policy')}: threshold goes by CPU alone, so the targets have no effect")
    worth = WorthRule(
        memory=policy.parsed("memory", duration, None),
        forecast=policy.flag("forecast", True),
        fill_instances=policy.flag("fill_instances", True),
    )
    return ScalingRule(
        min_replicas=least,
        max_replicas=most,
        max_instances=policy.parsed("max_instances", at_least_one, None),
        targets=targets,
        policy=kind,
        worth=worth,
        threshold=_threshold(policy),
        spot=SpotRule(
            extra=policy.parsed("num_overprovision", whole, 0),
            on_demand_base=policy.parsed("base_ondemand_fallback_replicas", whole, 0),
            fallback=policy.flag("dynamic_ondemand_fallback", False),
        ),
        schedules=_schedules(policy),
    )


def _targets(policy: Section) -> tuple[Target, ...]:
    found = [
        Target(kind=signal, per_replica=policy.parsed(key, positive, 1.0))
        for key, signal in _TARGETS.items()
        if policy.get(key) is not None
    ]
    if (value := policy.get("target_metric")) is not None:
        found.append(_metric(section_of(value, policy.place("target_metric"))))
    return tuple(found)


def _metric(section: Section) -> Target:
    refuse_unknown(section, {"path", "name", "per_replica"})
    for key in ("name", "per_replica"):
        if section.get(key) is None:
            raise section.wrong(
                key, "missing", next_step="Write `{path: /metrics, name: queue_depth, per_replica: 10}`."
            )
    metric = ReplicaMetric(
        path=section.parsed("path", _path, "/metrics"), name=section.parsed("name", _metric_name, "")
    )
    return Target(kind=SignalKind.CUSTOM, per_replica=section.parsed("per_replica", positive, 1.0), metric=metric)


def _path(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"/[!-~]*", value):
        raise ValueError("not a path such as /metrics")
    return value


def _metric_name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_:][A-Za-z0-9_:]*", value):
        raise ValueError("not a metric's name such as queue_depth")
    return value


def _policy(policy: Section) -> ScalingPolicy:
    written = policy.text("policy", ScalingPolicy.WORTH.value)
    if written not in set(ScalingPolicy):
        raise policy.wrong("policy", f"none of {', '.join(ScalingPolicy)}")
    return ScalingPolicy(written)


def _threshold(policy: Section) -> ThresholdRule:
    value, usual = policy.get("threshold"), ThresholdRule()
    if value is None:
        return usual
    section = section_of(value, policy.place("threshold"))
    refuse_unknown(section, _THRESHOLD_KEYS)
    return replace(
        usual,
        add_instance_at=section.parsed("add_instance_at", _share, usual.add_instance_at),
        add_replica_above=section.parsed("add_replica_above", _shares, usual.add_replica_above),
        remove_below=section.parsed("remove_below", _share, usual.remove_below),
        samples=section.parsed("samples", at_least_one, usual.samples),
        sustain=section.parsed("sustain", duration, usual.sustain),
        sustain_down=section.parsed("sustain_down", duration, usual.sustain_down),
        boot_grace=section.parsed("boot_grace", duration, usual.boot_grace),
    )


def _schedules(policy: Section) -> tuple[Schedule, ...]:
    value = policy.get("schedules")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise policy.wrong("schedules", "not a list", next_step="Write a `- ` line for each.")
    return tuple(_schedule(section_of(one, f"{policy.place('schedules')}[{n}]")) for n, one in enumerate(value))


def _schedule(section: Section) -> Schedule:
    refuse_unknown(section, {"min_replicas", "from", "to", "days"})
    for key in ("min_replicas", "from", "to"):
        if section.get(key) is None:
            raise section.wrong(key, "missing", next_step='Write `{min_replicas: 4, from: "08:00", to: "18:00"}`.')
    return Schedule(
        min_replicas=section.parsed("min_replicas", whole, 0),
        starts=section.parsed("from", _clock, time()),
        ends=section.parsed("to", _clock, time()),
        days=section.parsed("days", _days, frozenset(range(7))),
    )


def _clock(value: object) -> time:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:  # YAML reads 8:00 as 480
        return time(value // 60, value % 60)
    try:
        return time.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError('not a time of the day such as "08:00" (UTC)') from error


def _days(value: object) -> frozenset[int]:
    names = [str(day).lower()[:3] for day in value] if isinstance(value, list) else []
    if not names or any(name not in _DAYS for name in names):
        raise ValueError("not a list of days such as [mon, tue]")
    return frozenset(_DAYS.index(name) for name in names)


def positive(value: object) -> float:
    """Return a number above zero; raise ValueError."""
    number = _number(value)
    if not 0 < number <= 1e9:
        raise ValueError("not a number above zero")
    return number


def whole(value: object) -> int:
    """Return a whole number of 0 or more; raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100_000:
        raise ValueError("not a whole number from 0 to 100000")
    return value


def at_least_one(value: object) -> int:
    """Return a whole number of 1 or more; raise ValueError."""
    if whole(value) < 1:
        raise ValueError("not a whole number of 1 or more")
    return whole(value)


def _share(value: object) -> float:
    number = _number(value)
    if not 0 < number <= 1:
        raise ValueError("not a share above 0 and at most 1")
    return number


def _shares(value: object) -> tuple[float, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("not a list of shares such as [0.3, 0.6]")
    return tuple(_share(one) for one in value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
