"""The whole simulation: ours beside the others, and the published figures of the others where the traces are there."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kyc.domain.errors import InvalidInputError
from kyc.simulate.service import Options, run, run_policy
from kyc.simulate.service_bounds import clairvoyant_hours, fluid_hours, oracle_hours
from kyc.simulate.service_chart import chart_svg
from kyc.simulate.service_trace import Arrivals, arrivals_of, read_arrivals
from kyc.simulate.service_world import Physics

ROOT = Path(__file__).resolve().parents[3]
TRACES = Path(os.environ.get("KYC_TRACES", ROOT.parent / "shared" / "traces")) / "requests"
FILES = {
    "worldcup": ("worldcup98_per_minute_first.csv", 0.04, 5),
    "conv": ("azure_llm2023_conv_per_second_first.csv", 1.0, 1),
    "code": ("azure_llm2023_code_per_second_first.csv", 1.0, 1),
}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Half an hour: quiet, a burst, quiet, another burst."""
    rate = np.full(1800, 3.0)
    rate[400:460] = rate[900:960] = 25.0
    path = tmp_path / "requests.csv"
    counts = np.random.default_rng(5).poisson(rate)
    path.write_text("t_seconds,requests\n" + "".join(f"{t},{n}\n" for t, n in enumerate(counts)))
    return path


def test_a_report_has_ours_the_others_and_the_bounds(trace: Path):
    report = run(Options(requests=trace, capacity_rps=1, baselines=("hpa70", "kpa70", "static")))
    shown = json.loads(json.dumps(report.to_json()))
    assert shown["policy"] == "ours"
    assert set(shown["baselines"]) == {"hpa70", "kpa70", "static"}
    assert shown["baselines"]["static"]["over_share"] == 0
    assert shown["fluid_instance_hours"] < shown["instance_hours"] < shown["baselines"]["static"]["instance_hours"]
    assert shown["over_share"] < shown["baselines"]["hpa70"]["over_share"]
    assert shown["replica_hours"] <= 4 * shown["instance_hours"]
    assert shown["changes"]
    assert all(" -> " in change["reason"] for change in shown["changes"])


def test_a_report_can_be_drawn(trace: Path):
    svg = chart_svg(run(Options(requests=trace, capacity_rps=1, baselines=())))
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg")
    assert "instance-hours" in svg


@pytest.mark.parametrize("policy", ["ours", "threshold", "hpacpu", "kpadelay70", "skyserve50", "aws", "max15/600/80"])
def test_every_policy_runs_and_keeps_one_replica(trace: Path, policy: str):
    outcome = run_policy(policy, read_arrivals(trace), Physics(capacity_rps=1))
    assert outcome.ready_per_second.min() >= 1
    assert outcome.figures.instance_hours >= 0.5


def test_nothing_happens_twice_under_a_constant_load():
    arrivals = arrivals_of(np.full(7200, 30.0))
    outcome = run_policy("ours", arrivals, Physics(capacity_rps=5))
    assert len({change.instances for change in outcome.changes}) <= 2
    assert outcome.figures.launches <= 2


def test_what_cannot_be_simulated_is_refused(trace: Path):
    with pytest.raises(InvalidInputError):
        run(Options(requests=trace, capacity_rps=0))
    with pytest.raises(InvalidInputError, match="no policy"):
        run(Options(requests=trace, capacity_rps=1, policy="magic"))
    with pytest.raises(InvalidInputError, match="between"):
        run(Options(requests=trace, capacity_rps=1, from_s=5000))


