"""Each rival decides as its own source or documentation says: single decisions, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kyc.domain.errors import InvalidInputError
from kyc.simulate.service import rival_of
from kyc.simulate.service_rivals import (
    AwsTargetTracking,
    Hpa,
    Kpa,
    PlainMaximum,
    SkyServe,
    StaticPeak,
    day_ahead_rps,
    hpa_average_value,
    hpa_resource,
    kpa_clamped,
)
from kyc.simulate.service_trace import Arrivals, arrivals_of
from kyc.simulate.service_world import Physics, World

PHYSICS = Physics(capacity_rps=10)


def steady(rps: float, seconds: int = 4000) -> Arrivals:
    return arrivals_of(np.full(seconds, float(rps)))


def world_at(now: int, replicas: int, seconds: int = 4000) -> World:
    world = World(PHYSICS, seconds=seconds, replicas=replicas)
    world.advance(now)
    return world


@pytest.mark.parametrize(
    ("busy", "ready", "replicas", "wanted"),
    [
        (0.70, 4, 4, 4),
        (0.76, 4, 4, 4),  # within 10 %
        (0.84, 4, 4, 5),  # 1.2 x 4 = 4.8
        (0.35, 4, 4, 2),
        (1.0, 4, 8, 8),  # 4 idle ones on the way: 1.43 x 4 / 8 < 1.1, so no more
        (1.0, 8, 9, 12),  # 1.43 x 8 = 11.4
        (0.0, 4, 4, 1),
    ],
)
def test_hpa_on_cpu(busy, ready, replicas, wanted):
    assert hpa_resource(busy, target=0.7, ready=ready, replicas=replicas) == wanted


@pytest.mark.parametrize(("value", "replicas", "wanted"), [(28, 4, 4), (30, 4, 4), (32, 4, 5), (12, 4, 2), (0, 4, 1)])
def test_hpa_and_keda_on_an_average_value(value, replicas, wanted):
    assert hpa_average_value(value, target=7, replicas=replicas) == wanted


def test_hpa_goes_up_by_four_or_double_and_down_after_300_seconds():
    hpa = Hpa(utilisation=0.7)
    assert hpa.stabilised(15, 30, 3) == 7
    assert hpa.stabilised(30, 30, 7) == 14
    assert hpa.stabilised(45, 5, 14) == 14
    assert hpa.stabilised(330, 5, 14) == 5


def test_kpa_reads_two_windows_and_panics_at_twice_what_is_ready():
    load = np.zeros(400)
    load[200:] = 60.0
    arrivals = arrivals_of(load)
    kpa = Kpa(utilisation=0.7)
    assert kpa.desired(world_at(202, 2), arrivals) == 1  # 20 rps / 7 = 3 is not twice 2: 2 rps of 60 s decide
    assert kpa.desired(world_at(206, 2), arrivals) == 9  # 60 / 7
    assert kpa.desired(world_at(230, 9), np_quiet(arrivals, 210)) == 9  # never below the highest while it panics
    assert kpa.desired(world_at(300, 9), np_quiet(arrivals, 210)) == 4  # half of what is ready at most


def np_quiet(arrivals: Arrivals, since: int) -> Arrivals:
    load = arrivals.per_second.copy()
    load[since:] = 0
    return arrivals_of(load)


def test_kpa_is_clamped_to_half_and_to_a_thousandfold():
    assert kpa_clamped(0.1, ready=9) == 4
    assert kpa_clamped(9000.0, ready=2) == 2000


def test_skyserve_waits_for_fifteen_samples_up_and_sixty_down():
    sky, arrivals = SkyServe(utilisation=0.7), steady(35)
    answers = [sky.desired(world_at(60 + 20 * n, 2), arrivals) for n in range(15)]
    assert answers == [2] * 14 + [5]
    down = [sky.desired(world_at(400 + 20 * n, 9), arrivals) for n in range(60)]
    assert down == [9] * 59 + [5]


def test_aws_alarms_after_three_minutes_above_and_fifteen_below():
    aws, arrivals = AwsTargetTracking(utilisation=0.7), steady(28)
    assert [aws.desired(world_at(60 * n, 2), arrivals) for n in range(1, 4)] == [2, 2, 4]
    aws = AwsTargetTracking(utilisation=0.7)
    assert [aws.desired(world_at(60 * n, 8), arrivals) for n in range(1, 16)] == [8] * 14 + [4]


def test_the_plain_reference_takes_the_highest_mean_of_late():
    load = np.full(1000, 10.0)
    load[300:315] = 40.0
    plain = PlainMaximum(window_s=15, history_s=600, utilisation=0.8)
    answers = [plain.desired(world_at(now, 1), arrivals_of(load)) for now in range(5, 1000, 5)]
    assert answers[0] == 2
    assert max(answers) == answers[62] == answers[181] == 5
    assert answers[182:185] == [4, 3, 2]  # the burst leaves the window bit by bit


def test_static_is_sized_for_the_busiest_second():
    load = np.full(100, 3.0)
    load[50] = 41
    assert StaticPeak().desired(world_at(0, 1), arrivals_of(load)) == 5


def test_the_day_ahead_takes_yesterdays_hour_times_todays_ratio():
    hours = np.repeat(np.arange(1.0, 49.0), 3600)
    now = 86400 + 2 * 3600  # the last hour had 26, the same one yesterday 2: at most double
    assert day_ahead_rps(arrivals_of(hours), now) == pytest.approx(2 * 3)
    assert day_ahead_rps(arrivals_of(hours), 3600) == 0


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(InvalidInputError, match="no policy 'vpa'") as caught:
        rival_of("vpa")
    assert "skyserve" in caught.value.next_step
