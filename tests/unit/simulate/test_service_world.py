"""The simulated world keeps to its physics, and the bounds to what they claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.domain.errors import InvalidInputError
from kyc.simulate.service_bounds import clairvoyant_hours, fluid_hours, oracle_hours
from kyc.simulate.service_trace import arrivals_of, read_arrivals
from kyc.simulate.service_world import Physics, World, figures_of

PHYSICS = Physics(capacity_rps=1)


def test_a_replica_on_a_new_instance_is_ready_after_both_have_started():
    world = World(PHYSICS, seconds=200, replicas=4)
    world.scale_to(5)
    world.advance(100)
    world.scale_to(6)
    world.advance(200)
    world.finish()
    ready = world.ready_per_second
    assert (ready[61], ready[62], ready[101], ready[102]) == (4, 5, 5, 6)
    assert world.instance_seconds == 400
    assert world.replica_seconds == 4 * 200 + 200 + 100


def test_what_is_not_ready_goes_first_then_the_emptiest_instance_which_is_released_later():
    world = World(PHYSICS, seconds=2000, replicas=6)
    world.scale_to(8)
    world.scale_to(6)
    assert world.ready == 6
    world.scale_to(4)
    assert [len(instance.replicas) for instance in world.instances] == [4, 0]
    world.advance(599)
    world.release_idle()
    assert len(world.instances) == 2
    world.advance(600)
    world.release_idle()
    assert len(world.instances) == 1
    assert world.instance_seconds == 600


def test_over_counts_the_second_and_late_the_queue():
    world = World(PHYSICS, seconds=20, replicas=2)
    world.advance(20)
    world.finish()
    load = np.zeros(20)
    load[5], load[6], load[7] = 8, 1, 1
    figures = figures_of(world, arrivals_of(load))
    assert figures.over_share == pytest.approx(6 / 10)
    assert figures.late_share == pytest.approx(10 / 10)
    assert figures.instance_hours == pytest.approx(20 / 3600)


def test_the_oracle_keeps_an_instance_over_a_short_gap_and_starts_it_ahead():
    load = np.zeros(1000)
    load[100:110] = 8
    load[150:160] = 8
    load[500:510] = 8
    hours = oracle_hours(arrivals_of(load), PHYSICS)
    assert hours * 3600 == pytest.approx(1000 + (60 + 60) + (60 + 10))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=400), st.floats(0, 1))
def test_the_bounds_are_in_order(load, over):
    arrivals = arrivals_of(np.array(load, dtype=np.float64))
    oracle = oracle_hours(arrivals, PHYSICS)
    assert fluid_hours(arrivals, PHYSICS) <= oracle + 1e-9
    assert clairvoyant_hours(arrivals, PHYSICS, over_share=over) <= oracle + 1e-9


def test_a_trace_by_the_second_is_taken_as_it_is(tmp_path: Path):
    path = tmp_path / "trace.csv"
    path.write_text("t_seconds,requests\n10,1\n11,0\n12,7\n")
    assert read_arrivals(path).per_second.tolist() == [1, 0, 7]


def test_a_coarse_trace_becomes_a_rate_with_its_chance(tmp_path: Path):
    path = tmp_path / "trace.csv"
    path.write_text("t_seconds,requests\n" + "".join(f"{60 * n},6000\n" for n in range(60)))
    arrivals = read_arrivals(path, scale=0.1)
    assert arrivals.seconds == 3600
    assert arrivals.mean(0, 3600) == pytest.approx(10, rel=0.03)
    assert arrivals.per_second.var() == pytest.approx(10, rel=0.15)
    assert (arrivals.per_second == read_arrivals(path, scale=0.1).per_second).all()


@pytest.mark.parametrize(
    "content",
    [
        "time,count\n1,2\n2,3\n",
        "t_seconds,requests\n1,2\n",
        "t_seconds,requests\n1,2\n2,x\n",
        "t_seconds,requests\n1,2\n2,3\n9,1\n",
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str):
    path = tmp_path / "trace.csv"
    path.write_text(content)
    with pytest.raises(InvalidInputError, match=r"trace\.csv"):
        read_arrivals(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="nothing"):
        read_arrivals(tmp_path / "nothing.csv")