# over %, late %, instance-hours of others' autoscalers in this model on the first halves, computed independently
PUBLISHED = {
    "worldcup": {
        "static": (0, 0, 3024),
        "hpa70": (0.157, 0.001, 596.3),
        "skyserve70": (0.199, 0.013, 598.2),
        "aws70": (0.245, 0.003, 595.6),
        "dayahead70": (0.118, 0.001, 656.9),
        "max15/600/80": (0.149, 0.001, 591.8),
    },
    "conv": {
        "static": (0, 0, 2.43),
        "hpa70": (2.60, 1.57, 1.41),
        "hpa50": (0.54, 0.94, 1.55),
        "kpa70": (3.39, 0.52, 1.46),
        "kpa50": (0.46, 0.07, 1.85),
        "kpadelay70": (1.81, 0.38, 1.46),
        "skyserve70": (7.89, 15.7, 1.09),
        "skyserve50": (3.86, 13.0, 1.40),
        "aws70": (4.68, 8.2, 1.39),
        "aws50": (1.83, 5.0, 1.50),
        "max5/600/60": (0.25, 0.34, 1.98),
    },
    "code": {
        "static": (0, 0, 8.11),
        "hpacpu70": (29.9, 50.0, 1.68),
        "hpa70": (24.4, 38.8, 2.27),
        "hpa50": (19.4, 31.0, 3.33),
        "kpa70": (23.0, 44.1, 5.70),
        "kpa50": (15.9, 33.8, 7.64),
        "kpadelay70": (10.6, 16.9, 5.86),
        "skyserve70": (81.0, 99.9, 0.48),
        "skyservefast70": (35.6, 55.8, 1.71),
        "aws70": (65.1, 96.0, 0.54),
        "aws50": (57.6, 91.7, 0.92),
        "max15/600/80": (11.1, 20.8, 3.61),
        "max5/600/60": (4.8, 8.1, 7.24),
    },
}
BOUNDS = {"worldcup": (604.1, 298.7), "conv": (1.63, 0.68), "code": (2.53, 0.46)}
CLAIRVOYANT = {"worldcup": (0.157, 519.6), "conv": (2.60, 1.30), "code": (24.4, 1.12)}


@cache
def recording(name: str) -> tuple[Arrivals, Physics]:
    file, scale, capacity = FILES[name]
    path = TRACES / file
    if not path.exists():
        pytest.skip(f"the recording {file} is not in {TRACES} (KYC_TRACES names the folder above it)")
    return read_arrivals(path, scale=scale), Physics(capacity_rps=capacity)


@pytest.mark.parametrize(("name", "policy"), [(name, policy) for name in PUBLISHED for policy in PUBLISHED[name]])
def test_the_others_do_as_published(name: str, policy: str):
    arrivals, physics = recording(name)
    figures = run_policy(policy, arrivals, physics).figures
    over, late, hours = PUBLISHED[name][policy]
    rounding = 0.0006 if name == "worldcup" else 0.006
    assert 100 * figures.over_share == pytest.approx(over, rel=0.05, abs=rounding)
    assert 100 * figures.late_share == pytest.approx(late, rel=0.05, abs=max(rounding, 0.001))
    assert figures.instance_hours == pytest.approx(hours, rel=0.05)


@pytest.mark.parametrize("name", BOUNDS)
def test_the_bounds_are_as_published(name: str):
    arrivals, physics = recording(name)
    oracle, fluid = BOUNDS[name]
    over, clairvoyant = CLAIRVOYANT[name]
    assert oracle_hours(arrivals, physics) == pytest.approx(oracle, rel=0.02)
    assert fluid_hours(arrivals, physics) == pytest.approx(fluid, rel=0.02)
    assert clairvoyant_hours(arrivals, physics, over_share=over / 100) == pytest.approx(clairvoyant, rel=0.02)


@pytest.mark.parametrize(("name", "over", "hours"), [("conv", 0.005, 1.55), ("code", 0.11, 3.3)])
def test_ours_beats_the_bars(name: str, over: float, hours: float):
    arrivals, physics = recording(name)
    figures = run_policy("ours", arrivals, physics).figures
    assert figures.over_share <= over
    assert figures.instance_hours <= hours


def test_ours_keeps_the_bar_and_is_cheaper_than_hpa_on_a_day_of_the_world_cup():
    # a day only, for time; HPA loses 0.065 % on it with 13 % more hours. The whole is in the bench.
    whole, physics = recording("worldcup")
    arrivals = arrivals_of(whole.per_second[43200:129600])
    ours, hpa = (run_policy(name, arrivals, physics).figures for name in ("ours", "hpa70"))
    assert ours.over_share <= 0.0015
    assert ours.instance_hours < 0.95 * hpa.instance_hours
