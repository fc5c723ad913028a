"""The original's rules, number by number."""

from __future__ import annotations

from kyc.domain.ids import InstanceId
from kyc.domain.service import ThresholdRule
from kyc.planning.threshold import (
    AddInstance,
    AddReplica,
    InstanceLoad,
    Limits,
    RemoveInstance,
    RemoveReplica,
    describe,
    plan_threshold,
    rank_least_loaded,
)

RULE = ThresholdRule()
LIMITS = Limits(max_per_instance=3, max_instances=3)


def load(name: str, samples: list[float], *, replicas: int = 1, age_s: float = 600) -> InstanceLoad:
    return InstanceLoad(id=InstanceId(name), samples=samples, replicas=replicas, age_s=age_s)


def test_the_first_extra_replica_comes_after_five_seconds_above_30_percent():
    assert plan_threshold([load("a", [0.31] * 4)], RULE, LIMITS) == ()
    assert plan_threshold([load("a", [0.31, 0.31, 0.3, 0.31, 0.31])], RULE, LIMITS) == ()
    (action,) = plan_threshold([load("a", [0.31] * 5)], RULE, LIMITS)
    assert isinstance(action, AddReplica)
    assert describe(action).startswith("one more replica on a: CPU of a above 30% for 5 s")


def test_the_second_needs_60_percent_and_a_fourth_never_comes():
    assert plan_threshold([load("a", [0.5] * 5, replicas=2)], RULE, LIMITS) == ()
    assert isinstance(plan_threshold([load("a", [0.61] * 5, replicas=2)], RULE, LIMITS)[0], AddReplica)
    assert plan_threshold([load("a", [0.75] * 5, replicas=3)], RULE, LIMITS) == ()


def test_one_instance_starts_when_even_the_least_loaded_is_at_80_percent():
    busy, less = load("a", [0.95] * 5, replicas=3), load("b", [0.7, 0.8, 0.8, 0.8, 0.9], replicas=3)
    assert [type(a) for a in plan_threshold([busy, less], RULE, LIMITS)] == [AddInstance]
    assert plan_threshold([busy, load("b", [0.79] * 5, replicas=3)], RULE, LIMITS) == ()


def test_nothing_further_starts_until_it_has_joined_nor_beyond_the_limit():
    busy = load("a", [0.95] * 5, replicas=3)
    assert plan_threshold([busy, load("b", [], age_s=0)], RULE, LIMITS) == ()
    assert plan_threshold([busy, load("b", [0.9] * 5, replicas=3, age_s=9)], RULE, LIMITS) == ()
    three = [load(name, [0.95] * 5, replicas=3) for name in "abc"]
    assert plan_threshold(three, RULE, LIMITS) == ()


def test_the_boot_of_an_instance_is_no_load():
    grace_s = RULE.boot_grace.total_seconds()
    assert plan_threshold([load("a", [1.0] * 5, age_s=grace_s - 1)], RULE, LIMITS) == ()
    assert isinstance(plan_threshold([load("a", [1.0] * 5, age_s=grace_s)], RULE, LIMITS)[0], AddReplica)
    idle, boots = load("a", [0.1] * 60), load("b", [1.0] * 60, age_s=grace_s - 1)
    assert plan_threshold([idle, boots], RULE, LIMITS) == ()  # nor does it keep others from being idle for ever


def test_it_goes_down_in_single_steps_after_a_minute_of_idleness():
    idle = [load("a", [0.1] * 60, replicas=2), load("b", [0.05] * 60)]
    (action,) = plan_threshold(idle, RULE, LIMITS)
    assert action == RemoveInstance(instance_id=InstanceId("b"), reason="all under 20% for 60 s (busiest 10%)")
    assert isinstance(plan_threshold(idle[:1], RULE, LIMITS)[0], RemoveReplica)
    assert plan_threshold([load("a", [0.1] * 60)], RULE, LIMITS) == ()
    assert plan_threshold([load("a", [0.1] * 59, replicas=2)], RULE, LIMITS) == ()


def test_what_would_have_to_come_back_at_once_does_not_go():
    assert plan_threshold([load("a", [0.19] * 60), load("b", [0.19] * 60)], RULE, LIMITS) == ()


def test_the_least_mean_of_five_samples_gets_the_next_request():
    ranked = rank_least_loaded([load("a", [0.9, 0.1, 0.1, 0.1, 0.1, 0.1]), load("b", [0.2]), load("c", [])])
    assert [item.id for item in ranked] == ["c", "a", "b"]
