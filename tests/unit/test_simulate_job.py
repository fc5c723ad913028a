"""The replay's tick rules, the omniscient bound against exhaustive search, the baselines, files and chart."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.domain.errors import InvalidInputError
from kyc.planning.baselines import Greedy, UniformProgress
from kyc.planning.deadline import Choice, DeadlinePolicy, JobTerms, Observation
from kyc.simulate.bound import omniscient_cost
from kyc.simulate.fit import count_stays, fit_prior, load_prior, save_prior
from kyc.simulate.job import Options, replay, run
from kyc.simulate.recording import Recording, read_recordings

W, S, D = Choice.WAIT, Choice.SPOT, Choice.ON_DEMAND


def terms(work: float, deadline: float, overhead: float, tick: float = 600) -> JobTerms:
    return JobTerms(
        work_s=work, deadline_s=deadline, restart_overhead_s=overhead, tick_s=tick, spot_price=1.0, on_demand_price=3.0
    )


class Scripted:
    def __init__(self, *choices: Choice) -> None:
        self.choices, self.seen = iter(choices), []

    def decide(self, seen: Observation) -> Choice:
        self.seen.append(seen)
        return next(self.choices)


def test_tick_rules_by_hand() -> None:
    policy = Scripted(S, S, W, D, D, S, D, D)
    run = replay(terms(1440, 4800, 720), policy, np.array([1, 1, 0, 0, 0, 1, 0, 0], dtype=np.bool_))
    pending = [seen.pending_overhead_s for seen in policy.seen]
    assert pending == [0, 120, 0, 0, 120, 0, 0, 120]
    assert [seen.work_done_s for seen in policy.seen] == [0, 0, 480, 480, 480, 960, 960, 960]
    assert [seen.running for seen in policy.seen] == [W, S, W, W, D, D, W, D]
    assert run.interruptions == 2
    assert run.launches == 4
    assert run.cost_usd == pytest.approx((3 * 1 + 4 * 3) / 6)


def test_a_late_run_is_called_late() -> None:
    late = replay(terms(1200, 1200, 300), Greedy(terms(1200, 1200, 300)), np.zeros(2, dtype=np.bool_))
    assert late.finished_s == 1800
    assert late.is_late(terms(1200, 1200, 300).deadline_s)


def test_spot_that_is_not_there_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="tick 0"):
        replay(terms(600, 1200, 0), Scripted(S), np.zeros(2, dtype=np.bool_))


def exhaustive(terms: JobTerms, bits: tuple[bool, ...]) -> float:
    """The cheapest of all sequences of choices that end in time, by rules written anew."""
    best = np.inf
    for plan in product((W, S, D), repeat=len(bits)):
        done = pending = cost = 0.0
        last = W
        for there, choice in zip(bits, plan, strict=True):
            if done >= terms.work_s - 1e-9:
                break
            if choice is S and not there:
                cost = np.inf
                break
            if last is S and not there:
                last = W
            if choice is not W:
                pending = terms.restart_overhead_s if choice is not last else pending
                used = min(pending, terms.tick_s)
                pending, done = pending - used, done + terms.tick_s - used
                cost += (1.0 if choice is S else 3.0) * terms.tick_s / 3600
            last = choice
        if done >= terms.work_s - 1e-9:
            best = min(best, cost)
    return best


@settings(max_examples=25)
@given(
    bits=st.lists(st.booleans(), min_size=6, max_size=6).map(tuple),
    work=st.integers(1, 30).map(lambda units: units * 120.0),
    overhead=st.sampled_from([0.0, 120.0, 240.0, 600.0, 720.0, 1320.0]),
)
def test_bound_equals_exhaustive_search(bits: tuple[bool, ...], work: float, overhead: float) -> None:
    ours = terms(work, 3600, overhead)
    bound = omniscient_cost(ours, np.array([bits]))[0]
    assert bound == pytest.approx(exhaustive(ours, bits))


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), overhead=st.sampled_from([0.0, 100.0, 720.0]), tick=st.sampled_from([600.0, 195.0]))
def test_no_policy_on_time_beats_the_bound(seed: int, overhead: float, tick: float) -> None:
    ours = terms(4 * 3600, 6 * 3600 + 100, overhead, tick)
    flips = np.random.default_rng(seed).random(120) < 0.15
    bits = np.cumsum(flips) % 2 == 0
    bound = omniscient_cost(ours, bits[None, :])[0]
    for policy in (Greedy(ours), UniformProgress(ours), DeadlinePolicy.plan(ours)):
        one = replay(ours, policy, bits)
        assert one.is_late(ours.deadline_s) or one.cost_usd >= bound - 1e-9


def test_greedy_waits_to_the_last_moment() -> None:
    ours = terms(3600, 3 * 3600, 600)
    done = replay(ours, Greedy(ours), np.zeros(18, dtype=np.bool_))
    assert done.choices == [W] * 11 + [D] * 7


def test_uniform_progress_holds_the_line_and_leaves_on_demand_only_when_ahead() -> None:
    ours = terms(3600, 7200, 600)
    policy = UniformProgress(ours)

    def at(elapsed: float, done: float, running: Choice, there: bool) -> Choice:
        return policy.decide(
            Observation(
                elapsed_s=elapsed, work_done_s=done, pending_overhead_s=0, running=running, spot_available=there
            )
        )

    assert at(0, 0, W, there=False) is W
    assert at(600, 0, W, there=False) is D
    assert at(600, 0, W, there=True) is S
    assert at(1800, 1000, D, there=True) is D  # two overheads ahead are 600 s of progress
    assert at(1800, 1600, D, there=True) is S
    assert at(1800, 1600, D, there=False) is D


def recording(bits: str, tick_s: float = 600) -> Recording:
    return Recording(zone="z", tick_s=tick_s, available=np.array([bit == "1" for bit in bits]))


def test_counts_of_runs_by_hand() -> None:
    counts = count_stays(recording("1110011").available)
    middle, short = 1, 0
    assert counts[1, middle, :3].tolist() == [[1, 0], [1, 0], [0, 1]]  # stayed twice, turned at age 3
    assert counts[0, short, :2].tolist() == [[1, 0], [0, 1]]  # gone after a spell of 3, which is a short one
    assert counts[1, short, 0].tolist() == [1, 0]
    assert counts.sum() == 6


def test_fitted_prior_tells_steady_zones_from_flapping_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    zones = []
    for turn in (0.005, 0.3):
        bits = np.cumsum(rng.random(6000) < turn) % 2 == 0
        zones.append(Recording(zone=str(turn), tick_s=600, available=bits))
    prior = fit_prior(zones, regimes=2, source="test")
    there = sorted(float(np.mean(regime[1][1][:6])) for regime in prior.stay)
    assert there[0] == pytest.approx(0.7, abs=0.1)
    assert there[1] == pytest.approx(0.99, abs=0.02)
    save_prior(prior, tmp_path / "prior.json")
    assert load_prior(tmp_path / "prior.json") == prior


def test_recordings_too_short_to_learn_from_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="36 hours"):
        fit_prior([recording("101")])


def test_a_recording_is_brought_to_another_tick() -> None:
    fine = recording("110011001100", tick_s=200)
    assert fine.at(600).available.tolist() == [True, False, False, True]
    assert fine.at(600, offset=1).available.tolist() == [True, True, False]


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    path = tmp_path / "traces.json.gz"
    zones = {name: {"gap_seconds": 600, "avail": bits * 60} for name, bits in {"a": "1110", "b": "0011"}.items()}
    path.write_bytes(gzip.compress(json.dumps({"zones": zones}).encode()))
    return path


def test_what_if_reports_cost_lateness_and_gap(traces: Path, tmp_path: Path) -> None:
    chart = tmp_path / "run.svg"
    options = Options(
        traces=traces, work_s=6 * 3600, deadline_s=8 * 3600, overhead_s=180, every_s=4 * 3600, chart=chart
    )
    report = run(options)
    assert (report.policy, report.late) == ("ours", 0)
    assert report.runs == len(report.rows) == 18
    assert report.bound_usd is not None
    assert report.bound_usd <= report.cost_usd <= 3.06 * 6.2
    assert report.gap == pytest.approx(report.cost_usd / report.bound_usd - 1)
    assert ET.fromstring(chart.read_text()).tag.endswith("svg")


def test_what_if_refuses_what_it_does_not_know(traces: Path) -> None:
    options = {"traces": traces, "work_s": 3600, "deadline_s": 7200, "overhead_s": 60}
    with pytest.raises(InvalidInputError, match="uniform"):
        run(Options(**options, policy="best"))
    with pytest.raises(InvalidInputError, match="zone nowhere"):
        run(Options(**options, zone="nowhere"))


@pytest.mark.parametrize(
    ("data", "ticks"),
    [
        (
            {"meta": {"gap_seconds": 600}, "regions": {"z": [{"avail": "101", "start_tick": 7, "bench30": True}]}},
            [1, 0, 1],
        ),
        ({"meta": {"gap_seconds": 195}, "windows": [{"index": 0, "zones": {"z": {"avail": "01"}}}]}, [0, 1]),
        ({"zones": {"z": {"gap_seconds": 300, "count": [0, 3]}}}, [0, 1]),
        ({"metadata": {"gap_seconds": 600}, "data": [0, 1]}, [1, 0]),
    ],
)
def test_every_known_format_is_read(tmp_path: Path, data: dict[str, object], ticks: list[int]) -> None:
    path = tmp_path / "z.json"
    path.write_text(json.dumps(data))
    assert [one.available.astype(int).tolist() for one in read_recordings(path)] == [ticks]


def test_a_file_without_recordings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "z.json"
    path.write_text("[1, 2]")
    with pytest.raises(InvalidInputError, match="no recording"):
        read_recordings(path)


@pytest.mark.parametrize("text", ["t_seconds,requests", "", "\x1f\x8bnot gzip"])
def test_a_file_of_another_form_is_a_persons_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "load.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInputError, match=r"load\.csv"):
        read_recordings(path)
    with pytest.raises(InvalidInputError, match=r"load\.csv"):
        load_prior(path)
