"""`kyc simulate`: recordings that are made up, swept over, learned from and drawn; no master is needed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kyc.planning.availability import AvailabilityPrior
from kyc.simulate import picture
from kyc.simulate.recording import read_recordings
from tests.unit.cli.conftest import Kyc

TERMS = ("--deadline", "8h", "--overhead", "3m")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def traces(kyc: Kyc, tmp_path: Path) -> Path:
    path = tmp_path / "traces.json.gz"
    assert kyc("simulate", "trace", "--out", path, "--zones", "2", "--span", "4d", "--seed", "7").code == 0
    return path


def test_a_made_up_recording_says_so_is_repeatable_and_can_be_replayed(kyc: Kyc, traces: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.json.gz", tmp_path / "other.json.gz"
    made = kyc("simulate", "trace", "--out", again, "--zones", "2", "--span", "4d", "--seed", "7")
    assert "Made up, not measured" in made.out
    kyc("simulate", "trace", "--out", other, "--zones", "2", "--span", "4d", "--seed", "8")
    assert again.read_bytes() == traces.read_bytes() != other.read_bytes()
    recordings = read_recordings(traces)
    assert [(one.zone, one.span_s) for one in recordings] == [("made-up-1", 4 * 86400), ("made-up-2", 4 * 86400)]
    assert all(0 < one.available.mean() < 1 for one in recordings)
    report = kyc("simulate", "job", "--traces", traces, "--work", "6h", *TERMS, "--every", "1d", "--json").json
    assert (report["runs"], report["late"]) == (8, 0)
    fleet = kyc("simulate", "fleet", "--traces", traces, "--work", "6h", *TERMS, "--cores", "1", "--json").json
    assert (fleet["zones"], fleet["late"]) == (["made-up-1", "made-up-2"], 0)


def test_made_up_requests_can_be_served(kyc: Kyc, tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    assert kyc("simulate", "trace", "--requests", "--out", path, "--span", "1h").code == 0
    assert path.read_text().splitlines()[0] == "t_seconds,requests"
    assert len(path.read_text().splitlines()) == 61
    report = kyc("simulate", "service", "--requests", path, "--capacity-rps", "10", "--json").json
    assert report["policy"] == "ours"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--zones", "0"], "0 zones"),
        (["--span", "2000d"], "2000 days"),
        (["--span", "soon"], "--span: 'soon' is not a time"),
        (["--out", "nowhere/x.json.gz"], "nowhere is not a folder"),
    ],
)
def test_what_cannot_be_made_is_refused(kyc: Kyc, tmp_path: Path, arguments: list[str], told: str) -> None:
    done = kyc("simulate", "trace", "--out", tmp_path / "x.json.gz", *arguments)
    assert done.code == 2
    assert told in done.err


def test_terms_that_are_no_times_are_refused(kyc: Kyc, traces: Path) -> None:
    asked = ("--traces", traces, "--work", "6h", "--deadline", "8h", "--overhead", "none")
    for verb in ("job", "fleet", "sweep"):
        done = kyc("simulate", verb, *asked)
        assert (done.code, "--overhead: 'none' is not a time" in done.err) == (2, True)
    free = kyc("simulate", "job", "--traces", traces, "--work", "6h", "--deadline", "8h", "--overhead", "0", "--json")
    assert free.json["late"] == 0


def test_a_sweep_is_every_combination_and_each_row_is_what_job_reports(kyc: Kyc, traces: Path) -> None:
    asked = ("sweep", "--traces", traces, "--work", "4h,6h", *TERMS, "--policy", "ours,uniform", "--cores", "1")
    rows = kyc("simulate", *asked, "--json").json
    assert [(row["work_s"], row["policy"]) for row in rows] == [
        *((4 * 3600, "ours"), (4 * 3600, "uniform")),
        *((6 * 3600, "ours"), (6 * 3600, "uniform")),
    ]
    one = kyc("simulate", "job", "--traces", traces, "--work", "6h", *TERMS, "--policy", "uniform", "--json").json
    assert {key: one[key] for key in ("runs", "late", "cost_usd", "gap")} == {
        key: rows[3][key] for key in ("runs", "late", "cost_usd", "gap")
    }
    table = kyc("simulate", *asked).out
    assert table.splitlines()[0].split()[:2] == ["TRACES", "POLICY"]
    assert table.count("traces.json.gz") == 4


def test_a_sweep_uses_several_processes(kyc: Kyc, traces: Path) -> None:
    asked = ("sweep", "--traces", traces, "--work", "4h,6h", *TERMS, "--policy", "greedy", "--json")
    assert kyc("simulate", *asked, "--cores", "2").json == kyc("simulate", *asked, "--cores", "1").json


def test_what_is_learned_can_be_believed(kyc: Kyc, traces: Path, tmp_path: Path) -> None:
    out = tmp_path / "prior.json"
    done = kyc("simulate", "fit", "--traces", traces, "--regimes", "2", "--out", out)
    assert "2 kinds of zones from 2 recordings" in done.out
    prior = AvailabilityPrior.from_json(out.read_text())
    assert (len(prior.weights), prior.source) == (2, "traces.json.gz")
    asked = ("simulate", "job", "--traces", traces, "--work", "6h", *TERMS, "--prior")
    assert kyc(*asked, out, "--json").json["late"] == 0
    out.write_text(json.dumps({"step_s": 600}))
    assert (kyc(*asked, out).code, "holds no prior" in kyc(*asked, out).err) == (2, True)


@pytest.mark.parametrize("verb", ["job", "fleet"])
def test_a_run_is_drawn_as_its_name_says(kyc: Kyc, traces: Path, tmp_path: Path, verb: str) -> None:
    asked = ("simulate", verb, "--traces", traces, "--work", "6h", *TERMS, "--chart")
    svg, png = tmp_path / "run.svg", tmp_path / "run.png"
    assert kyc(*asked, svg).code == kyc(*asked, png).code == 0
    assert ET.fromstring(svg.read_text()).tag.endswith("svg")
    assert png.read_bytes().startswith(PNG)


def test_a_service_is_drawn_too(kyc: Kyc, tmp_path: Path) -> None:
    path, png = tmp_path / "load.csv", tmp_path / "load.png"
    kyc("simulate", "trace", "--requests", "--out", path, "--span", "1h")
    assert kyc("simulate", "service", "--requests", path, "--capacity-rps", "10", "--chart", png).code == 0
    assert png.read_bytes().startswith(PNG)


def test_a_chart_that_cannot_be_is_refused_before_the_work(
    kyc: Kyc, traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("simulate", "job", "--traces", traces, "--work", "6h", *TERMS, "--chart")
    assert "neither .svg nor .png" in kyc(*asked, tmp_path / "run.gif").err
    assert "is not a folder" in kyc(*asked, tmp_path / "nowhere" / "run.svg").err
    monkeypatch.setattr(picture, "find_spec", lambda _: None)
    refused = kyc(*asked, tmp_path / "run.png")
    assert (refused.code, "keep-your-cost[png]" in refused.err) == (2, True)
